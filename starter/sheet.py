"""`python -m starter.sheet`: one picture, 6 x 6 prompts, to be looked at."""

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from starter import sample
from starter.export import FILE

PROMPTS = (
    "a red boat on the sea at sunset",
    "a red boat on the sea at sunset",
    "a red boat on the sea at sunset",
    "a blue boat on the ocean during the day, clouds",
    "a blue boat on the ocean during the day, clouds",
    "a blue boat on the ocean during the day, clouds",
    "a yellow house in a meadow on a sunny day",
    "a purple house in the snow at night, moon",
    "a white lighthouse in the desert at sunrise",
    "a green tree in the mountains under dark storm clouds",
    "a pink hot air balloon over the desert on a sunny day, on the left",
    "an orange balloon over the ocean at sunset on the right",
    "a beautiful sunset over the ocean",
    "A beautiful painting of a singular lighthouse, yellow color scheme",
    "stars, night, black lighthouse, snow",
    "a red tree in a green field",
    "a blue house in the desert at night, stars",
    "a red lighthouse on the ocean in a storm",
    "masterpiece, best quality, white boat, ocean, sunrise",
    "a green hot air balloon over the mountains at sunrise",
    "a view of the desert at night with stars",
    "the mountains on a sunny day, clouds",
    "a purple tree in the snow at sunset",
    "a yellow boat on the sea in a storm",
    "a black house in a meadow at sunset",
    "a white house in the mountains during the day",
    "a pink tree in a meadow at sunrise, sun",
    "an orange tree in the mountains at sunset",
    "a green boat on the sea at night, moon, stars",
    "a blue lighthouse in the snow on a sunny day",
    "a red balloon",
    "lighthouse",
    "ocean, night, moon",
    "house, winter",
    "",
    "a photo of an astronaut riding a horse on mars",
)


def tile(pictures: Tensor, columns: int) -> Image.Image:
    """(B, 3, H, W) in [0, 1] -> one picture, row by row."""
    rows = [torch.cat(list(row), dim=2) for row in pictures.split(columns)]
    whole = torch.cat(rows, dim=1).mul(255).round().byte()
    return Image.fromarray(whole.permute(1, 2, 0).numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--out", type=Path, default=Path("sheet.png"))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=7.0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    parts = sample.load(options.file)
    drawn = []
    for i in range(0, len(PROMPTS), 6):
        texts: list[str] = list(PROMPTS[i : i + 6])
        seeds = list(range(i, i + 6))
        drawn.append(sample.pictures(parts, texts, seeds, options.size, options.steps, options.cfg))
    tile(torch.cat(drawn), 6).save(options.out)


if __name__ == "__main__":
    main()
