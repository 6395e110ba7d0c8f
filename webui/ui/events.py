"""Small words for gradio's events."""

from __future__ import annotations

from typing import Any

from gradio.components import Component

# A handler that answers at once: no queue, no overlay, and no address of its own in gradio's API.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def on_change(component: Component) -> Any:
    """The event of every component with a value; gradio makes it when the class is loaded, so no type has it."""
    return component.change  # type: ignore[attr-defined]
