"""Muscle paths of an OpenSim model, exactly: lengths, moment arms, what a tension does to bodies.

    paths = MusclePaths(description, body_names)
    solution = paths.solve(q, position, rotation)      # every path in every frame
    geometry = muscle_geometry(anatomy, q, qd)         # what inverse methods ask for

OpenSim 4.6's GeometryPath, vectorised over frames: lengths and moment arms agree to rounding. Known
differences, of which only the first occurs in the published gait models:

- Over several surfaces (both gastrocnemii of the Rajagopal family) OpenSim's forces do not balance,
  and it shows arms of up to 1 mm at joints the path does not cross; here these are zero.
- A path more than half way round a cylinder or torus has its true length; OpenSim 4.6 counts more
  than a full turn when it runs clockwise.
- A moving point next to a point of the same body counts in the moment arm as it does in the length;
  OpenSim leaves that segment out.
- Two points in one place pull with zero (OpenSim: NaN).
- On ball joints, and joints whose axes are not at right angles, OpenSim's arms are not the slopes
  of its lengths; here they are.
- Spheres, ellipsoids and tori: see `wrap_sphere`, `wrap_ellipsoid`, `wrap_torus`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.models.anatomy import JointState, MuscleGeometry
from bioenv.models.frames import Frames
from bioenv.models.osim.description import Description
from bioenv.models.osim.path_levers import Levers
from bioenv.models.osim.paths import Nodes
from bioenv.models.osim.wrap_chain import Chains

Array = NDArray[np.float64]

# Frames solved at once: few enough to stay in the processor's cache, enough to amortise calls.
_CHUNK = 512


class PathSolution(NamedTuple):
    """All paths in T frames.

    length (T, m) m. The N nodes of all paths, in the order of `MusclePaths.nodes`: point (3, T, N)
    m, world; pull (3, T, N) the force on the node's body at unit tension, zero where the path does
    not pass. coordinate_slope (T, m, n): the part of d length / d q that moving points add while
    the bodies stand still.
    """

    length: Array
    point: Array
    pull: Array
    coordinate_slope: Array


class MusclePaths:
    """The muscle paths of a model.

    Args:
        description: the parsed file.
        body_names: names of the bodies whose frames `solve` gets, in that order.
        settled: where several surfaces push a path to and fro, take it where it settles instead of
            where OpenSim 4.6 measures it (see `Runs`).

    Raises BioenvError for a path over a body, coordinate or surface that does not exist.
    """

    def __init__(
        self, description: Description, body_names: Sequence[str], *, settled: bool = False
    ) -> None:
        self.nodes = nodes = Nodes(description, body_names)
        self._coordinates = len(description.coordinates)
        self._muscles = len(nodes.first)
        conditional = np.zeros(self._muscles, dtype=bool)
        for rule in nodes.conditions:
            conditional[nodes.muscle[rule.node]] = True
        plain = ~conditional & (nodes.wraps == 0)
        self._plain = _Plain(nodes, np.flatnonzero(plain))
        self._chains = [
            Chains(
                description, nodes, np.flatnonzero(~plain & (nodes.wraps == count)), settled=settled
            )
            for count in np.unique(nodes.wraps[~plain])
        ]
        self._description = description
        self._levers: tuple[mujoco.MjModel, Levers] | None = None

    def solve(self, q: ArrayLike, position: ArrayLike, rotation: ArrayLike) -> PathSolution:
        """All paths, for q (T, n) and the bodies' frames in the world.

        position (T, nb, 3) m, rotation (T, nb, 3, 3), the bodies in the order of `body_names`. The
        whole of T is held at once; see `muscle_geometry` for long motions.
        """
        q, position, rotation = (np.asarray(x, dtype=float) for x in (q, position, rotation))
        if q.ndim != 2 or q.shape[1] != self._coordinates or len(q) != len(position):
            raise BioenvError(
                f"q must have shape ({len(position)}, {self._coordinates}), got {q.shape}"
            )
        nodes = self.nodes
        point = nodes.place(q, position, rotation)
        pull = np.zeros_like(point)
        length = np.empty((len(q), self._muscles))
        self._plain.solve(point, pull, length)
        active = nodes.active(q)
        for chains in self._chains:
            length[:, chains.muscles] = chains.solve(point, pull, active, position, rotation)
        return PathSolution(length, point, pull, self._slope(q, rotation, pull))

    def _slope(self, q: Array, rotation: Array, pull: Array) -> Array:
        out = np.zeros((len(q), self._muscles, self._coordinates))
        moves = self.nodes.moves(q, rotation)
        for k, motion in enumerate(self.nodes.motions):
            work = (pull[:, :, motion.node] * moves[:, :, k]).sum(axis=0)
            out[:, self.nodes.muscle[motion.node], motion.coordinate] -= work
        return out

    def levers(self, mj: mujoco.MjModel) -> Levers:
        """Moment arms on a skeleton, kept for the next call."""
        if self._levers is None or self._levers[0] is not mj:
            self._levers = (mj, Levers(self._description, self.nodes, mj))
        return self._levers[1]

    def wrench(self, solution: PathSolution, force: Array) -> Array:
        """(T, nb, 6) force N and moment N*m about the world's origin on every body, for tensions
        (T, m) N; nb as far as paths reach."""
        tension = solution.pull * force[:, self.nodes.muscle]
        x, y, z = solution.point
        fx, fy, fz = tension
        rows = (fx, fy, fz, y * fz - z * fy, z * fx - x * fz, x * fy - y * fx)
        out = np.zeros((len(force), int(self.nodes.body.max(initial=0)) + 1, 6))
        for body in np.unique(self.nodes.body):
            at = np.flatnonzero(self.nodes.body == body)
            for column, values in enumerate(rows):
                out[:, body, column] = values[:, at].sum(axis=1)
        return out


class _Plain:
    """Paths of points that are always on them: their nodes in one row, cut between muscles."""

    def __init__(self, nodes: Nodes, muscles: NDArray[np.intp]) -> None:
        self._muscles = muscles
        runs = [np.arange(nodes.first[m], nodes.first[m] + nodes.points[m]) for m in muscles]
        self._node = np.concatenate(runs) if runs else np.zeros(0, dtype=np.intp)
        sizes = nodes.points[muscles]
        self._start = np.cumsum(sizes) - sizes
        self._cut = np.ones(max(len(self._node) - 1, 0))
        self._cut[self._start[1:] - 1] = 0.0

    def solve(self, point: Array, pull: Array, length: Array) -> None:
        """Write the force of unit tension on the nodes and the lengths (T, m)."""
        if not len(self._node):
            return
        place = np.take(point, self._node, axis=2)
        step = place[:, :, 1:] - place[:, :, :-1]
        size = np.sqrt(step[0] ** 2 + step[1] ** 2 + step[2] ** 2)
        size *= self._cut
        step *= np.divide(1.0, size, out=np.zeros_like(size), where=size > 0.0)
        force = np.zeros_like(place)
        force[:, :, :-1] = step
        force[:, :, 1:] -= step
        pull[:, :, self._node] = force
        length[:, self._muscles] = np.add.reduceat(size, self._start, axis=1)


class Skeleton(Protocol):
    """What is needed of an anatomy; OsimAnatomy has it."""

    mj: mujoco.MjModel

    @property
    def paths(self) -> MusclePaths:
        """The muscles' paths."""
        ...

    def expand(self, q: Array, qd: Array | None = None, qdd: Array | None = None) -> JointState:
        """The MuJoCo tree's state."""
        ...

    def jacobian(self, q: Array) -> Array:
        """(T, nv, n) d qpos / d q."""
        ...


