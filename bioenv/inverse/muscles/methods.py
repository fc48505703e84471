"""One verb for every way of sharing torque among muscles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import Settings
from bioenv.inverse.muscles.problem import Sharing, SharingProblem
from bioenv.inverse.muscles.static import static_optimization
from bioenv.lab.electrodes import Electrode

Array = NDArray[np.float64]


def share(
    problem: SharingProblem,
    settings: Settings,
    emg: Mapping[str, Array] | None = None,
    electrodes: tuple[Electrode, ...] = (),
) -> Sharing:
    """Muscle forces by `settings.method`.

    Args:
        problem: T frames.
        emg: envelopes (T,) by channel at these frames; electrodes: the muscles below them.

    Raises BioenvError when the method needs EMG that fits the model's muscles and there is none.
    """
    if settings.method == "static":
        return static_optimization(problem, cost=settings.cost, exponent=settings.exponent)
    if settings.method == "dynamic":
        from bioenv.inverse.muscles.dynamic import dynamic_optimization

        return dynamic_optimization(problem)
    if settings.method == "synergy":
        from bioenv.inverse.muscles.synergy import synergy_optimization

        return synergy_optimization(problem)
    if not emg or not electrodes:
        raise BioenvError(
            "method 'emg' needs EMG whose channels fit muscles of the model: give --emg, and "
            "--emg-side when the channels' names do not say the leg"
        )
    from bioenv.inverse.muscles.emg_informed import emg_informed

    mapping = {one.channel: one.muscles for one in electrodes}
    envelopes = np.column_stack([emg[one.channel] for one in electrodes])
    return emg_informed(problem, envelopes, mapping)
