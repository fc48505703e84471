"""Do computed activations switch on and off when the electrodes say so?

EMG leads force: the calcium that an excitation releases builds up and is pumped back with time
constants of some tens of milliseconds. Before it is compared, an envelope therefore passes the
activation dynamics (Zajac FE 1989, Crit Rev Biomed Eng 17:359; time constants of De Groote F et al.
2016, Ann Biomed Eng 44:2922: 15 ms up, 60 ms down), and nothing else is shifted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.muscles.activation import ActivationDynamics
from bioenv.lab.electrodes import Electrode

Array = NDArray[np.float64]

ON_SHARE = 0.25  # of the range between the 5th and 95th percentile, the usual single threshold


class Agreement(NamedTuple):
    """One electrode against the muscles below it.

    correlation: of the curves; on_off: share of frames in which both are on or both are off;
    on_off_correlation: of the two on/off signals (phi coefficient), NaN when one never switches.
    """

    electrode: Electrode
    correlation: float
    on_off: float
    on_off_correlation: float
    frames: int


def activated(time: Array, envelope: Array) -> Array:
    """(T, e) activation that excitations `envelope` (T, e) produce; first order, exact per step.

    ``da/dt = (u - a) / tau`` with tau for rising and falling; u is held over each interval.
    Raises BioenvError when `time` (T,) and envelope do not fit.
    """
    u = np.asarray(envelope, dtype=float)
    if u.ndim != 2 or len(u) != len(time):
        raise BioenvError(f"envelope must have shape ({len(time)}, electrodes), got {u.shape}")
    return ActivationDynamics.of(time, u.shape[1]).activation(u)


def agreement(
    time: Array,
    activation: Array,
    muscles: Sequence[str],
    strength: Array,
    emg_time: Array,
    emg: Mapping[str, Array],
    electrodes: Sequence[Electrode],
) -> tuple[Agreement, ...]:
    """Compare computed activations with EMG envelopes, electrode by electrode.

    Args:
        time: (T,) s; activation: (T, m); muscles: m names; strength: (m,) N, weights of the
            muscles below one electrode.
        emg_time: (E,) s; emg: envelopes (E,) by channel, at least 20 Hz.
        electrodes: from :func:`bioenv.lab.electrodes.match`.

    Frames outside the EMG recording and samples that are NaN are left out.
    """
    names = list(muscles)
    inside = (time >= emg_time[0]) & (time <= emg_time[-1])
    found = []
    for electrode in electrodes:
        raw = np.asarray(emg[electrode.channel], dtype=float)
        known = np.isfinite(raw)
        if known.sum() < 2 or inside.sum() < 10:
            continue
        delayed = activated(emg_time[known], raw[known][:, None])[:, 0]
        measured = np.interp(time[inside], emg_time[known], delayed)
        columns = [names.index(muscle) for muscle in electrode.muscles]
        weight = strength[columns] / strength[columns].sum()
        computed = activation[inside][:, columns] @ weight
        found.append(_compare(electrode, computed, measured))
    return tuple(found)


def _compare(electrode: Electrode, computed: Array, measured: Array) -> Agreement:
    on = [_on(values) for values in (computed, measured)]
    return Agreement(
        electrode,
        _correlation(computed, measured),
        float(np.mean(on[0] == on[1])),
        _correlation(on[0].astype(float), on[1].astype(float)),
        len(computed),
    )


def _on(values: Array) -> NDArray[np.bool_]:
    low, high = np.percentile(values, (5, 95))
    return np.asarray(values > low + ON_SHARE * (high - low))


def _correlation(a: Array, b: Array) -> float:
    if np.ptp(a) < 1e-9 or np.ptp(b) < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
