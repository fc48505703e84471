"""How strictly a joint obeys its equation: down a ladder, and back up if the samples insist."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bioenv.learn.block import Block
from bioenv.learn.elbow_problem import CURVE, LAWS, JointProblem
from bioenv.learn.fit import Fit, Status, minimize

Array = NDArray[np.float64]

RUNGS = (1.0, 0.3, 0.1, 0.03, 0.003)  # of the torque's size
INSIST = 2.0  # log evidence by which samples must refute an equation before it is loosened
# Of the loss, a negative log posterior: what is left to gain moves nothing that matters.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Search:
    """Fits of one problem.

    Attributes: samples, times s and angles rad (N,); where, collocation points s; noise rad and
    physics_noise N m, or None to learn them; the rest as in :class:`~bioenv.learn.elbow.ElbowPINN`.
    """

    problem: JointProblem
    samples: tuple[Array, Array]
    where: Array
    noise: float | None
    physics_noise: float | None
    causal: float
    method: str
    iterations: int
    seed: int

    def run(self) -> tuple[Fit, dict[float, float]]:
        """The fit taken, and the log evidence of the equation by how far it may fail, N m.

        Going down, each fit starts from the last, so that wrong parameters never bend the curve.
        Going up, the learned noise of the angles follows. The strictest equation is taken whose
        evidence is not far below the best; of two explanations of a deviation, noise and an unknown
        torque, the samples choose.
        """
        whole = self.problem.network
        network = replace(whole, hidden=()) if whole.hidden and whole.features.count > 1 else whole
        problem = replace(self.problem, network=network)
        start, noise = problem.unknowns(network.start(self.seed)), self._guess()
        strict, looser = self._ladder()
        for missing in looser[::2]:
            start = self._fit(problem, start, noise, missing, learn=False).unknowns
        fits: list[Fit] = []
        for missing in [strict, *([] if self.physics_noise else looser[::-1])]:
            found = self._fit(problem, start, noise, missing)
            if found.status is Status.DIVERGED and fits:
                break
            fits.append(found)
            start, noise = found.unknowns, found.noise["angle"]
        told = [found.evidence(LAWS, CURVE) for found in fits]
        evidence = {f.noise["equation"]: e for f, e in zip(fits, told, strict=True)}
        best = next(f for f, e in zip(fits, told, strict=True) if not e < max(told) - INSIST)
        if network is not whole and best.status is not Status.DIVERGED:
            grown = best.unknowns | {"net": whole.grown(best.unknowns["net"], self.seed)}
            best = self._fit(self.problem, grown, best.noise["angle"], best.noise["equation"])
        return best, evidence

    def _guess(self) -> float:
        return self.noise or 0.1 * float(self.samples[1].std())

    def _ladder(self) -> tuple[float, list[float]]:
        """N m by which the equation may fail: the strictest, and looser ones downward to it."""
        size = self.problem.torque_size(self.where, self.samples[1])
        strict = self.physics_noise or RUNGS[-1] * size
        return strict, [rung * size for rung in RUNGS if rung * size > 1.001 * strict]

    def _fit(
        self, problem: JointProblem, start: dict[str, Tensor], noise: float, missing: float,
        learn: bool = True,
    ) -> Fit:  # fmt: skip
        learn = learn and self.noise is None
        blocks: dict[str, Block] = problem.blocks(
            self.samples, self.where, self._guess(), missing, learn=learn, causal=self.causal
        )
        return minimize(
            blocks,
            start,
            method=self.method,
            iterations=self.iterations,
            tolerance=TOLERANCE,
            noise={"angle": noise},
        )
