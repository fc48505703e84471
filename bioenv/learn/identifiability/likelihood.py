"""Profile likelihood: how much worse the best fit becomes when one parameter is held elsewhere.

At every value of the parameter all others are estimated anew. The confidence interval holds the
values where the fit is worse by less than half of a chi-square quantile; where the profile stays
below, the interval is open: the data are content with any value on that side (Raue A et al. 2009,
Structural and practical identifiability analysis by exploiting the profile likelihood,
Bioinformatics 25:1923). Every fit starts on the line through the two before it, so that it can
follow a curved valley; both sides of all parameters go outwards together, in one batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import chi2
from torch import Tensor

from bioenv.errors import BioenvError, unknown
from bioenv.learn.identifiability.estimates import refit
from bioenv.learn.identifiability.experiment import Experiment
from bioenv.learn.identifiability.practical import Precision, precision

Array = NDArray[np.float64]

FARTHEST = math.log(10.0)  # steps: up to a tenth and ten times the value
FINE = 3.0  # first values in a deviation of the bound
COARSE = 10.0  # and at least so many up to the farthest
SLOW, WIDER = 0.2, 1.6  # a root profile that grows by less than this share of the limit's: wider
BEYOND = 2.0  # limits: as far as the profile is followed
JUMP, FINEST = 0.75, 1e-3  # limits a step: rather a smaller one, to this share of the largest
MOST = 80  # values on one side
ITERATIONS = 60


@dataclass(frozen=True, eq=False)
class Profile:
    """The profile of one parameter.

    Attributes:
        name, unit. values (K,) of the parameter, ascending; worse (K,): twice the difference of the
            log likelihood to the best, chi-square with one degree of freedom at the truth.
        steps (K, F): all parameters there. limit: the quantile at `level`.
        best: the estimate. interval: ends, infinite or 0 (-infinite for a parameter with a size)
            where it is open; open_: "", "below", "above" or "both".
        converged: whether all fits did, and both sides were followed to their ends.
    """

    name: str
    unit: str
    values: Array
    worse: Array
    steps: Array
    limit: float
    best: float
    interval: tuple[float, float]
    open_: str
    converged: bool

    @property
    def told(self) -> bool:
        """Whether the interval has two ends."""
        return self.open_ == ""


def profile(
    experiment: Experiment, name: str, data: Tensor | None = None, **settings: Any
) -> Profile:
    """Profile likelihood of one parameter; see :func:`profiles`."""
    return profiles(experiment, (name,), data, **settings)[0]


def profiles(
    experiment: Experiment,
    names: Sequence[str] | None = None,
    data: Tensor | None = None,
    *,
    level: float = 0.95,
    farthest: float = FARTHEST,
) -> tuple[Profile, ...]:
    """Profile likelihoods of some parameters.

    Args:
        names: None: all but nuisances. data: (N, M); None: what the experiment would measure
            without noise, which gives the profiles to be expected. level: of confidence.
        farthest: steps where the search for an end gives up and calls the interval open.

    Raises BioenvError for a name that is not sought and for data that do not fit.
    """
    wanted = [p.name for p in experiment.free if not p.nuisance] if names is None else list(names)
    for name in wanted:
        if name not in experiment.names:
            raise unknown("parameter that is sought", name, experiment.names)
    if not 0.0 < level < 1.0 or not farthest > 0.0:
        raise BioenvError("level must be between 0 and 1 and the farthest step positive")
    best = torch.zeros(len(experiment.names), dtype=torch.float64)
    least = 0.0
    if data is None:
        data = experiment.evaluate(best)
    else:
        found = refit(experiment, data, start=best[None], iterations=ITERATIONS)
        best, least = torch.tensor(found.steps[0]), float(found.cost[0])
    limit = float(chi2.ppf(level, 1))
    lines = _march(experiment, data, wanted, best, least, limit, farthest)
    return tuple(
        _joined(experiment, name, best, lines[2 * i], lines[2 * i + 1], limit)
        for i, name in enumerate(wanted)
    )


@dataclass
class _Line:
    """One side of one profile, on its way out."""

    at: int
    sign: float
    size: float
    places: list[Tensor]
    worse: list[float]
    converged: bool = True

    def ahead(self, slope: Tensor) -> Tensor:
        """(F,) where to look next."""
        here = self.places[-1]
        if len(self.places) > 1:
            slope = here - self.places[-2]
            slope = slope / slope[self.at]
        return here + self.sign * self.size * slope.clamp(-10.0, 10.0)

    def done(self, limit: float, farthest: float) -> bool:
        gone = abs(float(self.places[-1][self.at] - self.places[0][self.at]))
        return self.worse[-1] > BEYOND * limit or gone >= farthest

    def arrived(
        self, place: Tensor, worse: float, converged: bool, limit: float, most: float
    ) -> None:
        """Take a fit, and the size of the next step; where the profile jumped, go back."""
        if worse - self.worse[-1] > JUMP * limit and self.size > most * FINEST:
            self.size *= 0.25
            return
        self.places.append(place)
        self.worse.append(max(worse, 0.0))
        self.converged &= converged
        if math.sqrt(self.worse[-1]) - math.sqrt(self.worse[-2]) < SLOW * math.sqrt(limit):
            self.size = min(WIDER * self.size, most)


def _march(
    experiment: Experiment, data: Tensor, wanted: list[str], best: Tensor, least: float,
    limit: float, farthest: float,
) -> list[_Line]:  # fmt: skip
    """Both sides of every profile, below first, followed until they are high or far enough."""
    bound = precision(experiment)
    lines, first = [], {}
    for name in wanted:
        at = experiment.names.index(name)
        size = min(bound.share[name] / FINE, farthest / COARSE)
        first[at] = _along(bound, at)
        lines += [_Line(at, sign, size, [best], [0.0]) for sign in (-1.0, 1.0)]
    for _ in range(MOST):
        going = [line for line in lines if not line.done(limit, farthest)]
        if not going:
            break
        start = torch.stack([line.ahead(first[line.at]) for line in going])
        held = torch.zeros(start.shape, dtype=torch.bool)
        held[range(len(going)), [line.at for line in going]] = True
        found = refit(experiment, data, start=start, held=held, iterations=ITERATIONS)
        for i, line in enumerate(going):
            worse = 2.0 * (float(found.cost[i]) - least)
            place = torch.tensor(found.steps[i])
            line.arrived(place, worse, bool(found.converged[i]), limit, farthest / COARSE)
    for line in lines:
        line.converged &= line.done(limit, farthest)
    return lines


def _along(bound: Precision, at: int) -> Tensor:
    """(F,) how the best fit moves, to first order, for one step of a parameter."""
    column = bound.bounded[:, at]
    if not np.isfinite(bound.covariance[at, at]):  # along what changes nothing, as short as it goes
        flat = bound.null * bound.scale[:, None]
        column = (flat @ flat[at]) / bound.scale
    return torch.tensor(column / column[at])


def _joined(
    experiment: Experiment, name: str, best: Tensor, below: _Line, above: _Line, limit: float
) -> Profile:
    at = experiment.names.index(name)
    parameter = experiment.free[at]
    steps = torch.stack([*below.places[:0:-1], *above.places]).numpy()
    ends = [_end(line, limit) for line in (below, above)]
    lowest = 0.0 if parameter.size is None else -math.inf
    return Profile(
        name=name,
        unit=parameter.unit,
        values=np.array([parameter.at(x) for x in steps[:, at]]),
        worse=np.array([*below.worse[:0:-1], *above.worse]),
        steps=steps,
        limit=limit,
        best=parameter.at(float(best[at])),
        interval=(
            lowest if ends[0] is None else parameter.at(ends[0]),
            math.inf if ends[1] is None else parameter.at(ends[1]),
        ),
        open_={(0, 0): "", (1, 0): "below", (0, 1): "above", (1, 1): "both"}[
            int(ends[0] is None), int(ends[1] is None)
        ],
        converged=below.converged and above.converged,
    )


def _end(line: _Line, limit: float) -> float | None:
    """Step where the profile passes the limit; None where it does not.

    The root of a profile is nearly straight, so a line between two of its values will do.
    """
    root = np.sqrt(line.worse)
    step = [float(place[line.at]) for place in line.places]
    above = np.flatnonzero(root > math.sqrt(limit))
    if not above.size:
        return None
    last = int(above[0])
    share = (math.sqrt(limit) - root[last - 1]) / (root[last] - root[last - 1])
    return step[last - 1] + float(share) * (step[last] - step[last - 1])
