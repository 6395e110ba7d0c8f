"""`python -m starter.train vae`, then `python -m starter.train starter`; both resume where they stopped."""

import argparse
from pathlib import Path

import torch

from starter import train_denoiser, train_vae
from starter.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["vae", "starter"])
    parser.add_argument("--work", type=Path, default=Path("starter/work"), help="pictures and checkpoints lie here")
    parser.add_argument("--threads", type=int, default=2, help="how many cores to use")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    if options.part == "vae":
        train_vae.train(options.work, settings)
    else:
        train_denoiser.train(options.work, settings, options.threads)


if __name__ == "__main__":
    main()
