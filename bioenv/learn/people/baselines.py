"""What an estimator of moments has to beat: a mean curve, a line, a plain network, Newton alone.

Every baseline learns from the same windows of legs (`bioenv.learn.people.leg_data`) with the
same weights, and sees the same person for the first time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.estimators import Windows
from bioenv.learn.people.leg_data import INPUTS, LENGTH

Array = NDArray[np.float64]

KINEMATICS = INPUTS[:14]
"""Angles and rates of the segments: what a network without physics sees."""

_MIDDLE = LENGTH // 2
_CYCLE = 101
_WIDTH = 80.0  # concentration of the kernel over the phase, 1/rad^2


class MeanCurve:
    """The mean moments of the other people by gait phase.

    The phase is the angle of the legs' spread (thigh of this leg minus that of the other) and its
    rate, each over its spread; learned: curve_ (101, O) over a turn.
    """

    def fit(self, windows: Windows, weight: Array) -> Self:
        """Learn from windows with targets (N, 1, O) and weights (N,)."""
        phase, truth = spread_phase(windows), windows.targets[:, 0]
        at = np.linspace(-np.pi, np.pi, _CYCLE)
        near = np.exp(_WIDTH * (np.cos(at[:, None] - phase) - 1.0)) * weight
        self.curve_ = (near @ truth) / near.sum(axis=1, keepdims=True)
        return self

    def predict(self, windows: Windows) -> Array:
        """(N, O) N*m/kg."""
        at = np.linspace(-np.pi, np.pi, _CYCLE)
        phase = spread_phase(windows)
        return np.column_stack([np.interp(phase, at, column) for column in self.curve_.T])


def spread_phase(windows: Windows) -> Array:
    """(N,) phase of the gait, rad; each recording's spread and rate are scaled by themselves."""
    column = {name: windows.inputs[:, _MIDDLE, i] for i, name in enumerate(windows.input_names)}
    spread = column["thigh_own"] - column["thigh_other"]
    rate = column["thigh_rate_own"] - column["thigh_rate_other"]
    phase = np.empty(len(windows))
    for name in np.unique(windows.recording):
        mine = windows.recording == name
        a = spread[mine]
        phase[mine] = np.arctan2(-rate[mine] / rate[mine].std(), a / a.std())
    return phase


class Ridge:
    """A line from the whole window to the moments, with a penalty on standardized slopes.

    Learned: mean_, scale_ (D,), slope_ (D, O), level_ (O,).
    """

    def __init__(self, penalty: float = 0.02) -> None:
        self.penalty = penalty

    def fit(self, windows: Windows, weight: Array) -> Self:
        """Learn from windows with targets (N, 1, O) and weights (N,)."""
        flat, truth = windows.inputs.reshape(len(windows), -1), windows.targets[:, 0]
        share = weight / weight.sum()
        self.mean_ = share @ flat
        self.scale_ = np.sqrt(share @ (flat - self.mean_) ** 2) + 1e-9
        self.level_ = share @ truth
        x = (flat - self.mean_) / self.scale_
        square = x.T @ (share[:, None] * x) + self.penalty * np.eye(x.shape[1])
        self.slope_ = np.linalg.solve(square, x.T @ (share[:, None] * (truth - self.level_)))
        return self

    def predict(self, windows: Windows) -> Array:
        """(N, O) N*m/kg."""
        flat = windows.inputs.reshape(len(windows), -1)
        found: Array = (flat - self.mean_) / self.scale_ @ self.slope_ + self.level_
        return found


def newton(windows: Windows) -> Array:
    """(N, O) moments by Newton alone, nothing learned.

    The ground's force is that of the whole body's movement; it acts at the pressure centre that
    balances the body, and each foot carries the share that the lever rule gives it.
    """
    column = {name: windows.inputs[:, _MIDDLE, i] for i, name in enumerate(windows.input_names)}
    own, other = column["hip_over_own"], column["hip_over_other"]
    over = column["pressure"] - _AHEAD  # of the middle of the foot
    between = own - other  # from this ankle to the other one
    reach = np.where(np.abs(between) > _NARROW, between, np.nan)
    share = np.clip(1.0 - over / reach, 0.0, 1.0)
    # Feet side by side: the lower one stands.
    lower = (column["rise_own"] <= column["rise_other"]).astype(np.float64)
    share = np.where(np.isfinite(share), share, lower)
    share = np.where(column["rise_own"] > column["rise_other"] + _LIFTED, 0.0, share)
    share = np.where(column["rise_other"] > column["rise_own"] + _LIFTED, 1.0, share)
    joints = ("hip", "knee", "ankle")
    swing = np.column_stack([column[f"swing_{j}"] for j in joints])
    carry = np.column_stack([column[f"carry_{j}"] for j in joints])
    # A force elsewhere than at the common pressure centre: the foot cannot reach farther.
    beyond = np.clip(over, -_FOOT, _FOOT) - over
    moved = np.array([-1.0, 1.0, -1.0]) * (beyond * column["ground_z"])[:, None]
    found: Array = swing + share[:, None] * (carry + moved)
    return found


_AHEAD, _FOOT = 0.05, 0.12  # m: middle of the foot before the ankle, half of its length
_NARROW, _LIFTED = 0.15, 0.04  # m


def of_columns(windows: Windows, names: tuple[str, ...]) -> Windows:
    """The windows with some of their input columns."""
    at = [windows.input_names.index(name) for name in names]
    return replace(
        windows, inputs=windows.inputs[:, :, at], input_names=names,
        input_units=tuple(windows.input_units[i] for i in at),
    )  # fmt: skip


def person_weights(windows: Windows) -> Array:
    """(N,) weights that give every person (and every crowd) the same share; their mean is 1."""
    _, number, count = np.unique(windows.subject, return_inverse=True, return_counts=True)
    weight = 1.0 / count[number]
    return np.asarray(weight / weight.mean())
