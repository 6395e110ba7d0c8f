"""A whole prompt: remarks and networks taken out, parts by AND, each part's texts over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webui.messages import Message
from webui.prompt import comments, composition
from webui.prompt.attention import Parsed, Piece, parse
from webui.prompt.chunks import COMMA_BACKTRACK, Chunk, into_chunks, shown
from webui.prompt.editing import Timing, schedule
from webui.prompt.networks import Network, extract
from webui.prompt.tokens import TextTokenizer

if TYPE_CHECKING:
    from webui.settings import Settings

STEPS = 20  # where only the length of the texts matters


@dataclass(frozen=True)
class Rules:
    """How prompts are read.

    ``sd_webui``: exactly as sd-webui does, where we would do better. ``old_scheduling``: as it did before 1.6.
    ``emphasis``: "None" leaves brackets and BREAK alone; the others concern the encoder. ``backtrack``: tokens.
    """

    sd_webui: bool = False
    old_scheduling: bool = False
    emphasis: str = "Original"
    backtrack: int = COMMA_BACKTRACK
    comments: bool = True


OURS = Rules()


@dataclass(frozen=True)
class Part:
    """``schedule``: (last step, text) in order, steps counted from 1; the last ends with the pass."""

    weight: float
    schedule: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Reading:
    """``parts``: at least one. ``notes``: what should be said, but for that about attention (``pieces`` has it)."""

    parts: tuple[Part, ...]
    networks: tuple[Network, ...] = ()
    notes: tuple[Message, ...] = ()

    @property
    def texts(self) -> list[str]:
        """Every text that is to be encoded, once."""
        return list(dict.fromkeys(text for part in self.parts for _, text in part.schedule))


def rules_of(settings: Settings) -> Rules:
    return Rules(
        sd_webui=settings.prompt_syntax == "sd-webui",
        old_scheduling=settings.use_old_scheduling,
        emphasis=settings.emphasis,
        backtrack=settings.comma_padding_backtrack,
        comments=settings.enable_prompt_comments,
    )


def read(
    text: str, steps: int, rules: Rules = OURS, *, base_steps: int | None = None, negative: bool = False
) -> Reading:
    """What a prompt means for a pass. Never raises; its remarks may have been taken out before, or not.

    ``steps``: how often the denoiser is called (twice a step for samplers of second order). ``base_steps``: the same of
    the first pass, when this is the second. In a ``negative`` prompt there are neither networks nor AND.
    """
    notes: list[Message] = []
    networks: tuple[Network, ...] = ()
    parts = (composition.Weighted(text),)
    if rules.comments:
        text = comments.strip(text, rules.sd_webui)
        notes += comments.notes(text)
        parts = (composition.Weighted(text),)
    if not negative:
        text, networks = extract(text)
        notes += _not_applied(networks)
        parts, more = composition.split(text, rules.sd_webui)
        notes += more
    timing = Timing(steps, base_steps, rules.old_scheduling)
    schedules = {text: schedule(text, timing) for text in {part.text for part in parts}}
    if any(found.lost for found in schedules.values()):
        notes.append(Message(code="prompt_edits_lost"))
    return Reading(tuple(Part(part.weight, schedules[part.text].entries) for part in parts), networks, tuple(notes))


def _not_applied(networks: tuple[Network, ...]) -> list[Message]:
    names = list(dict.fromkeys(network.text for network in networks))
    return [Message(code="network_not_applied", params={"names": names[:20]})] if names else []


def pieces(text: str, rules: Rules = OURS) -> Parsed:
    """One text of a schedule in pieces of equal weight."""
    return Parsed((Piece(text, 1.0),)) if rules.emphasis == "None" else parse(text, rules.sd_webui)


def chunks(text: str, tokenizer: TextTokenizer, rules: Rules = OURS) -> list[Chunk]:
    """One text of a schedule in chunks, at least one."""
    return into_chunks(pieces(text, rules).pieces, tokenizer, rules.backtrack)


def longest(reading: Reading, tokenizer: TextTokenizer, rules: Rules = OURS) -> list[Chunk]:
    """The chunks of the text with the most tokens, the first of such."""
    return max((chunks(text, tokenizer, rules) for text in reading.texts), key=lambda found: shown(found)[0])


def count(
    text: str, tokenizer: TextTokenizer, rules: Rules = OURS, *, steps: int = STEPS, negative: bool = False
) -> tuple[int, int]:
    """(tokens, the multiple of 75 that they fill), as a token counter shows them: those of the longest text."""
    return shown(longest(read(text, steps, rules, negative=negative), tokenizer, rules))
