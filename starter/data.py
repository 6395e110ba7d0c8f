"""The drawn pictures, kept in one file each for training and for the held-out test."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from starter.scenes import describe, draw
from starter.settings import Settings


def pictures(work: Path, settings: Settings) -> np.ndarray:
    """All pictures at the small size, (N, H, W, 3) uint8, drawn on the first call and mapped from disk after that."""
    return _drawn(work / f"pictures-{settings.small}.npy", range(settings.pictures), settings.size, settings.small)


def held_out(work: Path, settings: Settings) -> np.ndarray:
    """The pictures never trained on, at full size, (N, H, W, 3) uint8."""
    seeds = range(settings.pictures - settings.held_out, settings.pictures)
    return _drawn(work / f"held-out-{settings.size}.npy", seeds, settings.size, settings.size)


def full_size(work: Path, settings: Settings, count: int) -> np.ndarray:
    """The first pictures at full size, for the last polish of the decoder."""
    return _drawn(work / f"pictures-{settings.size}.npy", range(count), settings.size, settings.size)


def _drawn(path: Path, seeds: range, size: int, stored: int) -> np.ndarray:
    """Pictures drawn at one size and averaged to the size they are stored at."""
    if not path.exists():
        partial = path.with_suffix(".partial")
        out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(seeds), stored, stored, 3))
        blocks = [seeds[i : i + 500] for i in range(0, len(seeds), 500)]
        with ProcessPoolExecutor(2) as pool:
            done = 0
            for block in pool.map(_draw_block, blocks, [size] * len(blocks), [stored] * len(blocks)):
                out[done : done + len(block)] = block
                done += len(block)
                print(f"drawn {done} of {len(seeds)} at {stored}", flush=True)
        out.flush()
        os.replace(partial, path)
    return np.load(path, mmap_mode="r")


def _draw_block(seeds: range, size: int, stored: int) -> np.ndarray:
    pictures = (draw(describe(seed), size) for seed in seeds)
    return np.stack([np.asarray(picture.reduce(size // stored)) for picture in pictures])
