"""The autoencoder: an encoder that averages colours exactly, a decoder that starts as smooth upsampling and learns.

Why by hand: GroupNorm throws absolute colour away, and from random weights a small autoencoder spends hours finding a
way to carry it. Here colour travels through every convolution in channels of its own. Where a GroupNorm lies on the
way (`conv_norm_out`), each of its groups that carries colour also carries large constants, so that its mean and scale
are nearly fixed, and SiLU(a) - SiLU(-a) = a makes the way through the nonlinearity exact.

The four latents are linear in the picture: brightness, two colour differences, and how much brighter the upper half
of each 8x8 block is than its lower half; shifted and scaled to mean 0 and the spread in `SPREAD`.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor, nn

from starter.settings import Settings

CONSTANT = 8.0  # beside colours in [-1, 1] it fixes a group's scale to within a percent
SPREAD = (1.0, 1.0, 1.0, 0.6)  # the block's slope is rare and strong: smaller, it does not dominate the denoiser's loss
LOG_VARIANCE = -10.0  # sampling from the encoder adds next to nothing

POOL = torch.tensor([[0.25, 0.25, 0.0], [0.25, 0.25, 0.0], [0.0, 0.0, 0.0]])
SLOPE = torch.tensor([[0.25, 0.25, 0.0], [-0.25, -0.25, 0.0], [0.0, 0.0, 0.0]])
SMOOTH = torch.outer(torch.tensor([0.25, 0.5, 0.25]), torch.tensor([0.25, 0.5, 0.25]))
CENTER = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
POINT = torch.ones(1, 1)

OPPONENT = torch.tensor(  # (4, 4): red, green, blue, slope -> brightness, red-blue, green-purple, slope
    [[1 / 3, 1 / 3, 1 / 3, 0.0], [0.5, 0.0, -0.5, 0.0], [-0.25, 0.5, -0.25, 0.0], [0.0, 0.0, 0.0, 1.0]]
)


Ways = dict[int, dict[int, float]]
"""{output channel: {input channel: weight}}."""


def measure(pictures: Tensor) -> Tensor:
    """Pictures at half size, (B, 3, H, W) in [-1, 1] -> each block's mean red, green, blue and slope, (B, 4, H/4, W/4).

    Half size because the encoder's finest level only averages.
    """
    colors = F.avg_pool2d(pictures, 2)
    gray = colors.mean(1, keepdim=True)
    slope = F.conv2d(gray, 2 * SLOPE[None, None, :2, :2], stride=2)
    fine = F.conv2d(pictures.mean(1, keepdim=True), SLOPE[None, None, :2, :2], stride=2)
    return torch.cat([F.avg_pool2d(colors, 2), slope + F.avg_pool2d(fine, 2)], dim=1)


def normalisation(measures: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix (4, 4) and shift (4,) that make latents of a sample of `measure`'s results (B, 4, h, w)."""
    latents = torch.einsum("ij,bjhw->bihw", OPPONENT, measures)
    gain = torch.tensor(SPREAD) / latents.std((0, 2, 3))
    return gain[:, None] * OPPONENT, -gain * latents.mean((0, 2, 3))


def latents(measures: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
    """What the denoiser sees, (B, 4, h, w): the encoder's mean times SD's 0.18215."""
    return torch.einsum("ij,bjhw->bihw", matrix, measures) + shift[:, None, None]


def build(settings: Settings, matrix: Tensor, shift: Tensor) -> AutoencoderKL:
    """An autoencoder that averages and upsamples, ready to have its decoder trained."""
    levels = len(settings.vae_channels)
    config: dict[str, Any] = {  # diffusers annotates these tuples as if they had one element
        "block_out_channels": settings.vae_channels,
        "layers_per_block": 1,
        "latent_channels": 4,
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "sample_size": settings.size,
        "scaling_factor": settings.latent_scale,
    }
    vae = AutoencoderKL(**config)
    with torch.no_grad():
        _silence(vae)
        _encoder(vae.encoder)
        _decoder(vae.decoder)
        _latent_convolutions(vae, matrix, shift, settings.latent_scale)
    return vae


def decode_half(decoder: Any, z: Tensor) -> Tensor:
    """The decoder up to its last upsampling, (B, 4, h, w) after `post_quant_conv` -> features (B, 64, 4h, 4w).

    Channels 0, 2 and 4 are red, green and blue.
    """
    x = decoder.mid_block(decoder.conv_in(z))
    for block in decoder.up_blocks[:-2]:
        x = block(x)
    for resnet in decoder.up_blocks[-2].resnets:
        x = resnet(x, None)
    return x


def decode_rest(decoder: Any, x: Tensor) -> Tensor:
    """From the features of `decode_half` to pictures (B, 3, 8h, 8w).

    Leaves out the very last residual block, which is never trained and adds nothing, but takes half the time.
    """
    x = decoder.up_blocks[-1].resnets[0](decoder.up_blocks[-2].upsamplers[0](x), None)
    return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(x)))


