"""The controller of the causal model: a stretch reflex around a posture that is wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.causal.body import Body

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reflex:
    """Excitation rises when a muscle is longer than wanted, and when it is being stretched:

        u(t) = tone + length (l(t - delay) - l_wanted) + velocity l'(t - delay),

    l in optimal fiber lengths. That is spindle feedback as in Feldman's lambda model (1986, J Mot
    Behav 18:17-54) and in Geyer and Herr (2010, IEEE Trans Neural Syst Rehabil Eng 18:263-273);
    what the brain adds beyond it is the exogenous neural noise of the causal model.

    Args:
        tone: excitation at the wanted posture. length: 1 per optimal fiber length.
        velocity: s per optimal fiber length. delay: s, of the biceps' short-latency reflex.

    Raises BioenvError for numbers that are negative or not finite.
    """

    tone: float = 0.25
    length: float = 2.5
    velocity: float = 0.25
    delay: float = 0.03

    def __post_init__(self) -> None:
        values = (self.tone, self.length, self.velocity, self.delay)
        if not all(np.isfinite(v) and v >= 0.0 for v in values):
            raise BioenvError(f"tone, gains and delay of a reflex are numbers from 0, got {values}")

    def lag(self, dt: float) -> int:
        """The delay in steps of dt s, at least one: no effect precedes its cause."""
        return max(1, round(self.delay / dt))

    def excite(self, body: Body, qpos: Array, qvel: Array, target: Array) -> Array:
        """(N, nm) excitation, not yet limited to 0..1, from the state `delay` ago.

        Args:
            qpos (N, nq), qvel (N, nv) then; target (N, nq) the posture that is wanted.
        """
        length, rate = body.stretch(body.paths(qpos), qvel)
        wanted, _ = body.stretch(body.paths(target), np.zeros_like(qvel))
        return np.asarray(self.tone + self.length * (length - wanted) + self.velocity * rate)
