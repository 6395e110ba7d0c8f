"""Prompts: text → weighted pieces (``attention``) → tokens (``tokens``) → chunks for a text encoder (``chunks``)."""

from webui.prompt.attention import Parsed, Piece, parse
from webui.prompt.chunks import COMMA_BACKTRACK, Chunk, into_chunks, shown
from webui.prompt.tokens import TextTokenizer, clip_tokenizer

__all__ = ["Chunk", "Parsed", "Piece", "TextTokenizer", "clip_tokenizer", "count", "encode", "parse"]


def encode(parsed: Parsed, tokenize: TextTokenizer, backtrack: int = COMMA_BACKTRACK) -> list[Chunk]:
    """The chunks of a parsed text, at least one."""
    return into_chunks(parsed.pieces, tokenize, backtrack)


def count(text: str, tokenize: TextTokenizer, backtrack: int = COMMA_BACKTRACK) -> tuple[int, int]:
    """(tokens, the multiple of 75 that they fill), as a token counter shows them."""
    return shown(encode(parse(text), tokenize, backtrack))
