"""How far noise in the joint torques moves the muscle forces that were found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.muscles.problem import SharingProblem

Array = NDArray[np.float64]

AT_BOUND = 1e-6  # an activation this near to a bound rests on it
RANK = 1e-10  # eigenvalues of J H^-1 J' below this part of the largest are zero


class NoiseGain(NamedTuple):
    """N of muscle force per N*m of torque.

    worst (T,): greatest change of the force vector (2-norm) per 2-norm of a change of torque.
    muscle (T, m): RMS force noise of a muscle per RMS of independent, equal noise in every torque.
    cornered (T,): too few muscles are off their bounds to follow a torque in every direction.
    """

    worst: Array
    muscle: Array
    cornered: NDArray[np.bool_]


def noise_gain(
    problem: SharingProblem, activation: Array, curvature: Array | None = None
) -> NoiseGain:
    """Gain of the map from torque to the cheapest forces, at that optimum.

    While the set of muscles at a bound stays the same, the optimum of ``½ a'Ha`` subject to
    ``J a + R e = torque`` moves linearly, by ``H⁻¹J'(J H⁻¹J' + R²)⁺`` over the other muscles
    (H diagonal, e the reserves' activations).

    Args:
        problem: T frames.
        activation: (T, m) the optimum.
        curvature: (T, m) H, second derivative of the cost by activation over 2; ones when None, as
            for the sum of squared activations.
    """
    free = (activation > problem.lower + AT_BOUND) & (activation < problem.upper - AT_BOUND)
    weight = free / (np.ones_like(activation) if curvature is None else curvature)
    held = np.isfinite(problem.reserve)  # a free reserve takes its coordinate's noise itself
    jacobian = problem.gain[:, held]
    square = np.einsum("tkm,tm,tlm->tkl", jacobian, weight, jacobian, optimize=True)
    square += np.diag(problem.reserve[held] ** 2)
    value, vector = np.linalg.eigh(square)
    follows = value > RANK * np.max(value, axis=1, initial=0.0, keepdims=True)
    inverse = np.where(follows, 1.0, 0.0) / np.where(follows, value, 1.0)
    back = np.einsum("tkm,tkl->tml", jacobian, vector * inverse[:, None]) @ vector.swapaxes(1, 2)
    slope = (problem.active * weight)[:, :, None] * back
    size = np.linalg.norm(slope, axis=2)
    worst = np.linalg.norm(slope, ord=2, axis=(1, 2)) if slope.size else np.zeros(len(slope))
    return NoiseGain(worst, size, ~follows.all(axis=1))
