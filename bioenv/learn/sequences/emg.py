"""Torque of knee and ankle, and activations, from EMG.

windows = windows_of(read("uhlrich2022"))
estimator = Estimator(settings_for(train, geometry, mass_kg)).fit(train, valid)
motion = estimate(motion, estimator, side="l")     # joint_torque, activation: band and flag
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

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
from bioenv.learn.estimators import estimate as estimate_motion
from bioenv.learn.sequences.geometry import ANGLES, LegGeometry
from bioenv.learn.sequences.muscle_network import DRIVES, KIND, EmgTorque
from bioenv.learn.sequences.recordings import RATE, SITES, one_leg
from bioenv.motion import Motion

Array = NDArray[np.float64]

LENGTH = 50  # samples, 1 s: torque needs 0.4 s of it, to notice a lost electrode nearly a stride
TARGETS = ("joint_torque/knee_angle_r per kg", "joint_torque/ankle_angle_r per kg")
EMG_COLUMNS = tuple(f"emg/{site}_r" for site in SITES)
ANGLE_COLUMNS = tuple(f"qpos/{name}_r" for name in ANGLES)
_Z = 1.645  # standard deviations of a 90 % interval of a normal distribution
SPEED_COLUMNS = tuple(f"qvel/{name}_r" for name in ANGLES)


def windows(motion: Motion, *, angles: bool = True, length: int = LENGTH) -> Windows:
    """Windows of one leg's motion (`recordings.read`): envelopes, and angles and their speeds.

    angles: False leaves out the kinematics, for electrodes alone. length: samples at 50 Hz.
    """
    columns = EMG_COLUMNS + (ANGLE_COLUMNS + SPEED_COLUMNS if angles else ())
    leg = str(motion.meta.get("leg", "r"))
    spans = motion.meta.get("trusted", {}).get(leg)
    trusted = None
    if spans is not None:
        inside = [(motion.time >= a - 1e-9) & (motion.time <= b + 1e-9) for a, b in spans]
        trusted = np.any(inside, axis=0)
    return cut(
        motion, columns, TARGETS, length=length, rate=RATE, trusted=trusted,
        strikes=motion.meta.get("strikes", {}).get(leg, ()),
    )  # fmt: skip


def settings_for(
    train: Windows,
    geometry: LegGeometry,
    mass_kg: float,
    *,
    hidden: int = 32,
    rest: float = 0.1,
    effort: float = 0.02,
    dropout: float = 0.0,
) -> Settings:
    """Settings of an `EmgTorque` network for an Estimator that is fitted to `train`.

    Args:
        geometry: of the leg of a person of mass_kg, kg.
        rest: N*m/kg that the network may add to the muscles' torque (ligaments, what the muscles'
            curves do not know). effort: weight of the mean squared activation in the loss.

    Raises BioenvError when the windows have other columns.
    """
    names = list(train.input_names)
    sites = [f"emg/{DRIVES[one]}_r" if one in DRIVES else "" for one in geometry.muscles]
    lacking = sorted({site for site in sites if site and site not in names})
    if lacking or train.target_names != TARGETS:
        raise BioenvError(
            f"windows for EMG need the inputs {', '.join(EMG_COLUMNS)} and the targets "
            f"{', '.join(TARGETS)}; {', '.join(lacking) or 'the targets'} missing"
        )
    _, number, count = np.unique(train.subject, return_inverse=True, return_counts=True)
    weight = 1.0 / count[number]
    inputs, targets = Scaling.of(train.inputs, weight), Scaling.of(train.targets, weight)
    kinematic = all(one in names for one in ANGLE_COLUMNS + SPEED_COLUMNS)
    more = {
        "rate": train.rate, "mass_kg": float(mass_kg), "rest": rest, "effort": effort,
        "center": inputs.center.tolist(), "scale": inputs.scale.tolist(),
        "target_center": targets.center.tolist(), "target_scale": targets.scale.tolist(),
        "drive": [names.index(site) if site else -1 for site in sites],
        "angles": [names.index(one) for one in ANGLE_COLUMNS] if kinematic else None,
        "speeds": [names.index(one) for one in SPEED_COLUMNS] if kinematic else None,
        "geometry": geometry.as_dict(),
    }  # fmt: skip
    return Settings(KIND, hidden=hidden, dropout=dropout, more=more)


def activations(estimator: Estimator, inputs: ArrayLike) -> tuple[Array, Array, tuple[str, ...]]:
    """Mean over the members and their standard deviation, (N, m) each, and the muscles' names.

    inputs: (N, L, I) in the estimator's units; the last sample of a window is told.
    Raises BioenvError for an estimator of another kind.
    """
    members = [one for one in estimator.networks_ if isinstance(one, EmgTorque)]
    if not members:
        raise BioenvError(f"an estimator of kind {estimator.settings.kind!r} knows no activations")
    seen = torch.as_tensor(estimator.inputs_.forward(inputs), dtype=torch.float32)
    with torch.no_grad():
        each = np.stack([one.muscles(seen).activation[:, -1].double().numpy() for one in members])
    return each.mean(axis=0), each.std(axis=0), members[0].geometry.muscles


def estimate(motion: Motion, estimator: Estimator, *, side: str) -> Motion:
    """One leg's motion with estimated joint_torque and activation, each with band and flag.

    Args:
        motion: with emg labels "<site>_<side>" (`SITES`, shares of their peak: see
            `recordings.normalized`), qpos and qvel of the leg, mass_kg in `meta`; any rate.
        side: "r" or "l".

    Labels of the result end in the side. The band of an activation is what the members of the
    ensemble differ by (1.64 standard deviations), within 0 and 1: nothing was measured to
    calibrate it with. One missing electrode widens the torque's band and sets the flag.
    Raises BioenvError as `bioenv.learn.estimators.estimate`.
    """
    leg = one_leg(motion, side)
    known = {name: one for name, one in leg.signals.items() if name != "joint_torque"}
    leg = Motion(leg.time, known, leg.model, leg.meta)
    found = estimate_motion(leg, estimator)
    seen, _ = windows_of(at_rate(leg, estimator.card_["rate_hz"]), estimator)
    mean, spread, muscles = activations(estimator, seen.inputs)
    band = np.stack([np.clip(mean + z * spread, 0, 1) for z in (-_Z, _Z)], axis=-1)
    found = found.add(
        "activation", mean, labels=[f"{name}_r" for name in muscles], source="estimated",
        band=band, flag=found.signals["joint_torque"].flag,
    )  # fmt: skip
    return _called(found, side)


def _called(motion: Motion, side: str) -> Motion:
    """A leg "r" called by its own side again."""
    signals = {
        name: replace(one, labels=tuple(f"{label[:-1]}{side}" for label in one.labels))
        for name, one in motion.signals.items()
    }
    return Motion(motion.time, signals, motion.model, motion.meta)
