"""Steps one by one: how much they vary, and in which order the parts of a foot touch the ground."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.gait import Gait, Measure, Measures
from bioenv.evaluate.periodic import periods
from bioenv.lab import cycles as cut
from bioenv.models import Model
from bioenv.models.frames import Frames

Array = NDArray[np.float64]

_ENOUGH = 3  # steps of one kind for a standard deviation
_STILL = 1e-6  # m; a planar body does not move sideways


def variability(gait: Gait) -> Measures:
    """Spread of step time s, length m and width m over the steps of each kind (r to l, l to r).

    A foot's place is the mean centre of pressure of its stance, weighted with the vertical force;
    a treadmill's belt is added. Pooled within the two kinds, so that a limp is no variability.
    Repetitions of one period have none.
    """
    if periods(gait.motion) or len(gait.strides) != 2 or not gait.count:
        return {}
    found: Measures = {}
    spans = np.concatenate([s[:, 2] - s[:, 0] for s in gait.strides.values()])
    found["stride_time_cv"] = Measure(float(spans.std() / spans.mean()), "1")
    strike, place, foot = _stances(gait)
    step = foot[1:] != foot[:-1]  # the other foot comes next
    step &= np.diff(strike) < cut.LONGEST_STRIDE
    kind = foot[1:][step]
    columns = [("step_time_sd", np.diff(strike)[step], "s")]
    if place is not None:
        move = np.diff(place, axis=0)[step]
        # Feet are counted 0 and 1; to the left is positive, from the right foot to the left one.
        width = np.where(kind == kind.max(initial=0), 1.0, -1.0) * move[:, 1]
        columns.append(("step_length_sd", move[:, 0], "m"))
        if np.ptp(place[:, 1]) > _STILL and width.size and width.std() > _STILL:
            found["step_width"] = Measure(float(abs(width.mean())), "m")
            columns.append(("step_width_sd", width, "m"))
    for name, values, unit in columns:
        spread = _pooled_sd(values, kind)
        if spread is not None:
            found[name] = Measure(spread, unit)
    return found


def contact_order(gait: Gait, body: Model | None) -> Measures:
    """Shares of the stances that begin on the heel and end on the toes (Perry 1992).

    Which part is in contact is seen from the body: the lowest of the foot's contact spheres at the
    first and at the last loaded sample, on level ground; the heel is the rearmost one at rest, the
    toes are the foremost one.
    """
    if body is None or not gait.count or "qpos" not in gait.motion:
        return {}
    if gait.motion.labels("qpos") != body.coordinates:
        return {}
    heel, toes = [], []
    for foot, spans in gait.strides.items():
        spheres = _spheres(body.mj, foot)
        if len(spheres) < 2 or not len(spans):
            continue
        forward = _heights_and_places(body.mj, body.home[None], spheres)[1][0]
        time = gait.motion.time
        first = np.minimum(np.searchsorted(time, spans[:, 0]), len(time) - 1)
        last = np.searchsorted(time, spans[:, 1], side="right") - 1
        at = gait.motion["qpos"][np.concatenate([first, last])]
        lowest = _heights_and_places(body.mj, at, spheres)[0].argmin(axis=1)
        heel += (lowest[: len(first)] == forward.argmin()).tolist()
        toes += (lowest[len(first) :] == forward.argmax()).tolist()
    if not heel:
        return {}
    return {
        "heel_first": Measure(float(np.mean(heel)), "1"),
        "toes_last": Measure(float(np.mean(toes)), "1"),
    }


def lowest_points(body: Model, qpos: Array) -> Array:
    """(T, n) m: heights of the lowest points of all contact spheres of both feet."""
    spheres = np.concatenate([_spheres(body.mj, foot) for foot in body.feet])
    return _heights_and_places(body.mj, qpos, spheres)[0]


def _stances(gait: Gait) -> tuple[Array, Array | None, NDArray[np.intp]]:
    """Strikes (n,) s, places (n, 2) m forward and left, feet (n,) of whole stances, in order."""
    begin = min(s[0, 0] for s in gait.strides.values() if len(s))
    strikes, places, feet = [], [], []
    for number, (foot, events) in enumerate(gait.events.items()):
        starts = events.strikes[events.strikes >= begin - 1e-9]
        after = np.searchsorted(events.offs, starts, side="right")
        starts, after = starts[after < events.offs.size], after[after < events.offs.size]
        strikes.append(starts)
        feet.append(np.full(starts.size, number))
        where = _places(gait, foot, starts, events.offs[after])
        if where is not None:
            places.append(where)
    strike = np.concatenate(strikes)
    order = np.argsort(strike)
    place = np.concatenate(places)[order] if len(places) == len(strikes) else None
    return strike[order], place, np.concatenate(feet)[order]


def _places(gait: Gait, foot: str, starts: Array, stops: Array) -> Array | None:
    """Force-weighted mean centre of pressure (n, 2) m of stances; None where it is not known."""
    motion = gait.motion
    if "center_of_pressure" not in motion or foot not in motion.labels("center_of_pressure"):
        return None
    force = motion.column("ground_reaction_force", foot)[:, 2]
    point = motion.column("center_of_pressure", foot)[:, :2].copy()
    point[:, 0] += float(motion.meta.get("belt_speed", 0.0)) * motion.time
    weight = np.where(np.isfinite(point).all(axis=1), np.maximum(force, 0.0), 0.0)
    sums = np.zeros((len(force) + 1, 3))
    np.cumsum(weight[:, None] * np.column_stack([np.nan_to_num(point), np.ones(len(force))]),
              axis=0, out=sums[1:])  # fmt: skip
    a, b = np.searchsorted(motion.time, starts), np.searchsorted(motion.time, stops)
    total = sums[b] - sums[a]
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = total[:, :2] / total[:, 2:]
    return found if np.isfinite(found).all() else None


def _pooled_sd(values: Array, kind: NDArray[np.intp]) -> float | None:
    """Standard deviation within kinds; None when a kind has too few values."""
    groups = [values[kind == one] for one in np.unique(kind)]
    if not groups or min(one.size for one in groups) < _ENOUGH:
        return None
    squares = sum(float(((one - one.mean()) ** 2).sum()) for one in groups)
    return float(np.sqrt(squares / (values.size - len(groups))))


def _spheres(mj: mujoco.MjModel, foot: str) -> NDArray[np.intp]:
    """Ids of the spheres by which a foot touches the ground."""
    touches = (mj.geom_contype != 0) | (mj.geom_conaffinity != 0)
    round_ones = mj.geom_type == mujoco.mjtGeom.mjGEOM_SPHERE
    return np.array(
        [i for i in np.flatnonzero(touches & round_ones) if mj.geom(i).name.endswith(f"_{foot}")],
        dtype=np.intp,
    )


def _heights_and_places(
    mj: mujoco.MjModel, qpos: Array, spheres: NDArray[np.intp]
) -> tuple[Array, Array]:
    """(T, n) m each: height of the spheres' lowest points and forward place of their centres."""
    at = np.empty((len(qpos), len(spheres), 3))
    for part, batch, ids in Frames(mj, qpos, None, ("geom_xpos",)):
        at[part] = batch.bind("geom_xpos")[ids].reshape(len(ids), mj.ngeom, 3)[:, spheres]
    return at[..., 2] - mj.geom_size[spheres, 0], at[..., 0]
