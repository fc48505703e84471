"""Where the legs will be: kinematics 50 to 500 ms ahead, and further by feeding forecasts back.

    estimator = Estimator(settings_for(train)).fit(train, valid)
    ahead = forecast(motion, estimator)               # a Motion that begins where `motion` ends
    long = forecast(motion, estimator, seconds=2.0)   # autoregressive

Two seconds of angles and speeds of both legs and the trunk are seen, at 40 Hz. Nothing else is: no
command, no force, no person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bioenv.errors import BioenvError
from bioenv.learn.estimators import (
    Estimator,
    Scaling,
    Settings,
    Windows,
    at_rate,
    cut,
    windows_of,
)
from bioenv.learn.sequences.baselines import own_columns
from bioenv.learn.sequences.forecast_network import KIND
from bioenv.motion import Motion

Array = NDArray[np.float64]

RATE = 40.0  # Hz
LENGTH = 80  # samples, 2 s: nearly two strides
STEP, FAR = 2, 20  # samples between forecast instants (50 ms), and to the furthest (0.5 s)
LABELS = (
    "hip_flexion_r", "knee_angle_r", "ankle_angle_r", "hip_flexion_l", "knee_angle_l",
    "ankle_angle_l", "pelvis_tilt", "lumbar_extension",
)  # fmt: skip
LONGEST_S = 30.0
LEGS = 6  # of the labels
ANGLES = tuple(f"qpos/{label}" for label in LABELS)
SPEEDS = tuple(f"qvel/{label}" for label in LABELS)
AHEAD_S = tuple(h / RATE for h in range(STEP, FAR + 1, STEP))


def windows(motion: Motion, *, every: int = 1, future: bool = True) -> Windows:
    """Windows of a motion of 40 Hz (`at_rate`) and what comes after each.

    every: samples from one window to the next. future: False gives windows to forecast from.
    Raises BioenvError as `cut`: another rate, missing channels, fewer than 2.5 s.
    """
    strikes = motion.meta.get("strikes", {}).get("r", ())
    return cut(
        motion, ANGLES + SPEEDS, ANGLES if future else (), length=LENGTH, rate=RATE, every=every,
        offsets_s=AHEAD_S if future else (0.0,), strikes=strikes,
    )  # fmt: skip


def settings_for(
    train: Windows, *, hidden: int = 64, dense: float = 1.0, trunk: str = "lstm"
) -> Settings:
    """Settings of a `Forecast` network for an Estimator that is fitted to `train`, unbalanced.

    dense: weight of the lessons inside the windows; 0 learns from each window's end alone.
    trunk: "lstm" or "convolution".
    """
    if trunk not in ("lstm", "convolution"):
        raise BioenvError(f"trunk must be 'lstm' or 'convolution', got {trunk!r}")
    columns = own_columns(train)
    inputs, targets = Scaling.of(train.inputs), Scaling.of(train.targets)
    slope = inputs.scale[columns] / targets.scale
    shift = (inputs.center[columns] - targets.center) / targets.scale
    ahead = np.rint(np.asarray(train.offsets_s) * train.rate).astype(int)
    more = {
        "columns": columns.tolist(), "slope": slope.tolist(), "shift": shift.tolist(),
        "ahead": ahead.tolist(), "dense": dense, "trunk": trunk,
    }  # fmt: skip
    return Settings(KIND, hidden=hidden, more=more)


def forecast(
    motion: Motion, estimator: Estimator, *, seconds: float = 0.5, start: float | None = None
) -> Motion:
    """The angles after a motion's last sample (or after `start` s), every 50 ms, band and flag.

    Up to 0.5 s the forecast is direct and its band calibrated. Further on forecasts of 0.25 s are
    fed back; `meta` says so (estimate_notes), the band is that of 0.5 s wider by the square root of
    the time, which nothing calibrated, and every such instant is flagged.

    Raises BioenvError for fewer than 2 s before the start, missing channels, seconds not positive.
    """
    if not 0.0 < seconds <= LONGEST_S:
        raise BioenvError(f"seconds must lie between 0 and {LONGEST_S:g}, got {seconds!r}")
    rate = estimator.card_["rate_hz"]
    motion = at_rate(motion, rate)
    if start is not None:
        motion = motion.between(float(motion.time[0]), start + 1e-9)
    seen, absent = windows_of(motion.between(*_span(motion, estimator)), estimator)
    window = seen.inputs[-1:]
    found = estimator.predict(window, missing=absent)
    mean, low, high = found.mean[0], found.lower[0], found.upper[0]
    flag = np.full(len(mean), bool(found.flag[0]))
    notes = list(found.notes)
    wanted = max(1, round(seconds * rate / STEP))
    if wanted > len(mean):
        longer = continued(window, estimator, wanted)[0, len(mean) :]
        growth = np.sqrt(np.arange(len(mean) + 1, wanted + 1) / len(mean))[:, None]
        half = 0.5 * (high[-1] - low[-1]) * growth
        low, high = np.concatenate([low, longer - half]), np.concatenate([high, longer + half])
        mean = np.concatenate([mean, longer])
        flag = np.concatenate([flag, np.ones(len(longer), dtype=bool)])
        notes.append("beyond 0.5 s forecasts are fed back; their band is no calibrated interval")
    time = motion.time[-1] + np.arange(1, wanted + 1) * STEP / rate
    labels = [name.partition("/")[2] for name in estimator.card_["targets"]]
    return Motion(time, model=motion.model, meta=motion.meta).add(
        "qpos", mean[:wanted], labels=labels, source="estimated",
        band=np.stack([low, high], axis=-1)[:wanted], flag=flag[:wanted],
    ).with_meta(
        estimate_notes=notes, estimate_flagged=float(flag[:wanted].mean()),
        forecast_from_s=float(motion.time[-1]),
    )  # fmt: skip


def continued(window: Array, estimator: Estimator, instants: int) -> Array:
    """(N, instants, O) forecasts every 50 ms after windows (N, L, I), fed back every 0.25 s.

    Between the instants the angles are those of a cubic spline through the window's end and the
    forecast, and the speeds its derivative. Raises BioenvError as `Estimator.predict`.
    """
    seen, told = np.array(window, dtype=np.float64), []
    outputs = len(estimator.card_["targets"])
    keep = len(estimator.card_["offsets_s"]) // 2
    past = np.arange(1 - 2 * STEP, 1)
    ahead = STEP * np.arange(1, len(estimator.card_["offsets_s"]) + 1)
    fresh = np.arange(1, keep * STEP + 1)
    # Every forecast needs the one before it.
    for _ in range(-(-instants // keep)):
        mean = estimator.predict(seen).mean
        told.append(mean[:, :keep])
        path = np.concatenate([seen[:, past - 1, :outputs], mean], axis=1)
        spline = CubicSpline(np.concatenate([past, ahead]), path, axis=1)
        speed = spline(fresh, 1) * estimator.card_["rate_hz"]
        grown = np.concatenate([spline(fresh), speed], axis=2)
        seen = np.concatenate([seen[:, len(fresh) :], grown], axis=1)
    return np.concatenate(told, axis=1)[:, :instants]


def _span(motion: Motion, estimator: Estimator) -> tuple[float, float]:
    """The last window's first and last instant, s; all of a motion that is too short."""
    first = max(0, len(motion) - estimator.card_["length"])
    return float(motion.time[first]) - 1e-9, float(motion.time[-1]) + 1e-9
