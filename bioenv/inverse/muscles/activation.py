"""First-order activation dynamics, exact over an interval of held excitation.

Activation a follows excitation u in [u_min, u_max] with one time constant rising and one falling.
With u held over an interval h, the next activation lies between

    u_min + (a - u_min) exp(-h / falling)   and   u_max + (a - u_max) exp(-h / rising),

and anything between can be reached: two linear bounds, without an error of discretization. De
Groote F, Pipeleers G, Jonkers I, Demeulenaere B, Patten C, Swevers J, De Schutter J (2009), Comput
Methods Biomech Biomed Eng 12:563, bound the rate of activation in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.muscles.stencil import Stencil, shifted

Array = NDArray[np.float64]

ACTIVATION_TIME = 0.015  # s, De Groote et al. 2016, Ann Biomed Eng 44:2922
DEACTIVATION_TIME = 0.060  # s


@dataclass(frozen=True, eq=False)
class ActivationDynamics:
    """What is left of a difference to the excitation after each interval, (T-1, m)."""

    rise: Array
    fall: Array

    @staticmethod
    def of(
        time: Array,
        muscles: int,
        activation_time: ArrayLike = ACTIVATION_TIME,
        deactivation_time: ArrayLike = DEACTIVATION_TIME,
    ) -> ActivationDynamics:
        """Of time constants in s, scalars or (m,), between the instants `time` (T,)."""
        step = np.diff(time)[:, None]
        left = []
        for name, given in (("activation", activation_time), ("deactivation", deactivation_time)):
            constant = np.broadcast_to(np.asarray(given, dtype=float), (muscles,))
            if not (constant >= 0).all():
                raise BioenvError(f"{name}_time must be 0 s or more, got {constant.min():g}")
            with np.errstate(divide="ignore"):
                left.append(np.exp(-step / constant))
        return ActivationDynamics(*left)

    def excitation(self, activation: Array) -> Array:
        """(T, m) excitations, held over each interval, that lead from one activation (T, m) to the
        next; the last row repeats."""
        step = np.diff(activation, axis=0)
        held = activation[:-1] + step / (1.0 - np.where(step > 0, self.rise, self.fall))
        return np.concatenate([held, held[-1:]])

    def activation(self, excitation: Array, start: Array | None = None) -> Array:
        """(T, m) activations that follow excitations (T, m) held over each interval.

        start: (m,) activation in the first frame, the first excitation when None.
        """
        out = np.empty_like(excitation)
        out[0] = excitation[0] if start is None else start
        for k in range(1, len(out)):  # a recurrence: every frame needs the one before
            goal, now = excitation[k - 1], out[k - 1]
            left = np.where(goal > now, self.rise[k - 1], self.fall[k - 1])
            out[k] = goal + (now - goal) * left
        return out

    def take(self, columns: NDArray[np.intp]) -> ActivationDynamics:
        """Of some of the muscles."""
        return ActivationDynamics(self.rise[:, columns], self.fall[:, columns])

    def limits(
        self, activation: Stencil, offset: Array, lower: Array, upper: Array
    ) -> tuple[tuple[Stencil, Array], ...]:
        """Bounds of activation ``activation(x) + offset`` (T, m) and of its change as ``G x <= h``.

        lower, upper: (m,) bounds of excitation.
        """
        rise, fall = (np.pad(part, ((0, 1), (0, 0))) for part in (self.rise, self.fall))
        top = upper * (1.0 - rise) - (shifted(offset, 1) - rise * offset)
        floor = lower * (1.0 - fall) - (shifted(offset, 1) - fall * offset)
        top[-1], floor[-1] = 1.0, -1.0  # nothing follows the last frame
        return (
            (activation.scaled(-1.0), offset - lower),
            (activation, upper - offset),
            (activation.chained(rise), top),
            (activation.chained(fall).scaled(-1.0), -floor),
        )
