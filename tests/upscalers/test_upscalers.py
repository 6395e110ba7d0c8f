"""The list of upscalers, and what each does to a picture or a latent."""

from __future__ import annotations

import subprocess
import sys

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from webui.messages import Fault
from webui.upscalers import find_upscaler, latent_modes, upscalers


def picture(width: int = 16, height: int = 24, seed: int = 0) -> Image.Image:
    return Image.fromarray(numpy.random.default_rng(seed).integers(0, 256, (height, width, 3), numpy.uint8))


def test_the_names_are_sd_webuis() -> None:
    """shared.latent_upscale_modes and the three upscalers that need no model, in its order."""
    assert list(latent_modes()) == [
        "Latent",
        "Latent (antialiased)",
        "Latent (bicubic)",
        "Latent (bicubic antialiased)",
        "Latent (nearest)",
        "Latent (nearest-exact)",
    ]
    assert list(upscalers())[:3] == ["None", "Lanczos", "Nearest"]


def test_names_are_found_in_any_case_and_unknown_ones_refused_with_the_nearest() -> None:
    assert find_upscaler("lanczos").name == "Lanczos"
    assert find_upscaler(" latent (NEAREST) ").name == "Latent (nearest)"
    with pytest.raises(Fault) as fault:
        find_upscaler("Lanczos4")
    assert (fault.value.message.code, fault.value.message.field) == ("unknown_upscaler", "hires.upscaler")
    assert fault.value.message.params["nearest"][0] == "Lanczos"


@given(st.sampled_from(list(upscalers())), st.integers(1, 70), st.integers(1, 70), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_the_picture_has_the_size_asked_for(name: str, width: int, height: int, seed: int) -> None:
    enlarged = upscalers()[name].upscale(picture(seed=seed), width, height)
    assert (enlarged.size, enlarged.mode) == ((width, height), "RGB")


def test_nearest_makes_blocks() -> None:
    small = numpy.asarray(picture())
    large = numpy.asarray(upscalers()["Nearest"].upscale(picture(), 48, 72))
    assert numpy.array_equal(large, small.repeat(3, 0).repeat(3, 1))


def test_lanczos_keeps_what_is_flat_and_sharpens_what_is_not() -> None:
    """A windowed sinc overshoots at an edge, as no interpolation by averages does."""
    lanczos = upscalers()["Lanczos"].upscale
    flat = Image.new("RGB", (16, 16), (10, 128, 250))
    assert lanczos(flat, 40, 24).getcolors() == [(40 * 24, (10, 128, 250))]
    edge = Image.fromarray(numpy.repeat([[[50] * 3] * 8 + [[200] * 3] * 8], 16, 0).astype(numpy.uint8))
    row = numpy.asarray(lanczos(edge, 64, 64))[32, :, 0]
    assert row.min() < 50 and row.max() > 200


@pytest.mark.parametrize("name", list(latent_modes()))
def test_a_latent_gets_its_new_size_and_keeps_a_constant(name: str) -> None:
    mode = latent_modes()[name]
    latent = torch.full((2, 4, 6, 8), 0.5)
    assert torch.allclose(mode.enlarge(latent, 9, 20), torch.full((2, 4, 9, 20), 0.5), atol=1e-6)


def test_latent_modes_differ_where_they_should() -> None:
    """Enlarging by no whole number tells all six apart; antialiasing matters when shrinking only."""
    latent = torch.randn(1, 4, 7, 5, generator=torch.Generator().manual_seed(0))
    large = {name: mode.enlarge(latent, 16, 12) for name, mode in latent_modes().items()}
    small = {name: mode.enlarge(latent, 4, 3) for name, mode in latent_modes().items()}
    assert not torch.allclose(large["Latent"], large["Latent (bicubic)"], atol=1e-3)
    assert not torch.allclose(large["Latent (nearest)"], large["Latent (nearest-exact)"], atol=1e-3)
    for plain, smooth in (("Latent", "Latent (antialiased)"), ("Latent (bicubic)", "Latent (bicubic antialiased)")):
        assert not torch.allclose(small[plain], small[smooth], atol=1e-3)


def test_bilinear_by_hand() -> None:
    """Half-pixel centres: out[i] looks at (i + 0.5)/2 − 0.5, edges repeated."""
    latent = torch.tensor([0.0, 1.0, 4.0]).expand(1, 1, 3, 3).contiguous()
    row = latent_modes()["Latent"].enlarge(latent, 3, 6)[0, 0, 1]
    assert row.tolist() == pytest.approx([0.0, 0.25, 0.75, 1.75, 3.25, 4.0])


def test_the_list_needs_no_torch() -> None:
    """The server shows it."""
    code = (
        "import sys; from webui import upscalers as u; u.latent_modes(), u.upscalers(); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
