"""Prompts: text → weighted pieces (``attention``) → tokens (``tokens``) → chunks for a text encoder (``chunks``)."""

from webui.prompt.attention import Parsed, parse
from webui.prompt.chunks import Chunk, into_chunks, shown
from webui.prompt.tokens import TextTokenizer

__all__ = ["Chunk", "Parsed", "TextTokenizer", "count", "encode", "parse"]


def encode(parsed: Parsed, tokenizer: TextTokenizer) -> list[Chunk]:
    """The chunks of a parsed text, at least one."""
    return into_chunks(parsed.pieces, tokenizer)


def count(text: str, tokenizer: TextTokenizer) -> tuple[int, int]:
    """(tokens, the multiple of 75 that they fill), as a token counter shows them."""
    return shown(encode(parse(text), tokenizer))
