"""Every number that decides what the starter model becomes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    # pictures; the seed of a picture is its index
    pictures: int = 24_000
    held_out: int = 256  # the last ones: never trained on
    size: int = 256
    small: int = 128  # the autoencoder's finest level only averages, so it is trained on pictures of half the size

    # autoencoder, finest level first
    vae_channels: tuple[int, ...] = (96, 64, 64, 96)
    vae_rate: float = 8e-4
    vae_steps: tuple[int, int, int] = (500, 50, 100)  # half of 128 pixels; half of 256; the last level alone
    vae_batches: tuple[int, int, int] = (8, 8, 2)
    vae_full_size: int = 1_000  # pictures kept at full size for the last level
    vae_noise: float = 0.05  # added to the latents, for the denoiser's are not exact
    latent_scale: float = 0.18215  # SD 1's

    # text encoder
    text_width: int = 128
    text_layers: int = 3
    vocabulary: int = 49_408
    tokens: int = 77
    spare_words: int = 256  # rows that stand for words never seen, put at random places so that they do no harm
    spare_std: float = 0.02  # also how the text encoder's words start
    wordings: int = 8  # captions made for each picture
    reading_steps: int = 400  # the text encoder alone, first
    reading_rate: float = 1e-3

    # denoiser, finest level first
    unet_channels: tuple[int, ...] = (64, 128, 160)
    unet_attention: tuple[bool, ...] = (False, True, True)
    unet_heads: int = 8

    # training both together: latents of 128-pixel pictures first, then of 256
    steps: tuple[int, int] = (450, 1_300)
    batch: tuple[int, int] = (32, 16)
    rate: float = 2e-3
    average: float = 0.996  # of the weights, over steps
    empty_captions: float = 0.1
    strange_captions: float = 0.15
    offset_noise: float = 0.07  # SD 1's schedule never reaches pure noise: without it all skies come out alike
    timestep_bias: float = 0.85
    save_every: int = 50

    seed: int = 0
