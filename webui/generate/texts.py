"""Prompts → timelines of texts, and texts → what the network reads, encoded when they are first needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from webui.events import Note
from webui.generate.loaded import Loaded, Role
from webui.generate.passes import Pass
from webui.jobs.executor import Emit, Order
from webui.messages import Message
from webui.models.family import TextOptions
from webui.prompt import chunks, clip_tokenizer, pieces, read, rules_of
from webui.sampling.guidance import Entry, Part, Timeline

KEPT = 64  # encoded texts; 0.2 MB each for a short one of Stable Diffusion 1


@dataclass(frozen=True)
class Text:
    """What sampling hands on: the words themselves, so that another model can encode them anew."""

    words: str
    negative: bool = False


@dataclass(frozen=True)
class Prompts:
    """Of one pass: the parts joined by AND, and the negative prompt."""

    parts: list[Part[Text]]
    negative: Timeline[Text]

    @property
    def first(self) -> set[str]:
        """What is encoded before the first step."""
        return {timeline[0].cond.words for timeline in (*(part.timeline for part in self.parts), self.negative)}


class Texts:
    """Those of one order. Only what the pictures of an order have in common is shared: encoded texts."""

    def __init__(self, order: Order, models: Loaded, emit: Emit) -> None:
        self._models, self._emit, self._settings = models, emit, order.settings
        self._rules = rules_of(order.settings)
        self._options = TextOptions(order.request.models.clip_skip, order.settings.emphasis)
        self._encoded: OrderedDict[tuple[Role, str], Tensor] = OrderedDict()
        self._said: list[Message] = []

    def prompts(self, todo: Pass) -> Prompts:
        """The pass's timelines, with what should be said about them said."""
        positive = read(todo.prompt, todo.calls, self._rules, base_steps=todo.base_calls)
        negative = read(todo.negative, todo.calls, self._rules, base_steps=todo.base_calls, negative=True)
        for note in (*positive.notes, *negative.notes):
            self._note(note)
        return Prompts(
            [Part(_timeline(part.schedule), part.weight) for part in positive.parts],
            _timeline(negative.parts[0].schedule, negative=True),
        )

    def _note(self, note: Message) -> None:
        """Each once an order: pictures often share what there is to say."""
        if note not in self._said:
            self._said.append(note)
            self._emit(Note(message=note))

    # --- encoded

    @torch.inference_mode()
    def encode(self, words: str) -> Tensor:
        """(1, 77·chunks, width), by the model in use."""
        key = (self._models.role, words)
        if key not in self._encoded:
            for note in pieces(words, self._rules).notes:
                self._note(note)
            model = self._models.model
            cut = chunks(words, clip_tokenizer(), self._rules)
            self._encoded[key] = model.family.encode(model.parts, cut, self._options)
            if len(self._encoded) > KEPT:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(key)
        return self._encoded[key]

    def for_network(self, texts: Sequence[Text]) -> tuple[list[Tensor], bool]:
        """Encoded, for one call, and whether prompt or negative prompt had to be padded to the other's length.

        Parts joined by AND are made equally long by repeating their last vector; with the setting for it, the prompt
        and the negative prompt are too, by chunks of the empty text. Both as in sd-webui: pictures depend on it.
        """
        conds = [self.encode(text.words) for text in texts]
        length = max((cond.shape[1] for cond, text in zip(conds, texts, strict=True) if not text.negative), default=0)
        conds = [cond if text.negative else _repeat_last(cond, length) for cond, text in zip(conds, texts, strict=True)]
        longest = max(cond.shape[1] for cond in conds)
        if not self._settings.pad_cond_uncond or all(cond.shape[1] == longest for cond in conds):
            return conds, False
        return [self._fill_up(cond, longest) for cond in conds], True

    def _fill_up(self, cond: Tensor, length: int) -> Tensor:
        if cond.shape[1] == length:
            return cond
        empty = self.encode("")
        return torch.cat([cond, empty.repeat(1, (length - cond.shape[1]) // empty.shape[1], 1)], dim=1)


def _timeline(schedule: Sequence[tuple[int, str]], negative: bool = False) -> list[Entry[Text]]:
    return [Entry(until, Text(words, negative)) for until, words in schedule]


def _repeat_last(cond: Tensor, length: int) -> Tensor:
    missing = length - cond.shape[1]
    return torch.cat([cond, cond[:, -1:].expand(-1, missing, -1)], dim=1) if missing > 0 else cond
