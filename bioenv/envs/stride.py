"""A stride that was optimized, simulated or measured, as the reference of an imitation task."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bioenv.envs import gait
from bioenv.envs.reference import Periodic, Reference, ReferenceMotion
from bioenv.errors import BioenvError
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

ROWS = 200  # of the table: 5 ms of a stride of 1 s, less than a physics step
FEWEST_SAMPLES = 20  # a stride drawn with fewer hides its impacts
CLOSURE = 0.1  # rad or m by which the last pose may miss the first: toes at push-off turn so far
# within one sample of a rollout; what is missed is spread over the stride
SHORTEST = 0.2  # m travelled in a stride
TRAVEL, HEIGHT = "pelvis_tx", "pelvis_tz"


def stride_reference(motion: Motion, model: Model) -> Reference:
    """The reference that ``motion`` is: one whole stride of ``model``, phase 0 its first sample.

    Args:
        motion: qpos with the model's coordinates, first and last sample the same pose one stride
            apart; optionally qvel (else differences of qpos), activation, excitation, and
            ground_reaction_force of the model's feet.
        model: the body that made the motion.

    Raises:
        BioenvError: the motion is another body's, or not one whole stride.
    """
    _check(motion, model)
    own = _motion_on(motion, model)

    @lru_cache(maxsize=64)
    def on(other: Model) -> ReferenceMotion:
        return own if other is model else _carried_over(own, model, other)

    travelled = np.ptp(motion.column("qpos", TRAVEL)[[0, -1]])
    return Reference(on, motion.duration, float(travelled / motion.duration))


def _check(motion: Motion, model: Model) -> None:
    """Raise the one error that says why this is not a stride of ``model``."""
    problem = _foreign(motion, model) or _no_stride(motion, model)
    if problem:
        raise BioenvError(
            f"a motion to imitate must be one whole stride of {model.name}, from one instant to "
            f"the same instant of the next stride: {problem}. motion.between(start, stop) cuts one "
            "stride"
        )


def _foreign(motion: Motion, model: Model) -> str:
    """Why ``motion`` is not this model's, or ''."""
    if "qpos" not in motion:
        return f"it has no channel qpos (it has {', '.join(motion.signals) or 'none'})"
    if motion.model not in (None, model.name):
        return f"it is a motion of {motion.model}"
    wanted = {"qpos": model.coordinates, "qvel": model.coordinates}
    wanted |= {"activation": model.muscles, "excitation": model.muscles}
    for name, labels in wanted.items():
        missing = [one for one in labels if name in motion and one not in motion.labels(name)]
        if missing:
            return f"its {name} lacks {', '.join(missing)}"
    return ""


def _no_stride(motion: Motion, model: Model) -> str:
    """Why ``motion`` is not one stride, or ''."""
    if len(motion) < FEWEST_SAMPLES:
        return f"it has {len(motion)} samples, at least {FEWEST_SAMPLES} are needed"
    qpos = _columns(motion, "qpos", model.coordinates)
    travel = model.coordinate_index(TRAVEL)
    change = qpos[-1] - qpos[0]
    if change[travel] < SHORTEST:
        return f"{TRAVEL} advances {change[travel]:.2f} m, at least {SHORTEST:g} m is a stride"
    change[travel] = 0.0
    worst = int(np.abs(change).argmax())
    if abs(change[worst]) > CLOSURE:
        return f"{model.coordinates[worst]} ends {change[worst]:+.3f} (rad or m) from its beginning"
    closed = _periodic_qpos(motion, model)(motion.time[0] + np.arange(120) / 120 * motion.duration)
    closed[:, travel] = 0.0
    for parts in (2, 3):
        if np.abs(closed - np.roll(closed, 120 // parts, axis=0)).max() < CLOSURE:
            return f"it repeats itself {parts} times or more"
    return ""


def _motion_on(motion: Motion, model: Model) -> ReferenceMotion:
    """The table of every channel there is, at evenly spaced phases."""
    time = motion.time[0] + np.arange(ROWS) / ROWS * motion.duration
    travel = model.coordinate_index(TRAVEL)
    curve = _periodic_qpos(motion, model)
    qpos, qvel = curve(time), curve(time, 1)
    qvel[:, travel] += np.ptp(motion.column("qpos", TRAVEL)[[0, -1]]) / motion.duration
    qpos[:, travel] = 0.0
    if "qvel" in motion:
        qvel = _table(motion, "qvel", model.coordinates, time).values
    tables = {
        name: _table(motion, name, model.muscles, time) if name in motion else None
        for name in ("activation", "excitation")
    }
    return ReferenceMotion(
        Periodic(qpos), Periodic(qvel), _vertical_force(motion, model, time), **tables
    )


def _periodic_qpos(motion: Motion, model: Model) -> CubicSpline:
    """Periodic curve of qpos (nq) over time s, what travels and what does not close taken out."""
    qpos = _columns(motion, "qpos", model.coordinates)
    share = (motion.time - motion.time[0]) / motion.duration
    qpos = qpos - share[:, None] * (qpos[-1] - qpos[0])
    qpos[-1] = qpos[0]  # to the bit
    return CubicSpline(motion.time, qpos, bc_type="periodic")


def _vertical_force(motion: Motion, model: Model, time: Array) -> Periodic | None:
    """Body weights on each foot of the model, by the mass that the motion was made with."""
    name = "ground_reaction_force"
    if name not in motion or not set(model.feet) <= set(motion.labels(name)):
        return None
    weight = model.body_weight * motion.meta.get("mass_kg", model.mass) / model.mass
    force = np.stack([motion.column(name, foot)[:, 2] for foot in model.feet], axis=1)
    return Periodic(_between_samples(motion, force / weight, time))


def _table(motion: Motion, name: str, labels: tuple[str, ...], time: Array) -> Periodic:
    return Periodic(_between_samples(motion, _columns(motion, name, labels), time))


def _between_samples(motion: Motion, values: Array, time: Array) -> Array:
    """(n, k) at ``time`` (n,) s; linear, so that nothing leaves its bounds."""
    return np.stack([np.interp(time, motion.time, column) for column in values.T], axis=1)


def _columns(motion: Motion, name: str, labels: tuple[str, ...]) -> Array:
    """(T, k) a channel in the model's order."""
    have = motion.labels(name)
    return motion[name][:, [have.index(one) for one in labels]]


def _carried_over(own: ReferenceMotion, model: Model, other: Model) -> ReferenceMotion:
    """The same angles on a scaled body: raised or lowered so that feet meet the floor as before."""
    height = model.coordinate_index(HEIGHT)
    qpos = own.qpos.values.copy()
    grounds = (gait.on_the_ground(one, own.qpos.values)[:, height] for one in (other, model))
    qpos[:, height] += np.subtract(*grounds)
    return replace(own, qpos=Periodic(qpos))
