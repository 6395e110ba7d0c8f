"""Textual inversions (Gal et al. 2022, arXiv:2208.01618): words that a file of the folder ``embeddings`` teaches."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\s,()\[\]:|<>{}]+")


def named(text: str, names: Iterable[str]) -> list[str]:
    """The names that stand as words in the text, in any case. A name may be several words."""
    words = " ".join(_WORD.findall(text)).lower()
    spaced = f" {words} "
    return [name for name in names if f" {' '.join(_WORD.findall(name)).lower()} " in spaced]
