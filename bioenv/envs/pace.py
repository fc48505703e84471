"""Keeping a commanded speed that changes: what is remembered of a walk, and terms that read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import terms
from bioenv.envs.state import State

Array = NDArray[np.float64]

# Columns of the memory. A window is a run of whole strides at one command, after it has settled.
_TIME, _GOAL, _CHANGED = 0, 1, 2  # of the last control step; when the command last changed, s
_PHASE, _BEGUN, _FROM = 3, 4, 5  # of the clock; begin of the window, s (0: none) and m
_ERROR, _WORST = 6, 7  # of the window so far and of the windows before, as share + 1 (0: none)
_AHEAD = 8  # m/s, mean speed minus command


@dataclass(frozen=True)
class Pace:
    """Memory of a task whose ``goal[:, 0]`` is a speed in m/s and which has a gait clock.

    Speed is measured over whole strides of the clock, since a walker speeds up and slows down
    within each, from the first stride that begins ``settle_s`` after the command came to rest.

    Args:
        settle_s: s left to the walker after a change of the command, or after the start.
        average_s: s, time constant of :meth:`ahead`.
    """

    settle_s: float = 2.0
    average_s: float = 1.0
    width: int = 9

    def update(self, s: State, memory: Array) -> None:
        """Account for one control step; see :class:`bioenv.envs.task.Memory`."""
        m = memory.T
        x = s.coordinate("pelvis_tx") - s.start_qpos[:, s.model.coordinate_index("pelvis_tx")]
        changed, strikes = s.goal[:, 0] != m[_GOAL], s.phase < m[_PHASE]
        miss = s.speed("pelvis_tx") - s.goal[:, 0]
        m[_AHEAD] += (s.time - m[_TIME]) / self.average_s * (miss - m[_AHEAD])
        m[_TIME], m[_GOAL], m[_PHASE] = s.time, s.goal[:, 0], s.phase
        m[_CHANGED] = np.where(changed, s.time, m[_CHANGED])
        m[_WORST] = np.where(changed, np.maximum(m[_WORST], m[_ERROR]), m[_WORST])
        m[_ERROR] = np.where(changed, 0.0, m[_ERROR])
        m[_BEGUN] = np.where(changed, 0.0, m[_BEGUN])
        open_, steady = m[_BEGUN] > 0, s.time - m[_CHANGED] >= self.settle_s
        begins, counts = strikes & steady & ~open_, strikes & open_
        mean = (x - m[_FROM]) / np.where(counts, s.time - m[_BEGUN], 1.0)
        m[_ERROR] = np.where(counts, 1.0 + np.abs(mean / s.goal[:, 0] - 1.0), m[_ERROR])
        m[_BEGUN] = np.where(begins, s.time, m[_BEGUN])
        m[_FROM] = np.where(begins, x, m[_FROM])

    @staticmethod
    def error(s: State) -> Array:
        """(B,) largest deviation of the mean speed from the command in this episode, as a share of
        the command; infinite before a first whole stride was measured."""
        worst = np.maximum(s.memory[:, _ERROR], s.memory[:, _WORST])
        return np.where(worst > 0, worst - 1.0, np.inf)

    @staticmethod
    def ahead(s: State) -> Array:
        """(B,) m/s by which the walker has been faster than commanded, exponential mean."""
        return s.memory[:, _AHEAD]


def on_pace(margin: float = 0.05) -> terms.Term:
    """Score of the mean speed, `Pace.ahead`, being ``goal[:, 0]`` m/s; ``margin`` is a share of it.

    The speed within a stride, which `terms.speed` sees, may well vary by more than that.
    """
    return lambda s: terms.tolerance(Pace.ahead(s) / s.goal[:, 0], margin)


def kept(share: float = 0.05) -> terms.Condition:
    """Success: at every command so far, mean speed over whole strides within ``share`` of it."""
    return lambda s: Pace.error(s) <= share
