"""The generator against its authors' known answers and the numbers of a CUDA card."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from webui.sampling.philox import Generator, philox


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # the known-answer tests of Random123, philox4x32 with ten rounds
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_rounds_give_the_known_answers(counter: str, key: str, expected: str) -> None:
    c0, c1, c2, c3 = (np.array([int(word, 16)], dtype=np.uint64) for word in counter.split())
    k0, k1 = (int(word, 16) for word in key.split())
    words = philox((c0, c1, c2, c3), (k0, k1))
    assert " ".join(f"{int(word[0]):08x}" for word in words) == expected


def test_numbers_are_those_of_a_cuda_card() -> None:
    drawn = Generator(0).randn((3, 4))
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn[0], [-0.92466259, -0.42534415, -2.6438457, 0.14518388], rtol=1e-7)


def test_numbers_are_normal() -> None:
    drawn = Generator(7).randn((4, 128, 128)).ravel()
    assert stats.kstest(drawn, "norm").pvalue > 0.01
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.01


@given(st.integers(0, 2**64 - 1))
def test_every_bit_of_the_seed_counts(seed: int) -> None:
    drawn = Generator(seed).randn((8,))
    for bit in (0, 31, 32, 63):
        assert not np.array_equal(drawn, Generator(seed ^ 1 << bit).randn((8,)))


def test_a_later_draw_is_new_and_does_not_depend_on_earlier_shapes() -> None:
    small, large = Generator(1), Generator(1)
    first, _ = small.randn((8,)), large.randn((100,))
    second = small.randn((8,))
    assert not np.array_equal(first, second)
    assert np.array_equal(second, large.randn((8,)))


def test_numbers_do_not_depend_on_how_many_are_drawn_at_once() -> None:
    assert np.array_equal(Generator(1).randn((4, 64, 64)).ravel()[:100], Generator(1).randn((100,)))


def test_the_noise_of_a_picture_takes_milliseconds() -> None:
    def seconds() -> float:
        start = time.thread_time()
        Generator(1).randn((4, 64, 64))
        return time.thread_time() - start

    assert min(seconds() for _ in range(5)) < 0.03  # 2 ms on an idle machine; number by number it would be 200
