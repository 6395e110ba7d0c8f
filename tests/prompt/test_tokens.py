"""CLIP's tokenizer against known ids and transformers' own."""

from __future__ import annotations

import functools
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.prompt.tokens import BOS, EOS, MERGES, byte_symbols, clip_tokenizer

TEXTS = [
    "",
    "a photo of a cat",
    "A Photo  of\ta\n cat ",
    "masterpiece, best quality, 1girl, (solo:1.2)",
    "it's we'll I'd they've don't",
    "Ünïcödé façade — “quotes” ‘single’ … e\u0301",
    "猫の写真 고양이 кошка Ελλάδα",
    "👩‍🚀🚀 emoji 😀",
    "123456 3.14 1e-3 #ff00ff http://x.y:80/a?b=c",
    "a,b , c,,,d",
    "antidisestablishmentarianism supercalifragilisticexpialidocious",
    "under_score-dash~tilde^caret",
    "zero\u200bwidth\u00a0nbsp\u3000ideographic",
    "<|startoftext|>a<|endoftext|> b",
    "\x00\x01 control",
]


def test_a_known_sentence() -> None:
    assert clip_tokenizer()("a photo of a cat") == [320, 1125, 539, 320, 2368]
    assert (clip_tokenizer().bos, clip_tokenizer().eos, clip_tokenizer().comma) == (49406, 49407, 267)
    assert clip_tokenizer()(",") == [267]


@functools.cache
def transformers_tokenizer():
    from transformers import CLIPTokenizer

    merges = [tuple(line.split()) for line in gzip.decompress(MERGES.read_bytes()).decode().splitlines()]
    symbols = byte_symbols()
    words = [*symbols, *(symbol + "</w>" for symbol in symbols), *map("".join, merges), BOS, EOS]
    return CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=merges)  # pyright: ignore[reportArgumentType]


@pytest.mark.oracle
@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_those_of_transformers(text: str) -> None:
    assert clip_tokenizer()(text) == transformers_tokenizer()(text, add_special_tokens=False).input_ids


@pytest.mark.oracle
@settings(max_examples=300)
@given(st.text(max_size=40))
def test_ids_are_those_of_transformers_for_any_text(text: str) -> None:
    assert clip_tokenizer()(text) == transformers_tokenizer()(text, add_special_tokens=False).input_ids


def test_the_vocabulary_is_whole() -> None:
    assert clip_tokenizer().model.get_vocab_size() == 49408
    assert sorted(byte_symbols()) == sorted(set(byte_symbols()))
    assert len(byte_symbols()) == 256


def test_it_is_built_once() -> None:
    assert clip_tokenizer() is clip_tokenizer()
