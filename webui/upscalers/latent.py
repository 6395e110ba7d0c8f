"""Latents enlarged without leaving latent space, under sd-webui's names."""

from webui.upscalers.kinds import LatentMode

LATENT = LatentMode("Latent", 1, "bilinear")
ANTIALIASED = LatentMode("Latent (antialiased)", 2, "bilinear", antialias=True)
BICUBIC = LatentMode("Latent (bicubic)", 3, "bicubic")
BICUBIC_ANTIALIASED = LatentMode("Latent (bicubic antialiased)", 4, "bicubic", antialias=True)
NEAREST = LatentMode("Latent (nearest)", 5, "nearest")
NEAREST_EXACT = LatentMode("Latent (nearest-exact)", 6, "nearest-exact")
