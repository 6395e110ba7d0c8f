"""Prompts over the steps: who is read when, together with whom, and of what length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from tests.generate.making import Others, ask, euler, events_of, karras, order_of, picture, pictures, same
from webui.app import App
from webui.events import Event, Note
from webui.generate.loaded import Loaded
from webui.generate.passes import first_pass, second_pass
from webui.generate.texts import KEPT, Text, Texts
from webui.models.manager import Manager
from webui.request import Hires, Prompts, Request
from webui.sampling.noise import ImageNoise

LONG = ", ".join(["a red boat"] * 25)  # two chunks


def small(prompt: str, negative: str = "text", **parts: Any) -> Request:
    request = ask(prompt, size=(64, 64), sampler="Euler", scheduler="Karras", **parts)
    return request.model_copy(update={"prompts": Prompts(prompt=prompt, negative=negative)})


@pytest.fixture
def texts(app: App, manager: Manager) -> Iterator[Texts]:
    order = order_of(app, small("x"))
    with Loaded(manager, order, lambda event: None) as models:
        models.use("checkpoint")
        yield Texts(order, models, lambda event: None)


@pytest.fixture(scope="module")
def others(home: Path) -> Others:
    return Others(home / "models/Stable-diffusion/one.safetensors")


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("prompt", "by_call"),
    [
        ("[red:green:1] boat", ["red boat", "red boat", "green boat", "green boat"]),  # sd-webui's extra call
        ("a [b|c]", ["a b", "a b", "a c", "a b"]),
        ("[red:green:0.5] boat", ["red boat", "red boat", "red boat", "green boat"]),
    ],
)
def test_prompt_editing_is_followed_call_by_call(app: App, others: Others, prompt: str, by_call: list[str]) -> None:
    """Euler's call i (from 0) takes the first entry whose step is not below i."""
    conds, uncond = [others.embed(text) for text in by_call], others.embed("text")

    def eps(x: torch.Tensor, sigma: float, call: int) -> torch.Tensor:
        without = others.eps(x, sigma, uncond)
        return without + (others.eps(x, sigma, conds[call]) - without) * 7

    sigmas = karras(4)
    theirs = others.pixels(euler(eps, ImageNoise(7, (4, 8, 8)).first() * sigmas[0], sigmas)).astype(numpy.uint8)
    assert numpy.abs(picture(app, small(prompt)).astype(int) - theirs).max() <= 1


@pytest.mark.oracle
def test_parts_joined_by_and_are_added_up_by_their_weights(app: App, others: Others) -> None:
    """Liu et al. 2022, arXiv:2206.01714: ε = ε_u + Σ w·(ε_i − ε_u)."""
    weighted = [(others.embed("a cat "), 1.5), (others.embed(" a dog"), -0.5)]
    uncond = others.embed("text")

    def eps(x: torch.Tensor, sigma: float, call: int) -> torch.Tensor:
        without = others.eps(x, sigma, uncond)
        return without + sum((others.eps(x, sigma, cond) - without) * (7 * weight) for cond, weight in weighted)

    sigmas = karras(4)
    theirs = others.pixels(euler(eps, ImageNoise(7, (4, 8, 8)).first() * sigmas[0], sigmas)).astype(numpy.uint8)
    ours = picture(app, small("a cat :1.5 AND a dog :-0.5"))
    assert numpy.abs(ours.astype(int) - theirs).max() <= 1


def test_the_second_pass_counts_on_from_the_first(app: App) -> None:
    """Heun calls twice a step: 4 steps are 8 calls, then 3 steps 6."""
    request = small("x", hires=Hires(steps=3, sampler="Heun")).model_copy()
    order = order_of(app, request)
    first, second = first_pass(order, order.shots[0]), second_pass(order, order.shots[0])
    assert second and (first.calls, second.calls, second.base_calls) == (4, 6, 4)
    assert (first.work, second.work) == (4 * 64 * 64, 6 * 128 * 128)


def test_one_prompt_for_every_picture(app: App) -> None:
    """Lines of different lengths, in one batch and alone."""
    lines = ["a red boat", LONG, "a [b|c] AND d"]
    request = small("\n".join(lines))
    batch = pictures(
        app, request.model_copy(update={"prompts": request.prompts.model_copy(update={"each_line": True})})
    )
    alone = [picture(app, small(line, seed=7 + i)) for i, line in enumerate(lines)]
    assert len(batch) == 3
    assert all(same(one, other) for one, other in zip(batch, alone, strict=True))


def test_texts_of_one_call_are_made_equally_long(texts: Texts) -> None:
    short, long, negative = Text("a cat"), Text(LONG), Text("text", negative=True)
    (one, other, without), padded = texts.for_network([short, long, negative])
    assert [cond.shape[1] for cond in (one, other, without)] == [154, 154, 77]
    assert torch.equal(one[:, :77], texts.encode("a cat"))
    assert torch.equal(one[:, 77:], texts.encode("a cat")[:, -1:].expand(-1, 77, -1))  # the last vector, repeated
    assert not padded


@pytest.mark.parametrize("longer", ["prompt", "negative"])
def test_prompt_and_negative_prompt_are_padded_when_asked(app: App, manager: Manager, longer: str) -> None:
    order = order_of(app, small("x"), pad_cond_uncond=True)
    words = {"prompt": "a cat", "negative": "text"} | {longer: LONG}
    with Loaded(manager, order, lambda event: None) as models:
        models.use("checkpoint")
        texts = Texts(order, models, lambda event: None)
        conds, padded = texts.for_network([Text(words["prompt"]), Text(words["negative"], negative=True)])
        assert padded and {cond.shape[1] for cond in conds} == {154}
        shorter = conds[0 if longer == "negative" else 1]
        assert torch.equal(shorter[:, 77:], texts.encode(""))
        _, padded = texts.for_network([Text("a cat"), Text("text", negative=True)])
        assert not padded


def test_padding_changes_only_what_is_uneven_and_is_written_down(app: App) -> None:
    assert same(picture(app, small("a cat"), pad_cond_uncond=True), picture(app, small("a cat")))
    assert not same(picture(app, small(LONG), pad_cond_uncond=True), picture(app, small(LONG)))


def test_only_so_many_texts_are_kept(texts: Texts) -> None:
    for i in range(KEPT + 5):
        texts.encode(f"text {i}")
    assert len(texts._encoded) == KEPT
    again = texts.encode("text 0")
    assert torch.equal(again, texts.encode("text 0"))


def test_what_is_to_be_said_about_prompts_is_said_once(app: App, manager: Manager) -> None:
    said: list[Event] = events_of(manager, order_of(app, small("a (b:1.1.1) <lora:x:1>").model_copy(
        update={"batch": small("x").batch.model_copy(update={"count": 3})}
    )))  # fmt: skip
    codes = [event.message.code for event in said if isinstance(event, Note)]
    assert sorted(codes) == sorted(set(codes))
    assert {"network_not_applied", "prompt_not_a_weight"} <= set(codes)


def test_without_emphasis_brackets_are_words(app: App) -> None:
    weighted, plain = small("a (red:1.5) boat"), small("a red boat")
    assert not same(picture(app, weighted), picture(app, plain))
    assert same(picture(app, weighted, emphasis="Ignore"), picture(app, plain))
    assert not same(picture(app, weighted, emphasis="None"), picture(app, plain))
    assert not same(picture(app, weighted, emphasis="No norm"), picture(app, weighted))
