"""Which sampler is compared with what, and how far apart they end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor

from tests.sampling.oracle_papers import libraries, textbook
from tests.sampling.oracle_papers.network import SCHEDULE, bars, guided, randn_like
from webui.sampling.kinds import SamplerOptions, find_sampler, find_scheduler, sigmas_for
from webui.sampling.schedule import ScheduleOptions

Oracle = Callable[[Tensor, list[float], Generator, SamplerOptions], Tensor]
"""(x_t at sigmas[0], sigmas, noise, options) → x_t at sigmas[-1]."""

SEED, SHAPE = 7, (1, 3, 4, 4)


@dataclass(frozen=True)
class Case:
    """``sigmas`` None: those of "Automatic" in ``steps`` steps. ``rough``: the oracle means another thing by a hair."""

    sampler: str
    source: str
    oracle: Oracle
    steps: int = 12
    options: dict[str, Any] = field(default_factory=dict)
    sigmas: tuple[float, ...] | None = None
    note: str = ""
    rough: bool = False

    def __str__(self) -> str:
        chosen = [f"{name}={value}" for name, value in self.options.items()]
        return ", ".join([self.sampler, self.source, f"{self.steps} steps", *chosen, *filter(None, [self.note])])

    def difference(self, dtype: torch.dtype) -> float:
        """The largest difference of ours, computed in ``dtype``, to the oracle in double, over its largest value."""
        sigmas, options = self._sigmas(), replace(find_sampler(self.sampler).options, **self.options)
        x_t = randn_like(torch.empty(SHAPE, dtype=torch.float64), Generator().manual_seed(SEED))
        expected = self.oracle(x_t, sigmas, Generator().manual_seed(SEED + 1), options)
        found = self._ours(x_t.to(dtype), sigmas, options)
        return float((found.double() - expected).abs().max() / expected.abs().max())

    def _ours(self, x_t: Tensor, sigmas: list[float], options: SamplerOptions) -> Tensor:
        sampler, generator = find_sampler(self.sampler), Generator().manual_seed(SEED + 1)

        def noise(sigma: float, sigma_next: float) -> Tensor:
            return torch.randn(x_t.shape, generator=generator, dtype=torch.float64).to(x_t.dtype)

        found = sampler.run(guided, x_t * math.hypot(1, sigmas[0]), sigmas, noise, options)
        return found if "timesteps" in sampler.uses else found / math.hypot(1, sigmas[-1])

    def _sigmas(self) -> list[float]:
        if self.sigmas:
            return list(self.sigmas)
        return sigmas_for(find_sampler(self.sampler), find_scheduler("Automatic"), self.steps, SCHEDULE)


def printed(formula: Callable[[Tensor, list[float], Generator, SamplerOptions], Tensor]) -> Oracle:
    """A formula that goes along ᾱ instead of σ."""
    return lambda x, sigmas, noise, options: formula(x, bars(sigmas), noise, options)


def in_x(formula: Oracle) -> Oracle:
    """A formula that goes along σ in x = x0 + σ·ε."""

    def oracle(x_t: Tensor, sigmas: list[float], noise: Generator, options: SamplerOptions) -> Tensor:
        return formula(x_t * math.hypot(1, sigmas[0]), sigmas, noise, options) / math.hypot(1, sigmas[-1])

    return oracle


def _karras(steps: int) -> tuple[float, ...]:
    return tuple(sigmas_for(find_sampler("Euler"), find_scheduler("karras"), steps, SCHEDULE, ScheduleOptions()))


def _whole(*timesteps: int) -> tuple[float, ...]:
    return (*(SCHEDULE.sigmas[t] for t in timesteps), 0.0)


def _cases() -> Iterator[Case]:
    for steps in (12, 20, 36, 50):
        yield Case("Restart", "algorithm 1", in_x(textbook.restart), steps)
    for eta in (0.0, 0.4, 1.0):
        yield Case("DDIM", "eq. 12", printed(textbook.ddim), options={"eta": eta})
        yield Case("DDIM CFG++", "algorithm 2", printed(textbook.ddim_cfgpp), options={"eta": eta})
    for steps in (1, 2, 3, 20):
        yield Case("PLMS", "eq. 11 and 12", printed(textbook.plms), steps)
    yield Case("PLMS", "diffusers PNDM", libraries.plms, 20)
    yield from _unipc()
    yield Case("LCM", "algorithm 3, eq. 9", printed(textbook.lcm), 4)
    yield Case("LCM", "algorithm 3, eq. 9", printed(textbook.lcm), 12)
    yield Case("LCM", "diffusers LCM", libraries.lcm, 4, sigmas=_whole(999, 759, 499, 259), rough=True)
    for eta in (0.0, 0.3, 1.0):
        yield Case("TCD", "algorithm 4", printed(textbook.tcd), 4, {"eta": eta})
        ends_at_zero = (*_whole(999, 759, 499, 259)[:-1], SCHEDULE.sigma_min)
        yield Case("TCD", "diffusers TCD", libraries.tcd, 4, {"eta": eta}, ends_at_zero)
    for steps in (1, 2, 3, 12):
        yield Case("DEIS", "eq. 14 and 15", printed(textbook.deis), steps)
    yield Case("DEIS", "eq. 14 and 15", printed(textbook.deis), 15, sigmas=_karras(15), note="Karras")
    yield Case("DEIS", "diffusers DEIS", libraries.deis, 15, sigmas=_karras(15)[:-1], note="Karras")


def _unipc() -> Iterator[Case]:
    for variant in ("bh1", "bh2", "vary_coeff"):
        for order in (1, 2, 3):
            for lower in (True, False):
                options = {"uni_pc_variant": variant, "uni_pc_order": order, "uni_pc_lower_order_final": lower}
                yield Case("UniPC", "definition", printed(textbook.unipc), 8, options)
                if variant != "vary_coeff":
                    yield Case("UniPC", "diffusers UniPC", libraries.unipc, 8, options, _karras(8)[:-1], "Karras")
    for steps in (1, 2, 3, 20):
        yield Case("UniPC", "definition", printed(textbook.unipc), steps)
    yield Case("UniPC", "definition", printed(textbook.unipc), 10, sigmas=_karras(10), note="Karras")


CASES = list(_cases())
