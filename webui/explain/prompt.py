"""What a prompt means: its parts, their texts over the steps, and what the text encoder is given."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import chain
from typing import Any, get_args

from webui.messages import Message
from webui.prompt import (
    COMMA_BACKTRACK,
    Parsed,
    Reading,
    Rules,
    clip_tokenizer,
    longest,
    pieces,
    read,
    shown,
)
from webui.prompt.attention import BREAK
from webui.settings import Settings

NAME = "prompt"
HELP = "what a prompt means, step by step"
EMPHASES = get_args(Settings.model_fields["emphasis"].annotation)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Prints JSON. parts: those between AND, each with its weight, its schedule [last step, text] and, for every"
        " entry of that, the text in pieces of equal weight [text, weight], a break being [BREAK, -1]. networks: the"
        " <type:name:argument:…> tags. count: tokens and the room they need, for the longest of the texts. chunks: the"
        " tokens in each chunk of that text. notes: what should be said about the prompt."
    )
    parser.add_argument("text")
    parser.add_argument("--steps", type=_positive, default=20, help="the denoiser's calls (default: 20)")
    parser.add_argument("--hires-steps", type=_positive, metavar="M", help="the second pass of M steps after the first")
    parser.add_argument("--sd-webui", action="store_true", help="exactly as sd-webui reads it")
    parser.add_argument("--negative", action="store_true", help="it is a negative prompt: neither AND nor networks")
    parser.add_argument("--old-scheduling", action="store_true", help="steps as sd-webui counted them before 1.6")
    parser.add_argument("--emphasis", choices=EMPHASES, default=EMPHASES[0], help="None: brackets are just text")
    parser.add_argument(
        "--backtrack",
        type=int,
        default=COMMA_BACKTRACK,
        metavar="N",
        help="tokens a chunk may end early by, at a comma",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number from 1 up is wanted")
    return number


def explain(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Always good: there is no prompt that means nothing."""
    rules = Rules(options.sd_webui, options.old_scheduling, options.emphasis, options.backtrack)
    second = options.hires_steps is not None
    reading = read(
        options.text,
        options.hires_steps if second else options.steps,
        rules,
        base_steps=options.steps if second else None,
        negative=options.negative,
    )
    return explain_reading(reading, rules), True


def explain_reading(reading: Reading, rules: Rules) -> dict[str, Any]:
    """As ``arguments`` describes it."""
    parsed = {text: pieces(text, rules) for text in reading.texts}
    chunks = longest(reading, clip_tokenizer(), rules)
    return {
        "parts": [
            {
                "weight": part.weight,
                "schedule": [list(entry) for entry in part.schedule],
                "attention": [_attention(parsed[text]) for _, text in part.schedule],
            }
            for part in reading.parts
        ],
        "networks": [
            {"type": network.type, "name": network.name, "arguments": list(network.arguments)}
            for network in reading.networks
        ],
        "count": list(shown(chunks)),
        "chunks": [chunk.used for chunk in chunks],
        "notes": [{"code": note.code, "text": note.text()} for note in _notes(reading, parsed.values())],
    }


def _attention(parsed: Parsed) -> list[list[Any]]:
    return [["BREAK", -1] if piece == BREAK else list(piece) for piece in parsed.pieces]


def _notes(reading: Reading, parsed: Iterable[Parsed]) -> list[Message]:
    """Each once."""
    notes = chain(reading.notes, *(text.notes for text in parsed))
    return list({note.model_dump_json(): note for note in notes}.values())
