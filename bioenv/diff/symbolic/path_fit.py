"""Polynomials for what MuJoCo's wrapped muscle paths do: length, moment arms, pull at joints.

A muscle's length depends on the coordinates between the bodies it is attached to, so a polynomial
in those few is small, smooth and twice differentiable where the wrapped path is not. Fitted to
lengths and moment arms together, as van den Bogert et al. 2013 (doi:10.1016/j.piutam.2011.04.027)
and Falisse et al. 2019 (doi:10.1098/rsif.2019.0402) do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.path_samples import Samples, continuous_ranges, poses, sample
from bioenv.diff.symbolic.polynomial import Polynomial, Target, evaluate, fit
from bioenv.models.model import Model

Array = NDArray[np.float64]

_SAMPLES, _CHECKS = 900, 400
_ARM = 1e-7  # m/rad; coordinates with smaller arms everywhere are not the muscle's
_TOLERANCE = (1e-4, 5e-4)  # m and m/rad: good enough for a lower degree
_SAME = 1e-6  # m: how much worse a mirrored path may fit
_PULL_TOLERANCE = (0.01, np.inf)  # of a unit vector


@dataclass(frozen=True)
class PathError:
    """Largest and root-mean-square errors of one fitted path against MuJoCo.

    length, length_rms m; moment_arm, moment_arm_rms m (m/m for slides), at random poses within
    ``FittedPaths.valid``.
    """

    length: float
    moment_arm: float
    length_rms: float
    moment_arm_rms: float


@dataclass(frozen=True, eq=False)
class Pull:
    """Unit pull (3,) of one muscle on the segment below a joint, in the joint site's frame.

    joint, muscle: indices; error: largest of the unit vector's components.
    """

    joint: int
    muscle: int
    polynomial: Polynomial
    error: float


@dataclass(frozen=True, eq=False)
class FittedPaths:
    """One polynomial of the length (m) per muscle, and what crosses each loaded joint.

    valid (nq, 2): the coordinates' ranges less what lies behind jumps: where a tendon slips to
    the other side of its wrapping surface, MuJoCo's length is not continuous.
    """

    length: tuple[Polynomial, ...]
    error: tuple[PathError, ...]
    pull: tuple[Pull, ...]
    valid: Array


def fit_paths(model: Model) -> FittedPaths:
    """Sample the model's range of motion and fit every muscle."""
    low, high = continuous_ranges(model)
    q = poses(low, high, _SAMPLES, dense_ends=True)
    checks = poses(low, high, _CHECKS, skip=_SAMPLES)
    data, test = sample(model, q), sample(model, checks)
    polynomials: list[Polynomial] = []
    errors: list[PathError] = []
    for muscle, other in enumerate(model.mirror_muscle):
        truth = (checks, test.length[:, muscle], test.arm[:, muscle])
        if other < muscle:  # both sides alike, so that a symmetric gait is one
            twin = polynomials[other]
            twin = replace(twin, dofs=model.mirror_qpos[twin.dofs])
            error = _error(twin, *truth)
            if error.length <= 1.5 * errors[other].length + _SAME:
                polynomials.append(twin)
                errors.append(error)
                continue
        arms = data.arm[:, muscle]
        dofs = np.flatnonzero(np.abs(arms).max(axis=0) > _ARM)
        length = data.length[:, muscle, None]
        fitted = fit(Target(dofs, low, high, q, length, arms[:, dofs], _TOLERANCE))
        polynomials.append(fitted)
        errors.append(_error(fitted, *truth))
    pulls = _fit_pulls(polynomials, (low, high), q, data, checks, test)
    return FittedPaths(tuple(polynomials), tuple(errors), pulls, np.stack([low, high], axis=1))


def _error(fitted: Polynomial, q: Array, length: Array, arm: Array) -> PathError:
    value, slope = evaluate(fitted, q)
    miss = value[:, 0] - length
    arms = slope[:, 0] - arm[:, fitted.dofs]
    return PathError(
        float(np.abs(miss).max()), float(np.abs(arms).max(initial=0.0)),
        float(np.sqrt(np.mean(miss**2))),
        float(np.sqrt(np.mean(arms**2))) if arms.size else 0.0,
    )  # fmt: skip


def _fit_pulls(
    lengths: list[Polynomial],
    ends: tuple[Array, Array],
    q: Array,
    data: Samples,
    checks: Array,
    test: Samples,
) -> tuple[Pull, ...]:
    out = []
    for joint, muscle in np.argwhere((data.pull != 0.0).any(axis=(0, 3))):
        values = data.pull[:, joint, muscle]
        fitted = fit(Target(lengths[muscle].dofs, *ends, q, values, None, _PULL_TOLERANCE))
        error = np.abs(evaluate(fitted, checks)[0] - test.pull[:, joint, muscle]).max()
        out.append(Pull(int(joint), int(muscle), fitted, float(error)))
    return tuple(out)
