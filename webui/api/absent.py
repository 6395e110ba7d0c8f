"""Lists of sd-webui's that are empty here: its clients ask for them before they do anything else."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from webui.api.strict import StrictRoute

router = APIRouter(prefix="/sdapi/v1", route_class=StrictRoute, tags=["sd-webui"])


@router.get("/loras")
@router.get("/hypernetworks")
@router.get("/face-restorers")
@router.get("/realesrgan-models")
@router.get("/script-info")
@router.get("/extensions")
def none_of_them() -> list[dict[str, Any]]:
    """There are none yet."""
    return []


@router.get("/scripts")
def scripts() -> dict[str, list[str]]:
    """There are none yet."""
    return {"txt2img": [], "img2img": []}


@router.get("/embeddings")
def embeddings() -> dict[str, dict[str, Any]]:
    """There are none yet."""
    return {"loaded": {}, "skipped": {}}
