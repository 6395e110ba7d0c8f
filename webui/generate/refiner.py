"""Another checkpoint that takes over on the way from noise to picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from torch import Tensor

from webui.generate.texts import Text
from webui.sampling.guidance import Guided, Predict
from webui.sampling.kinds import Denoised
from webui.sampling.schedule import NoiseSchedule, Prediction


@dataclass(frozen=True)
class Network:
    """A model as sampling sees it."""

    predict: Predict[Text]
    schedule: NoiseSchedule
    prediction: Prediction


@dataclass
class Refining(Guided[Text]):
    """The guided model, asking another network from the first call on for which ``due(calls so far, sigma)``.

    The sigmas stay those of the first one; texts are encoded anew, since they are handed on as words.
    """

    _: KW_ONLY
    due: Callable[[int, float], bool]
    switch: Callable[[], Network]
    refined: bool = field(default=False, init=False)

    def __call__(self, x: Tensor, sigma: float) -> Denoised:
        if not self.refined and not self.interrupted() and self.due(self.calls, sigma):
            network = self.switch()
            self.predict, self.schedule, self.prediction = network.predict, network.schedule, network.prediction
            self.refined = True
        return super().__call__(x, sigma)


def by_noise(switch_at: float, schedule: NoiseSchedule) -> Callable[[int, float], bool]:
    """sd-webui's rule: what counts is the training timestep whose sigma is nearest, of 1000."""
    return lambda calls, sigma: (schedule.t_max - _nearest(schedule, sigma)) / len(schedule.sigmas) >= switch_at


def by_steps(switch_at: float, calls: int) -> Callable[[int, float], bool]:
    """What counts is the share of the pass's calls that are done."""
    return lambda done, sigma: done / calls >= switch_at


def _nearest(schedule: NoiseSchedule, sigma: float) -> int:
    return min(range(len(schedule.sigmas)), key=lambda t: abs(schedule.sigmas[t] - sigma))
