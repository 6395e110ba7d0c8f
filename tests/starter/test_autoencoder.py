"""Before any training, the autoencoder must carry colour exactly: that is what its hand-made weights are for."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from starter import autoencoder, scenes, train_vae
from starter.settings import Settings

SETTINGS = Settings()


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    drawn = [scenes.draw(scenes.describe(seed), 128) for seed in (0, 1, 8)]
    return torch.stack([train_vae.to_tensor(np.asarray(p)[None])[0] for p in drawn])


def test_encoder_gives_the_measured_latents(pictures: Tensor) -> None:
    measures = autoencoder.measure(F.avg_pool2d(pictures, 2))
    basis = autoencoder.normalisation(measures)
    expected = autoencoder.latents(measures, *basis)
    with torch.no_grad():
        vae = autoencoder.build(SETTINGS, *basis)
        found = vae.encode(pictures).latent_dist  # pyright: ignore[reportAttributeAccessIssue]
    assert (found.mean * SETTINGS.latent_scale - expected).abs().max() < 0.02
    assert found.std.max() < 0.01
    assert torch.allclose(expected.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(expected.std((0, 2, 3)), torch.tensor(autoencoder.SPREAD), atol=1e-3)


def test_untrained_decoder_keeps_absolute_color() -> None:
    """Flat pictures, which GroupNorm alone would make all alike."""
    colors = torch.tensor([[-0.9, -0.9, -0.8], [0.8, -0.2, 0.1], [0.9, 0.9, 0.9]])
    pictures = colors[:, :, None, None].expand(3, 3, 128, 128)
    with torch.no_grad():
        vae = autoencoder.build(SETTINGS, autoencoder.OPPONENT, torch.zeros(4))
        latent = vae.encode(pictures).latent_dist.mean  # pyright: ignore[reportAttributeAccessIssue]
        decoded = vae.decode(latent).sample  # pyright: ignore[reportAttributeAccessIssue]
    inside = decoded[:, :, 32:96, 32:96].mean((2, 3))
    assert (inside - colors).abs().max() < 0.05
