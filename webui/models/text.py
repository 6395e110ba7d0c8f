"""Chunks of tokens → what the denoiser reads, with each token's weight applied."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from webui.models.family import TextOptions
from webui.prompt import Chunk


def encode_clip(encoder: nn.Module, chunks: list[Chunk], options: TextOptions) -> Tensor:
    """(1, 77·chunks, width). Each chunk goes through CLIP alone, as it only reads 77 tokens."""
    return torch.cat([_encode_chunk(encoder, chunk, options) for chunk in chunks], dim=1)


def _encode_chunk(encoder: Any, chunk: Chunk, options: TextOptions) -> Tensor:
    ids = torch.tensor([chunk.tokens], device=encoder.device)
    if options.clip_skip > 1:
        hidden = encoder(ids, output_hidden_states=True).hidden_states
        # A text encoder with fewer layers than asked for is read at its first one.
        z = encoder.final_layer_norm(hidden[-min(options.clip_skip, len(hidden) - 1)])
    else:
        z = encoder(ids).last_hidden_state
    return emphasise(z.float(), torch.tensor(chunk.weights, device=z.device), options.emphasis)


def emphasise(z: Tensor, weights: Tensor, how: str) -> Tensor:
    """z (1, 77, width), weights (77,). "Original" keeps the mean of the whole tensor, as sd-webui does."""
    if how in ("Ignore", "None") or bool((weights == 1).all()):
        return z
    weighted = z * weights[None, :, None]
    return weighted * (z.mean() / weighted.mean()) if how == "Original" else weighted
