"""CLIP's tokenizer, and the few hundred of its 49,408 tokens that captions use."""

import gzip
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import CLIPTokenizer

from starter.captions import caption
from starter.scenes import describe
from starter.settings import Settings

MERGES = Path(__file__).parent.parent / "webui" / "prompt" / "clip_merges.txt.gz"
START, END = 49_406, 49_407


def clip_tokenizer(merges_file: Path = MERGES) -> Any:
    """OpenAI CLIP's tokenizer from its merges: bytes, bytes at a word's end, merged pairs, then the two marks."""
    lines = gzip.decompress(merges_file.read_bytes()).decode().splitlines()
    merges = [tuple(line.split()) for line in lines]
    letters = _byte_letters()
    words = letters + [letter + "</w>" for letter in letters] + ["".join(pair) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: i for i, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)  # pyright: ignore[reportArgumentType]


def _byte_letters() -> list[str]:
    """The printable stand-in of every byte, in CLIP's order: printable bytes first."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
    assert set(letters) == set(pre_tokenizers.ByteLevel.alphabet())
    return letters


class Captions:
    """Tokenized captions of all scenes, with token ids remapped to 0.. so that the embedding trains small.

    `used[i]` is CLIP's id of compact token i. After those come `spare_words` rows for words never seen.
    """

    def __init__(self, settings: Settings, count: int, wordings: int) -> None:
        self.settings, self.wordings = settings, wordings
        tokenizer = clip_tokenizer()
        texts = []
        for seed in range(count):
            r, scene = random.Random(seed), describe(seed)
            texts += [caption(scene, r) for _ in range(wordings)]
        rows: list[list[int]] = tokenizer(texts, truncation=True, max_length=settings.tokens).input_ids
        self.used = sorted({token for row in rows for token in row})
        small = {token: i for i, token in enumerate(self.used)}
        self.start, self.end = small[START], small[END]
        self.rows = [np.array([small[token] for token in row[1:-1]], dtype=np.int16) for row in rows]

    @property
    def rows_in_use(self) -> int:
        return len(self.used) + self.settings.spare_words

    def batch(self, indices: np.ndarray, rng: np.random.Generator, empty: float, strange: float) -> Tensor:
        """Token ids of one wording of each scene, (B, 77): padded with the end mark, some empty, some disturbed."""
        ids = np.full((len(indices), self.settings.tokens), self.end, dtype=np.int64)
        ids[:, 0] = self.start
        for line, index in zip(ids, indices, strict=True):
            if rng.random() < empty:
                continue
            row = self.rows[index * self.wordings + rng.integers(self.wordings)]
            if rng.random() < strange:
                row = self._disturbed(row, rng)
            line[1 : len(row) + 1] = row[: len(line) - 2]
        return torch.from_numpy(ids)

    def _disturbed(self, row: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One to six unknown words put in one place: they must not change the picture."""
        words = len(self.used) + rng.integers(self.settings.spare_words, size=rng.integers(1, 7))
        return np.insert(row, rng.integers(len(row) + 1), words)
