"""One verb for every way of sharing torque among muscles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import Settings
from bioenv.inverse.muscles.contact_cost import ContactLoad, load_sharing
from bioenv.inverse.muscles.dynamic import dynamic_optimization
from bioenv.inverse.muscles.emg_informed import emg_informed
from bioenv.inverse.muscles.problem import Sharing, SharingProblem
from bioenv.inverse.muscles.static import static_optimization
from bioenv.inverse.muscles.synergy import synergy_optimization
from bioenv.lab.electrodes import Electrode

Array = NDArray[np.float64]


def share(
    problem: SharingProblem,
    settings: Settings,
    emg: Mapping[str, Array] | None = None,
    electrodes: tuple[Electrode, ...] = (),
    contact: ContactLoad | None = None,
) -> Sharing:
    """Muscle forces by `settings.method`.

    Args:
        problem: T frames.
        emg: envelopes (T,) by channel at these frames; electrodes: the muscles below them.
        contact: how the load of joints depends on the muscles, when it is paid for too
            (`settings.contact_weight`).

    Raises BioenvError when the method needs EMG that fits the model's muscles and there is none.
    """
    method = _method(settings, emg, electrodes)
    if contact is None:
        return method(problem)
    return load_sharing(problem, contact, settings.contact_weight, method)


def _method(
    settings: Settings, emg: Mapping[str, Array] | None, electrodes: tuple[Electrode, ...]
) -> Callable[[SharingProblem], Sharing]:
    if settings.method == "static":
        return partial(static_optimization, cost=settings.cost, exponent=settings.exponent)
    if settings.method == "dynamic":
        return dynamic_optimization
    if settings.method == "synergy":
        return synergy_optimization
    if not emg or not electrodes:
        raise BioenvError(
            "method 'emg' needs EMG whose channels fit muscles of the model: give --emg, and "
            "--emg-side when the channels' names do not say the leg"
        )
    mapping = {one.channel: one.muscles for one in electrodes}
    envelopes = np.column_stack([emg[one.channel] for one in electrodes])
    return partial(emg_informed, emg=envelopes, mapping=mapping)
