"""Drawn pictures and their captions."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from starter import captions, scenes, things


def test_same_seed_same_picture() -> None:
    first, again = (np.asarray(scenes.draw(scenes.describe(7), 64)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, np.asarray(scenes.draw(scenes.describe(8), 64)))


def test_all_answers_occur_and_boats_float() -> None:
    drawn = [scenes.describe(seed) for seed in range(2000)]
    assert {s.time for s in drawn} == set(scenes.TIMES)
    assert {s.place for s in drawn} == set(scenes.PLACES)
    assert {s.thing for s in drawn} == {*things.DRAW, "none"}
    assert {s.color for s in drawn} == set(things.COLORS)
    assert {s.place for s in drawn if s.thing == "boat"} == {"ocean"}
    assert all(s.light == "moon" for s in drawn if s.time == "night" and s.light)


@pytest.mark.parametrize("thing", list(things.DRAW))
def test_the_thing_shows_its_color(thing: str) -> None:
    """Among the pixels that differ from the same scene without the thing, its colour is the commonest of the nine."""
    palette = np.array(list(things.COLORS.values()), dtype=float)
    for seed in range(40):
        scene = scenes.describe(seed)
        if scene.time != "day" or scene.place == "snow":
            continue
        scene = replace(scene, thing=thing, place="ocean" if thing == "boat" else scene.place)
        bare = np.asarray(scenes.draw(replace(scene, thing="none"), 128), dtype=float)
        full = np.asarray(scenes.draw(scene, 128), dtype=float)
        changed = full[np.abs(full - bare).sum(-1) > 30]
        nearest = Counter(np.square(changed[:, None] - palette).sum(-1).argmin(1).tolist())
        assert list(things.COLORS)[nearest.most_common(1)[0][0]] == scene.color, (seed, scene)


def test_sentences_name_thing_and_color() -> None:
    for seed in range(500):
        scene = scenes.describe(seed)
        text = captions._sentence(scene, random.Random(seed))
        if scene.thing != "none":
            assert scene.color in text
            assert any(noun in text for noun in captions.THINGS[scene.thing])


def test_captions_are_short_enough_for_clip() -> None:
    longest = max((captions.caption(scenes.describe(s), random.Random(s)) for s in range(3000)), key=len)
    assert len(longest.replace(",", " ,").split()) <= 60
