"""What a trial says about the body: strengths, tendon slack lengths, segment masses.

    body = Identify(model, strengths="all", masses=["torso"]).fit(motion)
    body.values_["strength/soleus"], body.intervals_["strength/soleus"], body.untold_, body.model_

Newton's equation of every frame and coordinate,

    M qacc + bias - passive - ends of range - ground = muscles(activation)

holds with the right parameters, as far as the data are right. What is missing is measured in units
of the noise that errors of accelerations, activations and ground forces make of it; the parameters
stay near the model's within priors. The most probable ones are found (Gauss-Newton), with intervals
from the curvature there. Errors of neighbouring frames are alike, so the frames count for fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from bioenv.diff import Dynamics
from bioenv.errors import BioenvError
from bioenv.learn.fit import Status
from bioenv.learn.identify_equations import Equations
from bioenv.learn.identify_model import applied, grouped
from bioenv.learn.identify_solver import Found, solve
from bioenv.learn.identify_trial import Trial, TrialNoise, trial
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]
Asked = Sequence[str] | Literal["all"]

UNTOLD = 0.5  # of the prior's interval: a parameter whose own stays wider is untold
LITTLE = 0.01  # of body weight, N or (at 1 m) N*m: a term below is not worth a complaint
ACCEPT = 0.25  # of the largest term of a coordinate: more missing is a large residual


class Direction(NamedTuple):
    """A combination of parameters: information of the data over that of the priors, and the five
    parameters with the largest parts in it (of a vector of length 1), by name."""

    information: float
    parts: dict[str, float]


class Identify:
    """Least squares of a trial's equation of motion by parameters of the model.

    Args:
        model: the body as it is believed to be.
        strengths, tendon_slack_lengths: of muscles; masses: of bodies (with their inertia): names
            with or without side, or "all".
        tie_sides: one value for right and left.
        strength_prior, mass_prior: standard deviation of the logarithm of the factor;
            slack_prior: of the change, in optimal fiber lengths.
        noise: what is believed of the trial's errors; only their proportions count.
        accept: what may be missing, as a share of the largest term of a coordinate's equation (RMS
            of inertia and weight, or of the other forces), before `status_` calls it large.
        iterations: of the search.

    Learned:
        values_: by name: ``strength/<muscle>`` and ``mass/<body>`` as factors of the model's own,
            ``tendon_slack_length/<muscle>`` as change in optimal fiber lengths. intervals_: 95 %.
        ratio_: width of the interval over that of the prior's, 1 where the data say nothing.
            untold_: names with a ratio above a half. directions_: of least information first.
        residual_before_, residual_after_: RMS of what is missing by coordinate, N or N*m.
        noise_: factor of the noise that was believed. frames_: how many frames count as
            independent.
        model_: the Model with the values found. status_, message_, notes_.
    """

    def __init__(
        self,
        model: Model,
        *,
        strengths: Asked = (),
        tendon_slack_lengths: Asked = (),
        masses: Asked = (),
        tie_sides: bool = True,
        strength_prior: float = 0.3,
        slack_prior: float = 0.1,
        mass_prior: float = 0.2,
        noise: TrialNoise | None = None,
        accept: float = ACCEPT,
        iterations: int = 200,
    ) -> None:
        if min(strength_prior, slack_prior, mass_prior, accept) <= 0:
            raise BioenvError("priors and accept must be positive")
        self.model, self.accept, self.iterations = model, accept, iterations
        self.noise = noise or TrialNoise()
        bodies = [model.mj.body(i).name for i in range(model.mj.nbody)]
        self._groups = {
            "strength": grouped(model.muscles, strengths, tie_sides, "muscle"),
            "tendon_slack_length": grouped(
                model.muscles, tendon_slack_lengths, tie_sides, "muscle"
            ),
            "mass": grouped(bodies, masses, tie_sides, "body", model.mj.body_mass > 0),
        }
        self.names = tuple(f"{k}/{n}" for k, g in self._groups.items() for n in g.names)
        if not self.names:
            raise BioenvError("nothing is sought: give strengths, tendon_slack_lengths or masses")
        priors = (strength_prior, slack_prior, mass_prior)
        sizes = [len(group.names) for group in self._groups.values()]
        self._wide = np.repeat(priors, sizes)
        self._logarithmic = np.repeat([True, False, True], sizes)

    def fit(self, motion: Motion) -> Self:
        """Identify from a motion with qpos, qvel (qacc), activation, and ground forces for a body
        that floats. Without activations only the root's equations count: they tell masses.

        Raises BioenvError for a motion that does not belong to the model or lacks a channel.
        """
        dynamics = Dynamics(self.model)
        strength, slack, mass = self._groups.values()
        one = trial(self.model, dynamics, motion, mass, self.noise)
        equations = Equations(self.model, one, dynamics.parameters, strength, slack)
        found = solve(equations, self._wide, self.iterations)
        self.residual_before_ = self._rms(equations.missing(np.zeros(len(self.names))), one)
        self.residual_after_ = self._rms(equations.missing(found.step), one)
        self.noise_, self.notes_ = found.factor, one.notes
        self.frames_ = len(one.rest) / float(found.time.mean())
        self._tell(found, one)
        return self

    def _tell(self, found: Found, one: Trial) -> None:
        """Values, intervals and what is untold, and the status."""
        self.status_, self.message_ = self._judged(found, one)
        bad = found.status is Status.DIVERGED
        covariance = np.linalg.inv(found.precision) if not bad else np.diag(self._wide**2)
        deviation = np.sqrt(np.diagonal(covariance))
        ends = found.step + 1.96 * np.outer([-1.0, 0.0, 1.0], deviation)
        low, value, high = np.where(self._logarithmic, np.exp(ends), ends).tolist()
        self.values_ = dict(zip(self.names, value, strict=True))
        self.intervals_ = dict(zip(self.names, zip(low, high, strict=True), strict=True))
        self.ratio_ = dict(zip(self.names, (deviation / self._wide).tolist(), strict=True))
        self.untold_ = tuple(name for name, ratio in self.ratio_.items() if ratio > UNTOLD)
        information = self._wide[:, None] * np.linalg.inv(covariance) * self._wide
        self.directions_ = self._directions(information)
        strength, slack, mass = self._groups.values()
        s, k = len(strength.names), len(strength.names) + len(slack.names)
        self.model_ = applied(
            self.model,
            np.exp(strength.spread(found.step[:s], 0.0)),
            slack.spread(found.step[s:k], 0.0) * self.model.muscle.optimal_fiber_length,
            np.exp(mass.spread(found.step[k:], 0.0)),
        )

    def _judged(self, found: Found, one: Trial) -> tuple[Status, str]:
        """Status and one sentence about it."""
        size = dict(zip(self.model.coordinates, one.size, strict=True))
        least = LITTLE * self.model.body_weight
        share = {n: left / max(size[n], least) for n, left in self.residual_after_.items()}
        large = {name: part for name, part in share.items() if not part <= self.accept}
        if found.status is Status.DIVERGED:
            return found.status, "the equations are not finite; the values are the model's own"
        if large:
            told = ", ".join(f"{name} {100 * part:.0f} %" for name, part in large.items())
            return Status.LARGE_RESIDUAL, f"still missing of the largest term of {told}"
        if found.status is Status.UNSETTLED:
            return found.status, f"not settled after {found.iterations} iterations"
        return found.status, f"converged in {found.iterations} iterations"

    def _directions(self, scaled: Array) -> tuple[Direction, ...]:
        value, vector = np.linalg.eigh(scaled)
        return tuple(
            Direction(
                float(max(one - 1.0, 0.0)),
                {self.names[i]: float(parts[i]) for i in np.argsort(-np.abs(parts))[:5]},
            )
            for one, parts in zip(value, vector.T, strict=True)
        )

    def _rms(self, left: Array, one: Trial) -> dict[str, float]:
        """By coordinate, of those whose equations count."""
        size = np.sqrt((left**2).mean(axis=0)).tolist()
        named = zip(self.model.coordinates, size, one.coordinates, strict=True)
        return {name: value for name, value, counts in named if counts}
