"""Newton's equation of every frame of a trial in units of its noise, by the sought numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.diff.muscles import Curves, muscle
from bioenv.learn.identify_model import Groups
from bioenv.learn.identify_trial import Trial
from bioenv.models import Model

Array = NDArray[np.float64]

CAREFUL = 1e-3  # of body weight: no trial's forces are known better


class Equations:
    """What is missing for Newton in every frame, at steps of the sought numbers.

    Steps (p,), in order: of the logarithms of strengths, of tendon slack lengths in optimal fiber
    lengths, of the logarithms of masses.

    Errors of what was measured become errors of the equations: those of accelerations through the
    mass matrix, of activations through muscles, of ground forces through their levers. Divided by
    the standard deviation that accelerations give *at the same step*, what is missing has its least
    at the true masses; divided by a constant it has not: a lighter body would always do with noisy
    accelerations (errors in variables; Van Huffel S, Vandewalle J 1991, The total least squares
    problem). Activations err in proportion to themselves; theirs are taken at the model's strength.
    """

    def __init__(
        self, model: Model, trial: Trial, parameters: Mapping[str, Tensor], strength: Groups,
        slack: Groups,
    ) -> None:  # fmt: skip
        self.trial = trial
        self._curves, self._own = Curves(model.muscle), parameters
        self._strength, self._slack = _members(strength), _members(slack)
        self._use = torch.tensor(np.flatnonzero(trial.coordinates))
        full, none = (
            muscle(self._curves, parameters, trial.length, trial.velocity, at).force
            for at in (torch.ones_like(trial.activation), torch.zeros_like(trial.activation))
        )
        pulled = trial.slope.transpose(-1, -2) * (trial.excited * (full - none)).unsqueeze(-2)
        known = torch.cat([pulled, trial.pushed], dim=-1)[:, self._use]
        least = CAREFUL * model.body_weight  # N, or N*m at 1 m
        floor = least**2 * torch.eye(len(self._use), dtype=torch.float64)
        self._spread = known @ known.transpose(-1, -2) + floor

    def missing(self, step: Array) -> Array:
        """(T, nv) N or N*m."""
        with torch.no_grad():
            return np.asarray(self._missing(torch.tensor(step)).numpy())

    def scaled(self, step: Array) -> Array:
        """(T, n) what is missing in independent units of noise; infinite where steps are absurd."""
        with torch.no_grad():
            return np.asarray(self._scaled(torch.tensor(step))[0].numpy())

    def normal(self, step: Array, weight: Array) -> tuple[Array, Array]:
        """Gradient (p,) of ``1/2 sum weight scaled^2`` and its Fisher matrix; weight (n,)."""
        x, w = torch.tensor(step, requires_grad=True), torch.tensor(weight)
        scaled, root = self._scaled(x)
        cost = 0.5 * (w * scaled.square()).sum()
        (gradient,) = torch.autograd.grad(cost, x)
        slope = self._slope(x.detach())[:, self._use]
        steep = torch.linalg.solve_triangular(root.detach(), slope, upper=False)
        matrix = torch.einsum("tnp,n,tnq->pq", steep, w, steep)
        return gradient.numpy(), matrix.numpy()

    def _scaled(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """What is missing (T, n) in units of noise, and the root (T, n, n) of the noise."""
        one, mass = self.trial, self._changed(step)[1]
        inertia = one.inertia[0] + torch.einsum("gtij,g->tij", one.inertia[1:], mass)
        shaken = (inertia * one.shaken)[:, self._use]
        root, failed = torch.linalg.cholesky_ex(self._spread + shaken @ shaken.transpose(-1, -2))
        column = self._missing(step)[:, self._use].unsqueeze(-1)
        scaled = torch.linalg.solve_triangular(root, column, upper=False)[..., 0]
        return torch.where(failed[:, None] > 0, torch.inf, scaled), root

    def _slope(self, step: Tensor) -> Tensor:
        """(T, nv, p) of what is missing: each muscle has only its own strength and tendon."""
        one = self.trial
        own, mass = self._changed(step)
        # A copy of the length per frame, so that one backward pass gives every frame's slope.
        tendon = own["tendon_slack_length"].expand(one.length.shape).clone().requires_grad_(True)
        state = muscle(
            self._curves, {**own, "tendon_slack_length": tendon}, one.length, one.velocity,
            one.activation,
        )  # fmt: skip
        (stretched,) = torch.autograd.grad(state.force.sum(), tendon)
        stretched = stretched * own["optimal_fiber_length"]
        pulls = (state.force.detach(), self._strength), (stretched, self._slack)
        columns = [
            torch.einsum("tmd,tm,mg->tdg", one.slope, pull, member) for pull, member in pulls
        ]
        return torch.cat([*columns, one.weight * mass], dim=-1)

    def _changed(self, step: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The muscles' parameters, and factors (g,) of masses."""
        s, k = self._strength.shape[1], self._strength.shape[1] + self._slack.shape[1]
        longer = (self._slack @ step[s:k]) * self._own["optimal_fiber_length"]
        stronger = torch.exp(self._strength @ step[:s])
        changed = {
            **self._own,
            "max_isometric_force": self._own["max_isometric_force"] * stronger,
            "tendon_slack_length": self._own["tendon_slack_length"] + longer,
        }
        return changed, torch.exp(step[k:])

    def _missing(self, step: Tensor) -> Tensor:
        one = self.trial
        own, mass = self._changed(step)
        pull = muscle(self._curves, own, one.length, one.velocity, one.activation).force
        return one.rest + one.weight @ mass + torch.einsum("tmd,tm->td", one.slope, pull)


def _members(groups: Groups) -> Tensor:
    """(n, g) 1 where a muscle belongs to a group."""
    member = groups.of[:, None] == np.arange(len(groups.names))
    return torch.tensor(member, dtype=torch.float64)
