"""What a tab is: one file in ``webui.ui.tabs``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.app import App


@dataclass(frozen=True)
class Page:
    """What every tab is built with.

    ``shared``: the components of the header, by the request's field they stand for. ``settle``: the event that follows
    when the page has put back what was chosen in them: do those files still exist? ``refresh``: the button that looks
    for new files.
    """

    app: App
    blocks: gr.Blocks
    shared: Mapping[str, Component]
    settle: Mapping[str, Any]
    refresh: gr.Button


@dataclass(frozen=True)
class Tab:
    name: str  # its title is the text "page.tab.<name>"
    order: int  # from left to right
    build: Callable[[Page], None]
