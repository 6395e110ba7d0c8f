"""Chunks of 75, with a tokenizer that makes one token of every word and of every comma."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.prompt import Rules, count, encode, parse
from webui.prompt.attention import BREAK, Piece
from webui.prompt.chunks import into_chunks, shown


class Words:
    bos, eos, comma = -1, -2, 0

    def __call__(self, text: str) -> list[int]:
        return [0 if word == "," else int(word) for word in re.findall(r",|\d+", text)]


WORDS = Words()


def words(n: int, first: int = 1) -> str:
    return " ".join(str(first + i) for i in range(n))


@pytest.mark.parametrize(
    ("text", "backtrack", "used", "expected"),
    [  # what sd-webui 1.10 answered
        ("", 20, [0], (0, 75)),
        (words(75), 20, [75], (75, 75)),
        (words(76), 20, [75, 1], (76, 150)),
        (f"{words(54)} , {words(30)}", 20, [75, 10], (85, 150)),  # 21 tokens back: too far
        (f"{words(55)} , {words(30)}", 20, [56, 30], (105, 150)),  # 20 back: moved
        (f"{words(75)} , {words(5)}", 20, [75, 6], (81, 150)),  # the comma leads the second chunk
        ("1 2 3 BREAK 4 5 6 7", 20, [3, 4], (79, 150)),
        ("BREAK", 20, [0], (75, 75)),
        ("1 2 BREAK", 20, [2], (75, 75)),
        (f"{words(70)} , {words(20)}", 0, [75, 16], (91, 150)),
    ],
)
def test_chunks_are_those_of_sd_webui(text: str, backtrack: int, used: list[int], expected: tuple[int, int]) -> None:
    found = encode(parse(text), WORDS, backtrack)
    assert [chunk.used for chunk in found] == used
    assert shown(found) == expected == count(text, WORDS, Rules(backtrack=backtrack))


def test_a_chunk_is_start_tokens_end_and_more_ends() -> None:
    (chunk,) = encode(parse("7 (8:1.5)"), WORDS)
    assert chunk.tokens == (-1, 7, 8, *[-2] * 74)
    assert chunk.weights == (1.0, 1.0, 1.5, *[1.0] * 74)
    assert len(chunk.tokens) == len(chunk.weights) == 77


def test_words_that_move_to_the_next_chunk_keep_their_weights() -> None:
    first, second = encode(parse(f"{words(70)} , ({words(10, 100)}:1.5)"), WORDS)
    assert first.tokens[1:73] == (*range(1, 71), 0, -2)
    assert second.tokens[1:12] == (*range(100, 110), -2)
    assert second.weights[1:12] == (*[1.5] * 10, 1.0)
    assert set(first.weights) == {1.0}


def test_a_comma_of_the_chunk_before_does_not_count() -> None:
    """60 words, a comma, 15 words that move, and no comma after: the second chunk breaks at 75."""
    found = encode(parse(f"{words(60)} , {words(100)}"), WORDS)
    assert [chunk.used for chunk in found] == [61, 75, 25]


NUMBERS = st.lists(st.integers(0, 3), max_size=60).map(lambda numbers: " ".join(map(str, numbers)))
PIECES = st.lists(st.just(BREAK) | st.builds(Piece, NUMBERS, st.floats(0, 2)), max_size=8)


@given(PIECES, st.integers(0, 74))
def test_every_token_is_there_once_in_order_with_its_weight(pieces: list[Piece], backtrack: int) -> None:
    found = into_chunks(pieces, WORDS, backtrack)
    placed = [
        pair for chunk in found for pair in list(zip(chunk.tokens, chunk.weights, strict=True))[1 : chunk.used + 1]
    ]
    assert placed == [(token, piece.weight) for piece in pieces if piece != BREAK for token in WORDS(piece.text)]
    for chunk in found:
        assert len(chunk.tokens) == len(chunk.weights) == 77
        assert chunk.tokens[0] == WORDS.bos
        assert set(chunk.tokens[chunk.used + 1 :]) == {WORDS.eos}
        assert set(chunk.weights[chunk.used + 1 :]) == {1.0}
    tokens, room = shown(found)
    assert room % 75 == 0
    assert room - 75 < max(tokens, 1) <= room
    assert room == 75 * len(found)