def muscle_geometry(anatomy: Skeleton, q: ArrayLike, qd: ArrayLike | None = None) -> MuscleGeometry:
    """Lengths, moment arms and lengthening velocities of all muscles at q (T, n), qd (T, n).

    Moment arms are OpenSim's: the generalized force of unit tension on every coordinate, couplers
    not applied (OpenSim's own files show ``moment_arm @ anatomy.reduction(q)``). Velocities are
    ``-moment_arm @ qd`` with every coordinate's speed, zero without qd.
    """
    angles = np.atleast_2d(np.asarray(q, dtype=float))
    levers = anatomy.paths.levers(anatomy.mj)
    muscles = len(anatomy.paths.nodes.first)
    length = np.empty((len(angles), muscles))
    arm = np.empty((len(angles), muscles, angles.shape[1]))
    for part, pose in _poses(anatomy, angles):
        found = anatomy.paths.solve(angles[part], pose.position, pose.rotation)
        length[part] = found.length
        slope = anatomy.jacobian(angles[part])
        arm[part] = levers.moment_arm(found.point, found.pull, pose.axis, pose.anchor, slope)
        arm[part] -= found.coordinate_slope
    speed = np.zeros_like(length)
    if qd is not None:
        rate = np.asarray(qd, dtype=float)
        if rate.shape != angles.shape:
            raise BioenvError(f"qd must have q's shape {angles.shape}, got {rate.shape}")
        speed = -(arm @ rate[:, :, None])[:, :, 0]
    return MuscleGeometry(length, arm, speed)


def muscle_wrench(anatomy: Skeleton, q: ArrayLike, force: ArrayLike) -> Array:
    """(T, nbody, 6) force N and moment N*m about the world's origin on every MuJoCo body.

    q (T, n); force (T, m) N, the tension of every muscle.
    """
    angles = np.atleast_2d(np.asarray(q, dtype=float))
    tension = np.atleast_2d(np.asarray(force, dtype=float))
    wanted = (len(angles), len(anatomy.paths.nodes.first))
    if tension.shape != wanted:
        raise BioenvError(f"force must have shape {wanted}, got {tension.shape}")
    out = np.zeros((len(angles), anatomy.mj.nbody, 6))
    for part, pose in _poses(anatomy, angles):
        found = anatomy.paths.solve(angles[part], pose.position, pose.rotation)
        wrench = anatomy.paths.wrench(found, tension[part])
        out[part, : wrench.shape[1]] = wrench
    return out


class _Pose(NamedTuple):
    position: Array
    rotation: Array
    axis: Array
    anchor: Array


def _poses(anatomy: Skeleton, q: Array) -> Iterator[tuple[slice, _Pose]]:
    """Frames of bodies and joints in the world, chunk by chunk."""
    mj = anatomy.mj
    fields = ("xpos", "xmat", "xaxis", "xanchor")
    for part, batch, ids in Frames(mj, anatomy.expand(q).qpos, None, fields):
        pose = (
            batch.bind("xpos")[ids].reshape(-1, mj.nbody, 3),
            batch.bind("xmat")[ids].reshape(-1, mj.nbody, 3, 3),
            batch.bind("xaxis")[ids].reshape(-1, mj.njnt, 3),
            batch.bind("xanchor")[ids].reshape(-1, mj.njnt, 3),
        )
        for start in range(0, len(ids), _CHUNK):
            rows = slice(start, min(start + _CHUNK, len(ids)))
            yield (
                slice(part.start + rows.start, part.start + rows.stop),
                _Pose(*(values[rows] for values in pose)),
            )
