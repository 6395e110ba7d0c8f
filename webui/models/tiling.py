"""Pictures whose edges fit each other: what lies beyond an edge is what lies at the opposite one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def circular(*modules: nn.Module) -> Iterator[None]:
    """Within it every padded convolution of the modules goes on at the opposite edge; afterwards they are as before.

    All else in the denoiser and the decoder knows no places (attention, group norms) or enlarges cell by cell. A VAE's
    encoder shrinks with a padding of its own, which stays zeros (as in sd-webui): only its outermost cells see that.
    """
    convolutions = [
        module
        for root in modules
        for module in root.modules()
        if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros"
    ]
    for convolution in convolutions:
        convolution.padding_mode = "circular"
    try:
        yield
    finally:
        for convolution in convolutions:
            convolution.padding_mode = "zeros"
