"""A short film of a motion: where the segments and muscles are, frame by frame, as JSON.

The positions come from MuJoCo's forward kinematics of the recorded coordinates; nothing is
simulated again. `film.js` draws them on a canvas in the sagittal plane (x forward, z up), seen
from the right, so that the film needs neither a video codec nor OpenGL.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

FRAMES_PER_SECOND = 30.0
_GEOM = mujoco.mjtGeom
_WRAPPING = (int(mujoco.mjtWrap.mjWRAP_SPHERE), int(mujoco.mjtWrap.mjWRAP_CYLINDER))
_NOT_DRAWN = (int(_GEOM.mjGEOM_PLANE), int(_GEOM.mjGEOM_HFIELD))


def film(
    model: Model, motion: Motion, start: float, stop: float, fps: float = FRAMES_PER_SECOND
) -> dict[str, Any]:
    """The film of `motion` from `start` to `stop` (s): a JSON-able dict that film.js understands.

    Lengths are whole millimetres (x, z), activations whole percent, ground forces newtons. Frames
    are the samples nearest to a regular clock of `fps` pictures a second.
    """
    rows = _rows(motion.time, start, stop, fps)
    drawn = _drawn_geoms(model.mj)
    axes, radii = _capsules(model.mj, drawn)
    tendons = _tendons(model.mj)
    data = mujoco.MjData(model.mj)
    columns = [motion.labels("qpos").index(name) for name in model.coordinates]
    segments, paths = [], []
    for row in rows:
        data.qpos[:] = motion["qpos"][row, columns]
        mujoco.mj_kinematics(model.mj, data)
        mujoco.mj_comPos(model.mj, data)
        mujoco.mj_tendon(model.mj, data)
        segments.append(_segments(data, drawn, axes))
        paths.append([_path(data, tendon) for _, tendon in tendons])
    return {
        "fps": fps,
        "time": [round(float(t), 3) for t in motion.time[rows]],
        "camera": _millimetres(_camera(np.array(segments))),
        "segments": _millimetres(np.array(segments)),
        "radii": _millimetres(radii),
        "sides": [_side(model.mj, geom) for geom in drawn],
        "muscles": [name for name, _ in tendons],
        "paths": paths,
        "activation": _activation(motion, rows, [name for name, _ in tendons]),
        "ground": _ground(motion, rows),
        "weight": model.body_weight,
        "floor": bool(np.isin(model.mj.geom_type, _NOT_DRAWN).any()),
    }


def _rows(time: Array, start: float, stop: float, fps: float) -> NDArray[np.intp]:
    clock = start + np.arange(max(1, np.ceil((stop - start) * fps))) / fps
    rows = np.searchsorted(time, clock - 1e-9).clip(0, time.size - 1)
    return np.unique(rows)


def _drawn_geoms(mj: Any) -> list[int]:
    """Geoms that show a segment: not the floor, not a surface that only guides a muscle."""
    guides = {int(i) for i in mj.wrap_objid[np.isin(mj.wrap_type, _WRAPPING)]}
    return [
        geom
        for geom in range(mj.ngeom)
        if geom not in guides and int(mj.geom_type[geom]) not in _NOT_DRAWN
    ]


def _tendons(mj: Any) -> list[tuple[str, int]]:
    """(muscle name, tendon id) of every actuator that pulls on a tendon."""
    on_tendon = mj.actuator_trntype == int(mujoco.mjtTrn.mjTRN_TENDON)
    return [(mj.actuator(i).name, int(mj.actuator_trnid[i, 0])) for i in np.flatnonzero(on_tendon)]


def _side(mj: Any, geom: int) -> str:
    """ "r", "l" or "m" (middle) by the geom's name, else by its body's."""
    for name in (mj.geom(geom).name, mj.body(int(mj.geom_bodyid[geom])).name):
        if name.endswith(("_r", "_l")):
            return str(name[-1])
    return "m"


def _capsules(mj: Any, geoms: list[int]) -> tuple[Array, Array]:
    """Every geom as a capsule: half of its long axis (n, 3) in its own frame, radius (n,) in m."""
    data = mujoco.MjData(mj)
    mujoco.mj_kinematics(mj, data)
    axes, radii = np.zeros((len(geoms), 3)), np.zeros(len(geoms))
    for i, geom in enumerate(geoms):
        kind, size = int(mj.geom_type[geom]), mj.geom_size[geom]
        radii[i] = size[0]
        if kind in (int(_GEOM.mjGEOM_CAPSULE), int(_GEOM.mjGEOM_CYLINDER)):
            axes[i, 2] = size[1]
        elif kind != int(_GEOM.mjGEOM_SPHERE):
            # Ellipsoids, boxes, meshes: their extents in the picture, without the one across it.
            half = mj.geom_aabb[geom, 3:]
            across = int(np.argmax(np.abs(data.geom_xmat[geom].reshape(3, 3)[1])))
            short, long = sorted((j for j in range(3) if j != across), key=lambda j: half[j])
            axes[i, long] = half[long] - half[short]
            radii[i] = half[short]
    return axes, radii


def _segments(data: Any, geoms: list[int], axes: Array) -> Array:
    """End points of every drawn geom, (ngeom, 4) as x, z, x, z in m."""
    turned = np.einsum("gij,gj->gi", data.geom_xmat[geoms].reshape(-1, 3, 3), axes)
    center = data.geom_xpos[geoms]
    return np.concatenate([(center - turned)[:, ::2], (center + turned)[:, ::2]], axis=1)


def _path(data: Any, tendon: int) -> list[int]:
    first, count = int(data.ten_wrapadr[tendon]), int(data.ten_wrapnum[tendon])
    points = data.wrap_xpos.reshape(-1, 3)[first : first + count, ::2]
    return [int(v) for v in np.rint(points * 1000).ravel()]


def _camera(segments: Array) -> Array:
    """Horizontal middle of the body in m, smoothed so that the picture does not shake."""
    middle = segments[:, :, ::2].mean(axis=(1, 2))
    slope, offset = np.polyfit(np.arange(middle.size), middle, 1) if middle.size > 1 else (0, 0)
    return slope * np.arange(middle.size) + offset if middle.size > 1 else middle


def _activation(motion: Motion, rows: NDArray[np.intp], muscles: list[str]) -> list[list[int]]:
    if "activation" not in motion:
        return []
    columns = [motion.labels("activation").index(name) for name in muscles]
    percent = np.rint(motion["activation"][rows][:, columns] * 100).astype(int)
    return [[int(v) for v in row] for row in percent]


def _ground(motion: Motion, rows: NDArray[np.intp]) -> list[list[list[int]]]:
    """Per frame and loaded foot: point of application x, z (mm) and force x, z (N)."""
    if "ground_reaction_force" not in motion or "center_of_pressure" not in motion:
        return []
    force = motion["ground_reaction_force"][rows][:, :, ::2]
    point = motion["center_of_pressure"][rows][:, :, ::2] * 1000
    shown = np.isfinite(point).all(axis=2) & (force[:, :, 1] > 1.0)
    values = np.rint(np.concatenate([np.nan_to_num(point), force], axis=2)).astype(int)
    return [
        [[int(v) for v in foot] for foot, on in zip(frame, seen, strict=True) if on]
        for frame, seen in zip(values, shown, strict=True)
    ]


def _millimetres(values: Array) -> Any:
    return np.rint(values * 1000).astype(int).tolist()
