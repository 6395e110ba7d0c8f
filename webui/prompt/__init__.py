"""Prompts: text → parts and their texts over the steps (``reading``) → weighted pieces (``attention``) → tokens
(``tokens``) → chunks for a text encoder (``chunks``).
"""

from webui.prompt.attention import Parsed, Piece, parse
from webui.prompt.chunks import COMMA_BACKTRACK, Chunk, into_chunks, shown
from webui.prompt.comments import strip as strip_comments
from webui.prompt.networks import Network
from webui.prompt.reading import Part, Reading, Rules, chunks, count, longest, pieces, read, rules_of
from webui.prompt.tokens import TextTokenizer, clip_tokenizer

__all__ = [
    "Chunk",
    "Network",
    "Parsed",
    "Part",
    "Piece",
    "Reading",
    "Rules",
    "TextTokenizer",
    "chunks",
    "clip_tokenizer",
    "count",
    "encode",
    "longest",
    "parse",
    "pieces",
    "read",
    "rules_of",
    "shown",
    "strip_comments",
]


def encode(parsed: Parsed, tokenize: TextTokenizer, backtrack: int = COMMA_BACKTRACK) -> list[Chunk]:
    """The chunks of a parsed text, at least one."""
    return into_chunks(parsed.pieces, tokenize, backtrack)
