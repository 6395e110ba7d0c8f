"""The page's texts, handed to the browser in every language: it chooses, so that one page serves all readers."""

from __future__ import annotations

import gradio as gr
from gradio.i18n import I18nData

from webui.messages import LANGUAGES, texts

SPOKEN = ("page.", "field.", "setting.", "section.")


def translations() -> gr.I18n:
    return gr.I18n(**{language: spoken(language) for language in LANGUAGES})


def spoken(language: str) -> dict[str, str]:
    return {code: text for code, text in texts(language).items() if code.startswith(SPOKEN)}


def t(code: str) -> I18nData:
    """A text that the browser fills in. A code without a text is a KeyError here, not a riddle on the page."""
    texts("en")[code]
    return I18nData(code)
