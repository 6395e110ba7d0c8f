"""What the exporter writes, with a denoiser that has not learned anything."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from starter import models, vocabulary
from starter.export import FILE, file_tensors, whole_vocabulary
from starter.settings import Settings
from webui.models import ldm


def test_tokenizer_is_clips() -> None:
    tokenizer = vocabulary.clip_tokenizer()
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert len(tokenizer) == 49408


def test_unused_words_get_spare_rows_and_used_ones_their_own() -> None:
    settings = Settings(spare_words=4, text_width=64)
    captions = vocabulary.Captions(settings, count=3, wordings=1)
    compact = torch.randn(captions.rows_in_use, 64)
    table = whole_vocabulary(compact, captions, settings)
    assert table.shape == (49408, 64)
    assert torch.equal(table[captions.used[2]], compact[2])
    unused = next(i for i in range(0, 49408, 4) if i not in captions.used)
    assert torch.equal(table[unused], compact[len(captions.used)])


def test_batches_are_whole_contexts() -> None:
    """77 tokens, padded with the end mark: exactly what the application encodes."""
    captions = vocabulary.Captions(Settings(), count=4, wordings=2)
    rng = np.random.default_rng(0)
    empty = captions.batch(np.arange(4), rng, empty=1.0, strange=0.0)
    assert empty.shape == (4, 77)
    assert (empty[:, 0] == captions.start).all()
    assert (empty[:, 1:] == captions.end).all()
    full = captions.batch(np.arange(4), rng, empty=0.0, strange=1.0)
    assert (full >= len(captions.used)).any()
    assert (full[:, -1] == captions.end).all()


def test_denoiser_tensors_are_named_and_shaped_as_in_the_file() -> None:
    settings = Settings()
    shape = ldm.UNetShape(settings.unet_channels, 1, settings.unet_attention, context=settings.text_width)
    tensors = file_tensors(models.build_unet(settings), ldm.unet_keys(shape), ldm.UNET)
    first = tensors["model.diffusion_model.input_blocks.0.0.weight"]
    assert first.shape == (64, 4, 3, 3)
    assert first.dtype == torch.float16


@pytest.mark.skipif(not FILE.exists(), reason="the starter file is not here")
def test_shipped_file() -> None:
    path = Path(FILE)
    assert path.stat().st_size < 40e6
    with safe_open(path, framework="pt") as file:
        keys = set(file.keys())
        assert file.metadata()["license"] == "Apache-2.0"
        assert file.get_slice("first_stage_model.encoder.mid.attn_1.q.weight").get_shape() == [96, 96, 1, 1]
        for key in keys:
            assert file.get_tensor(key).isfinite().all(), key
    settings = Settings()
    shape = ldm.UNetShape(settings.unet_channels, 1, settings.unet_attention, context=settings.text_width)
    expected = {ldm.UNET + key for key in ldm.unet_keys(shape)}
    expected |= {ldm.VAE + key for key in ldm.vae_keys(ldm.VaeShape(settings.vae_channels, 1))}
    expected |= {ldm.CLIP + key for key in ldm.clip_keys(settings.text_layers)}
    assert keys - expected == {"alphas_cumprod", "betas", ldm.CLIP + "text_model.embeddings.position_ids"}
    assert not expected - keys
