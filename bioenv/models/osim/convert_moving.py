"""Moving points of muscle paths, carried by small bodies that follow a coordinate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.convert_skeleton import Leader, fit_quartic, sample_range
from bioenv.models.osim.description import GROUND, Coupler, Description, Muscle, PathPoint
from bioenv.models.osim.fit import Carrier
from bioenv.models.osim.functions import Constant
from bioenv.models.osim.skeleton import UPRIGHT
from bioenv.models.osim.tendon import Site

Array = NDArray[np.float64]

_STILL = 1e-6  # m: a component of a moving point that varies less stands still


class Moving(NamedTuple):
    """A carrier, and the sites on it that stand for moving points: (muscle, point) -> site."""

    carrier: Carrier
    sites: dict[tuple[str, str], Site]


def body_name(name: str) -> str:
    """MuJoCo's name of a body of the file."""
    return "world" if name == GROUND else name


def carriers(description: Description, leaders: Sequence[Leader]) -> list[Moving]:
    """One carrier for all moving points of one body that follow one coordinate."""
    groups: dict[tuple[str, str], list[tuple[Muscle, PathPoint]]] = {}
    for muscle in description.muscles:
        for point in muscle.points:
            if point.motion is None:
                continue
            names = {part[0] for part in point.motion if part and not isinstance(part[1], Constant)}
            if len(names) == 1:
                groups.setdefault((point.body, names.pop()), []).append((muscle, point))
    joints = {one.coordinate: one for one in leaders}
    followed = {coupler.dependent: coupler for coupler in description.couplers}
    out = []
    for (body, coordinate), members in groups.items():
        coupler = followed.get(coordinate)
        leader = joints.get(coupler.independent if coupler else coordinate)
        if leader is not None:
            out.append(_moving(body, leader, coupler, members))
    return out


def _moving(
    body: str,
    leader: Leader,
    coupler: Coupler | None,
    members: list[tuple[Muscle, PathPoint]],
) -> Moving:
    x = np.linspace(*sample_range(leader), 60)
    q = leader.sign * x if coupler is None else coupler.function.value(leader.sign * x)
    tracks = np.stack([moving_track(point, q) for _, point in members])  # (points, 60, 3)
    middle = tracks.mean(axis=0)
    rest = int(np.argmin(np.abs(x)))
    varies = np.ptp(middle, axis=0) > _STILL
    joints = [(True, axis) for axis in np.eye(3)[varies]]
    if varies.sum() == 2:
        # Points of different muscles move a little differently: a turn in their plane helps.
        joints.append((False, np.eye(3)[~varies][0]))
    polynomial = np.zeros((len(joints), 5))
    for row, component in enumerate(np.flatnonzero(varies)):
        values = middle[:, component] - middle[rest, component]
        polynomial[row] = fit_quartic(x, values, np.gradient(values, x))
    name = f"moving_{body}_{leader.joint}"
    carrier = Carrier(name, body_name(body), leader.joint, middle[rest], tuple(joints), polynomial)
    sites = {
        (muscle.name, point.name): Site(name, (track - middle).mean(axis=0))
        for (muscle, point), track in zip(members, tracks, strict=True)
    }
    return Moving(carrier, sites)


def moving_track(point: PathPoint, q: Array) -> Array:
    """(n, 3) where a moving point lies in its body, z up, at values q (n,) of its coordinate."""
    assert point.motion is not None
    track = np.tile(point.location, (len(q), 1))
    for axis, part in enumerate(point.motion):
        if part is not None:
            track[:, axis] = part[1].value(q)
    return track @ UPRIGHT.T
