"""What samplers are compared on: a denoiser known exactly, a Brownian path, and the runs. Needs neither implementation.

``make.py`` gives it to k-diffusion and writes what comes out into ``k_diffusion.json``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FILE = Path(__file__).parent / "k_diffusion.json"
DTYPES = {"float64": torch.float64, "float32": torch.float32}
LOW, HIGH = 0.0291671582, 14.6146412293


@dataclass(frozen=True)
class Case:
    """A run: k-diffusion's function, our sampler's name, what both are told, and where the sigmas lie."""

    function: str
    sampler: str
    options: dict[str, float] = field(default_factory=dict)  # ours
    arguments: dict[str, Any] = field(default_factory=dict)  # k-diffusion's own besides
    sigmas: str = "karras 12"

    @property
    def name(self) -> str:
        options = ", ".join(f"{key} {value}" for key, value in self.options.items())
        return f"{self.sampler}; {self.sigmas}" + (f"; {options}" if options else "")


HEUN = {"solver_type": "heun"}
CASES = [
    Case("sample_euler", "Euler"),
    Case("sample_euler", "Euler", {"s_churn": 8.0, "s_tmin": 0.2, "s_tmax": 9.0, "s_noise": 1.01}),
    Case("sample_euler_ancestral", "Euler a", {"eta": 1.0}),
    Case("sample_euler_ancestral", "Euler a", {"eta": 0.4}, sigmas="exponential 9"),
    Case("sample_heun", "Heun"),
    Case("sample_heun", "Heun", {"s_churn": 8.0, "s_tmin": 0.2, "s_tmax": 9.0, "s_noise": 1.01}),
    Case("sample_dpm_2", "DPM2"),
    Case("sample_dpm_2", "DPM2", {"s_churn": 8.0, "s_tmin": 0.2, "s_tmax": 9.0, "s_noise": 1.01}),
    Case("sample_dpm_2_ancestral", "DPM2 a", {"eta": 1.0, "s_noise": 1.01}),
    Case("sample_dpm_2_ancestral", "DPM2 a", {"eta": 0.4}, sigmas="exponential 9"),
    Case("sample_lms", "LMS"),
    Case("sample_lms", "LMS", sigmas="exponential 9"),
    Case("sample_dpmpp_2m", "DPM++ 2M"),
    Case("sample_dpmpp_2m", "DPM++ 2M", sigmas="exponential 9"),
    Case("sample_dpmpp_2s_ancestral", "DPM++ 2S a", {"eta": 1.0, "s_noise": 1.01}),
    Case("sample_dpmpp_2s_ancestral", "DPM++ 2S a", {"eta": 0.4}, sigmas="exponential 9"),
    Case("sample_dpmpp_sde", "DPM++ SDE", {"eta": 1.0, "s_noise": 1.01}),
    Case("sample_dpmpp_sde", "DPM++ SDE", {"eta": 0.4}, sigmas="exponential 9"),
    Case("sample_dpmpp_2m_sde", "DPM++ 2M SDE", {"eta": 1.0, "s_noise": 1.01}),
    Case("sample_dpmpp_2m_sde", "DPM++ 2M SDE", {"eta": 0.4}, sigmas="exponential 9"),
    Case("sample_dpmpp_2m_sde", "DPM++ 2M SDE", {"eta": 0.0}),
    Case("sample_dpmpp_2m_sde", "DPM++ 2M SDE Heun", {"eta": 1.0, "s_noise": 1.01}, HEUN),
    Case("sample_dpmpp_2m_sde", "DPM++ 2M SDE Heun", {"eta": 0.4}, HEUN, "exponential 9"),
    Case("sample_dpmpp_3m_sde", "DPM++ 3M SDE", {"eta": 1.0, "s_noise": 1.01}),
    Case("sample_dpmpp_3m_sde", "DPM++ 3M SDE", {"eta": 0.4}, sigmas="exponential 9"),
    Case("sample_dpmpp_3m_sde", "DPM++ 3M SDE", {"eta": 0.0}),
    *(Case("sample_dpm_fast", "DPM fast", {"eta": 0.0}, sigmas=f"range {n}") for n in (1, 2, 12, 13, 14)),
    Case("sample_dpm_fast", "DPM fast", {"eta": 1.0, "s_noise": 1.01}, sigmas="range 12"),
    Case("sample_dpm_fast", "DPM fast", {"eta": 0.4}, sigmas="range 14"),
    Case("sample_dpm_adaptive", "DPM adaptive", {"eta": 0.0}, sigmas="range 1"),
    Case("sample_dpm_adaptive", "DPM adaptive", {"eta": 1.0}, sigmas="range 1"),
    Case("sample_dpm_adaptive", "DPM adaptive", {"eta": 0.4}, sigmas="range 1"),
]
PICTURES = [(1, (1, 4, 2, 2)), (2, (1, 4, 3, 2))]
"""Seed and shape of what each case is run on."""


def sigmas_of(case: Case, dtype: torch.dtype) -> list[float]:
    """Representable in ``dtype``, so that rounding them is not what is compared."""
    kind, n = case.sigmas.split()
    match kind:
        case "karras":
            placed = [*(np.linspace(HIGH ** (1 / 7), LOW ** (1 / 7), int(n)) ** 7).tolist(), 0.0]
        case "exponential":
            placed = [*np.geomspace(HIGH, LOW, int(n)).tolist(), 0.0]
        case _:
            placed = np.geomspace(HIGH, LOW, int(n) + 1).tolist()
    return torch.tensor(placed, dtype=dtype).tolist()


def start(seed: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, 1]).standard_normal(shape) * HIGH).to(dtype)


@cache
def _centres(count: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(count).standard_normal((5, count)) * 0.8)


def mixture(x: Tensor, sigma: float) -> Tensor:
    """E[x0 | x] (B, …) where x0 is one of five Gaussians of width 0.5, equally likely, and x = x0 + σ·ε.

    In double precision whatever x has: a network's rounding is not what is compared.
    """
    flat = x.flatten(1).double()
    centres, variance = _centres(flat.shape[1]), 0.5**2 + sigma**2
    distance = (flat[:, None] - centres).square().sum(2)
    likely = torch.softmax(-distance / (2 * variance), 1)
    return ((flat * 0.5**2 + likely @ centres * sigma**2) / variance).reshape(x.shape).to(x.dtype)


def brownian(seed: int, x: Tensor) -> Callable[[Any, Any], Tensor]:
    """(sigma, sigma') → (W(σ') − W(σ))/√|σ' − σ| of a path that 40 terms of Karhunen and Loève's series make smooth.

    So what a rounding of sigma does to it is no more than a rounding.
    """
    factors = torch.from_numpy(np.random.default_rng([seed, 2]).standard_normal((40, *x.shape)))
    frequencies = (np.arange(40) + 0.5) * math.pi / HIGH

    def at(sigma: float) -> Tensor:
        series = np.sqrt(2 / HIGH) * np.sin(frequencies * sigma) / frequencies
        return torch.tensordot(torch.from_numpy(series), factors, dims=1)

    def noise(sigma: Any, sigma_next: Any) -> Tensor:
        step = at(float(sigma_next)) - at(float(sigma))
        return (step / abs(float(sigma) - float(sigma_next)) ** 0.5).to(x.dtype)

    return noise


@dataclass(frozen=True)
class Result:
    """What k-diffusion made of a case: the last x, flat, and of adaptive runs its counts."""

    name: str
    dtype: str
    seed: int
    x: list[float]
    info: dict[str, int] | None = None

    def stored(self) -> dict[str, Any]:
        return asdict(self)


@cache
def stored() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def results() -> list[Result]:
    return [Result(**each) for each in stored()["results"]]


def difference(found: Tensor, expected: list[float]) -> float:
    """The largest, relative to the largest number."""
    wanted = torch.tensor(expected, dtype=torch.float64)
    return float((found.flatten().double() - wanted).abs().max() / wanted.abs().max())
