"""Values that a declaration refuses, in words that name the field as the page labels it."""

from __future__ import annotations

from pydantic import ValidationError

from webui.messages import Fault, refusal, texts


def fault_of(error: ValidationError, kind: str, language: str) -> Fault:
    """The first thing that is wrong. ``kind`` is what the labels stand under in ``locales``: field or setting."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return refusal(first, path, texts(language).get(f"{kind}.{path}", path))
