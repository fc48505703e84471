"""Which extra measurement would help most?

Every alternative is the experiment with one thing added: a modality, a parameter known beforehand,
another posture or load, more samples. It is judged by three criteria of the information matrix
(Atkinson AC, Donev AN, Tobias RD 2007, Optimum experimental designs, with SAS, ch. 10):

- D: how much smaller the volume of the parameters' uncertainty becomes;
- A: the mean variance;
- worst: the least known parameter's deviation.

Where a parameter is not told, all three would be infinite. So they are taken with a wide normal
prior of `belief` steps on every parameter (Chaloner K, Verdinelli I 1995, Bayesian experimental
design: a review, Statist Sci 10:273): 1 says "right within a factor of three".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.learn.identifiability.experiment import Experiment
from bioenv.learn.identifiability.practical import precision

Array = NDArray[np.float64]

BELIEF = 1.0
KNOWN = 0.05  # steps: a parameter measured beforehand by other means, an MRI of a moment arm
CRITERIA = ("D", "A", "worst")


@dataclass(frozen=True)
class Gain:
    """What an extra measurement would do.

    Attributes:
        name: of the measurement. newly_told: parameters that it tells and the experiment does not.
        volume: factor by which the geometric mean of the deviations shrinks (D; 1: nothing).
        variance: mean variance over that before (A). worst: name and deviation, in steps, of the
            least known parameter; before: the largest deviation without it.
    """

    name: str
    newly_told: tuple[str, ...]
    volume: float
    variance: float
    worst: tuple[str, float]
    before: float

    def by(self, criterion: str) -> float:
        """Smaller is better."""
        chosen = {"D": -self.volume, "A": self.variance, "worst": self.worst[1]}
        if criterion not in chosen:
            raise unknown("criterion", criterion, CRITERIA)
        return chosen[criterion]


def rank(
    experiment: Experiment,
    extras: Mapping[str, Experiment] | None = None,
    *,
    criterion: str = "D",
    belief: float = BELIEF,
) -> tuple[Gain, ...]:
    """Alternatives, the most helpful first.

    Args:
        extras: alternatives by name, the experiment with something added; :func:`additions` of the
            experiment when None. criterion: "D", "A" or "worst".

    Raises BioenvError for an unknown criterion and an alternative of other parameters.
    """
    if criterion not in CRITERIA:
        raise unknown("criterion", criterion, CRITERIA)
    if not belief > 0.0:
        raise BioenvError(f"belief must be positive, in steps, got {belief}")
    wanted = [one.name for one in experiment.free if not one.nuisance]
    now = _Known(experiment, wanted, belief)
    given = additions(experiment) if extras is None else extras
    gains = [_gain(name, now, _Known(one, wanted, belief)) for name, one in given.items()]
    return tuple(sorted(gains, key=lambda one: one.by(criterion)))


def additions(experiment: Experiment) -> dict[str, Experiment]:
    """The experiment with every output that is not yet measured, and with every parameter known
    beforehand to 5 %."""
    found = {}
    measured = [one.name for one in experiment.measured]
    for output in experiment.outputs:
        if not output.measured:
            found[f"measure {output.name}"] = experiment.measuring(*measured, output.name)
    for one in experiment.free:
        if not one.nuisance and one.known > KNOWN:
            told = f"{100 * KNOWN:g} %" if one.size is None else f"{KNOWN * one.size:g} {one.unit}"
            found[f"know {one.name} to {told}"] = experiment.knowing({one.name: KNOWN})
    return found


class _Known:
    """Posterior covariance (W, W), in steps, of wanted parameters, and which of them are told."""

    def __init__(self, experiment: Experiment, wanted: list[str], belief: float) -> None:
        missing = [name for name in wanted if name not in experiment.names]
        known = {one.name for one in experiment.parameters if one.known == 0.0}
        if set(missing) - known:
            raise BioenvError(
                f"{experiment.name} lacks {', '.join(missing)}; an alternative must have the "
                "parameters of the experiment it is compared with"
            )
        found = precision(experiment)
        prior = np.array([belief**-2.0] * len(found.names))
        covariance = np.linalg.inv(found.information + np.diag(prior))
        at = [found.names.index(name) for name in wanted if name not in missing]
        self.wanted, self.told = wanted, set(found.told) | set(missing)
        self.covariance = covariance[np.ix_(at, at)]
        self.deviation = dict.fromkeys(wanted, 0.0)
        spread = np.sqrt(np.diagonal(self.covariance)).tolist()
        self.deviation |= dict(zip([n for n in wanted if n not in missing], spread, strict=True))
        self.volume = float(np.linalg.slogdet(self.covariance)[1])


def _gain(name: str, now: _Known, then: _Known) -> Gain:
    worst = max(then.deviation, key=lambda one: then.deviation[one])
    mean = [sum(v * v for v in one.deviation.values()) for one in (now, then)]
    return Gain(
        name,
        tuple(one for one in now.wanted if one in then.told and one not in now.told),
        float(np.exp((now.volume - then.volume) / (2.0 * len(now.wanted)))),
        mean[1] / mean[0],
        (worst, then.deviation[worst]),
        max(now.deviation.values()),
    )