def _route(conv: Any, kernel: Tensor, ways: Ways, constants: dict[int, float]) -> None:
    """Make output channels sums of input channels: {output: {input: weight}}; or constants: {output: value}."""
    for out in (*ways, *constants):
        conv.weight[out] = 0
        conv.bias[out] = constants.get(out, 0.0)
    for out, sources in ways.items():
        for source, weight in sources.items():
            conv.weight[out, source] += weight * kernel


def _silence(vae: nn.Module) -> None:
    """Residual branches and attention start at zero, so that only the routed ways count."""
    for name, module in vae.named_modules():
        if isinstance(module, nn.Conv2d) and name.endswith("conv2"):
            nn.init.zeros_(module.weight)
        if name.endswith("to_out.0"):
            nn.init.zeros_(module.get_parameter("weight"))
        if name.startswith("encoder.") and isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.zeros_(module.weight)  # the encoder is all routes
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def _encoder(encoder: Any) -> None:
    """Channels 0 to 2 carry red, green and blue, channel 3 the slope, up to the last level's groups of three."""
    straight = {c: {c: 1.0} for c in range(4)}
    _route(encoder.conv_in, CENTER, {c: {c: 1.0} for c in range(3)}, {})
    for level, block in enumerate(encoder.down_blocks):
        shortcut = block.resnets[0].conv_shortcut
        if level == 3:
            _route(shortcut, POINT, *_triples(range(4), CONSTANT))
        elif shortcut is not None:
            _route(shortcut, POINT, straight, {})
        if block.downsamplers:
            conv = block.downsamplers[0].conv
            _route(conv, POOL, straight, {})
            step = (0.0, 1.0, 2.0)[level]  # a slope over twice the height counts twice
            for c in range(3):
                conv.weight[3, c] += step / 3 * SLOPE
    _leave_norm(encoder.conv_norm_out, encoder.conv_out, 4, dict.fromkeys(range(4, 8), LOG_VARIANCE))


def _decoder(decoder: Any) -> None:
    _route(decoder.conv_in, CENTER, *_triples(range(4), 2.0))
    first, second, third, last = decoder.up_blocks
    carried = {3 * g: {3 * g: 1.0} for g in range(8)}
    _route(first.upsamplers[0].conv, SMOOTH, carried, _triples(range(4), 2.0)[1])
    _route(second.resnets[0].conv_shortcut, POINT, *_pairs((0, 6, 12, 18)))
    _route(second.upsamplers[0].conv, SMOOTH, *_pairs((0, 2, 4, 12)))
    # smoothing would mix the zero padding into a visible frame: the last level learns to smooth instead
    _route(third.upsamplers[0].conv, CENTER, *_pairs((0, 2, 4, 12)))
    _route(last.resnets[0].conv_shortcut, POINT, *_triples((0, 2, 4), CONSTANT))
    _leave_norm(decoder.conv_norm_out, decoder.conv_out, 3, {})


def _triples(sources: Iterable[int], value: float) -> tuple[Ways, dict[int, float]]:
    """Two groups of three for each source: (signal, value, -value) and (-signal, value, -value)."""
    ways: Ways = {}
    constants: dict[int, float] = {}
    for i, source in enumerate(sources):
        for group, sign in ((2 * i, 1.0), (2 * i + 1, -1.0)):
            ways[3 * group] = {source: sign}
            constants |= {3 * group + 1: value, 3 * group + 2: -value}
    return ways, constants


def _leave_norm(norm: Any, conv: Any, signals: int, constants: dict[int, float]) -> None:
    """Take the signals of `_triples` through GroupNorm and SiLU unchanged, to the first outputs of the convolution.

    The norm's weight undoes the deviation, which the constants fix. Its mean, a third of the signal's, is missing from
    the signal and from the constant alike: the constants give it back.
    """
    norm.weight[: 6 * signals] = CONSTANT * (2 / 3) ** 0.5
    nn.init.zeros_(conv.weight)
    out = {c: {6 * c: 1.0, 6 * c + 3: -1.0, 6 * c + 1: -0.5, 6 * c + 4: 0.5} for c in range(signals)}
    _route(conv, CENTER, out, constants)


def _pairs(sources: tuple[int, int, int, int]) -> tuple[Ways, dict[int, float]]:
    """Groups of two: colours beside a constant (keeps contrast), then beside their negatives (keeps the sign)."""
    red, green, blue, slope = sources
    ways: Ways = {2 * i: {s: 1.0} for i, s in enumerate((red, green, blue))}
    for i, source in enumerate((red, green, blue, slope)):
        ways[6 + 2 * i], ways[7 + 2 * i] = {source: 1.0}, {source: -1.0}
    return ways, {1: 2.0, 3: 2.0, 5: 2.0}


def _latent_convolutions(vae: AutoencoderKL, matrix: Tensor, shift: Tensor, scale: float) -> None:
    """Bake SD 1's 0.18215 and the shift to mean zero into the two 1x1 convolutions around the latent."""
    quant: Any = vae.quant_conv
    post: Any = vae.post_quant_conv
    quant.weight[:] = torch.eye(8)[:, :, None, None]
    quant.weight[:4, :4] = matrix[:, :, None, None] / scale
    quant.bias[:4] = shift / scale
    inverse = torch.linalg.inv(matrix)
    post.weight[:] = inverse[:, :, None, None] * scale
    post.bias[:] = -inverse @ shift
