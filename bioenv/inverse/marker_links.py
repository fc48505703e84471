"""What moves which marker: coordinates, the MuJoCo joints they drive, bodies, markers."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.anatomy import Anatomy, BodyMarker

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


class FreeLinks(NamedTuple):
    """The links of k free coordinates, as arrays for `bioenv.inverse.marker_fit`.

    bodies: (b) ids that carry markers; location (4 b, M): multiplied by poses [R | p] of those
    bodies side by side it gives the markers. carried (M, B): markers that move with each of B
    bodies. A link is a joint and a coordinate that drives it, P of them: joint (P,), hinge (P,) 1
    or 0; the links of one coordinate to one body form a group, G of them: body (G,) among the B.
    above (G, G): 1 where the row's group lies above the column's in the tree, 1/2 on the diagonal.
    group (P, G) and choice (G, k) sum links to groups and those to coordinates; None for identity.
    """

    bodies: Index
    location: Array
    carried: Array
    joint: Index
    hinge: Array
    body: Index
    above: Array
    group: Array | None
    choice: Array | None
    chain: tuple[Index, Index, Index]  # of S terms: joint, coordinate it follows, reduced column
    whole: Array | None  # (S, P) sums the terms of a link; None for identity

    def slope(self, anatomy: Anatomy, q: Array) -> Array:
        """(F, P) how fast each joint moves with its coordinate.

        The chain rule over the few entries that are not zero: the full product of Jacobian and
        reduction would cost as much as all the rest.
        """
        joint, between, column = self.chain
        slope = anatomy.jacobian(q)[:, joint, between]
        if not anatomy.independent.all():
            slope = slope * anatomy.reduction(q)[:, between, column]
        return slope if self.whole is None else np.asarray(slope @ self.whole)


class Links:
    """Links of all coordinates with `markers`.

    Attributes: moved (M, n) whether a marker moves with a coordinate; coupled coordinates have
    none, the one they follow has theirs.
    """

    def __init__(self, anatomy: Anatomy, markers: tuple[BodyMarker, ...]) -> None:
        mj = anatomy.mj
        self._mj, self._markers = mj, markers
        self._independent = np.flatnonzero(anatomy.independent)
        span = np.linspace(0.0, 1.0, 7)[:, None]
        low, high = np.clip(anatomy.coordinate_range, -1.0, 1.0).T
        q = anatomy.couple(low + span * (high - low))
        # Joint by coordinate, coordinate by independent coordinate: where there is any slope.
        self._follows = _any(anatomy.jacobian(q))
        self._reduces = _any(anatomy.reduction(q))
        driven = np.zeros((mj.njnt, len(anatomy.coordinates)), dtype=bool)
        driven[:, self._independent] = self._follows.astype(int) @ self._reduces > 0
        self._driven = driven
        self._body: Index = np.array([marker.body for marker in markers], dtype=np.intp)
        self._carries = _carries(mj)
        by_joint = self._carries[mj.jnt_bodyid][:, self._body]  # (joints, M)
        self.moved: Mask = by_joint.T.astype(int) @ driven > 0

    def of(self, free: Index) -> FreeLinks:
        """The links of the coordinates `free` (k,)."""
        mj = self._mj
        moving = self._carries[mj.jnt_bodyid][:, self._body].any(axis=1)
        joint, variable = np.nonzero(self._driven[:, free] & moving[:, None])
        on = mj.jnt_bodyid[joint]
        # Groups in the order of the coordinates, so that most often they are the coordinates.
        groups, group = np.unique(np.stack([variable, on]), axis=1, return_inverse=True)
        group = group.ravel()
        of_variable, of_body = groups
        spots, body = np.unique(of_body, return_inverse=True)
        first = np.array([joint[group == g].min() for g in range(groups.shape[1])])
        above = self._carries[np.ix_(of_body, of_body)]
        same = of_body[:, None] == of_body
        above = (above & ~same) | (same & (first[:, None] < first))
        bodies, location = self._locations()
        return FreeLinks(
            bodies,
            location,
            np.ascontiguousarray(self._carries[np.ix_(spots, self._body)].T, dtype=float),
            joint,
            (mj.jnt_type[joint] == mujoco.mjtJoint.mjJNT_HINGE).astype(float),
            body.ravel(),
            above + 0.5 * np.eye(len(above)),
            _summing(group, groups.shape[1]),
            _summing(of_variable, len(free)),
            *self._chain(joint, np.searchsorted(self._independent, free)[variable]),
        )

    def _chain(
        self, joint: Index, column: Index
    ) -> tuple[tuple[Index, Index, Index], Array | None]:
        """Terms of every link's slope, and the matrix that sums them."""
        link, between = np.nonzero(self._follows[joint] & self._reduces[:, column].T)
        return (joint[link], between, column[link]), _summing(link, len(joint))

    def _locations(self) -> tuple[Index, Array]:
        bodies, slot = np.unique(self._body, return_inverse=True)
        location = np.zeros((4 * len(bodies), len(self._markers)))
        for column, (at, marker) in enumerate(zip(slot, self._markers, strict=True)):
            location[4 * at : 4 * at + 4, column] = (*marker.location, 1.0)
        return bodies, location


def _carries(mj: mujoco.MjModel) -> Mask:
    """(nbody, nbody): the column's body is the row's or hangs from it."""
    carries = np.zeros((mj.nbody, mj.nbody), dtype=bool)
    for body in range(mj.nbody):
        above = body
        while above > 0:
            carries[above, body] = True
            above = int(mj.body_parentid[above])
    return carries


def _summing(into: Index, count: int) -> Array | None:
    """(len(into), count) matrix that adds up by index; None when it changes nothing."""
    if len(into) == count and (into == np.arange(count)).all():
        return None
    matrix = np.zeros((len(into), count))
    matrix[np.arange(len(into)), into] = 1.0
    return matrix


def _any(slope: Array) -> Mask:
    """Where (T, a, b) is ever other than zero."""
    return np.asarray((np.abs(slope) > 1e-12).any(axis=0))
