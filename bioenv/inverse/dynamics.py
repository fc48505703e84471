"""Inverse dynamics: the generalized forces that explain a motion, for all frames at once.

``M(q) qacc + bias(q, qvel) - passive(q, qvel) - sum J^T f = tau``, with the ground's force f at the
measured center of pressure of every foot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.frames import Frames, body_id, mujoco_model, rows
from bioenv.models import Model
from bioenv.models.tendons import MOMENT_FIELDS, length_slopes

Array = NDArray[np.float64]


class Contact(NamedTuple):
    """What the surroundings do to one body, world frame.

    force (T, 3) N on the body; point (T, 3) m where it acts, NaN in frames without contact (the
    force is then ignored); moment (T, 3) N*m about that point, or None.
    """

    body: str
    force: Array
    point: Array
    moment: Array | None = None


def inverse_dynamics(
    model: Model | mujoco.MjModel,
    qpos: ArrayLike,
    qvel: ArrayLike,
    qacc: ArrayLike,
    ground_reaction_force: ArrayLike | None = None,
    center_of_pressure: ArrayLike | None = None,
    *,
    free_moment: ArrayLike | None = None,
    contacts: Sequence[Contact] = (),
    net: bool = False,
) -> Array:
    """Generalized forces of the muscles (and of anything else unmodelled) in every frame.

    Args:
        model: joints are hinges, slides or a free root.
        qpos: (T, nq); qvel, qacc: (T, nv); m, rad and s.
        ground_reaction_force: (T, feet, 3) N on each foot of ``model.feet``, world frame.
        center_of_pressure: (T, feet, 3) m; NaN where the foot is unloaded.
        free_moment: (T, feet, 3) N*m of the ground on the foot about that point.
        contacts: further external forces by body. A force on the toes belongs to ``toes_<side>``:
            given as the whole foot's force it leaves hip, knee and ankle right, but not the toes.
        net: leave the joints' passive torque (springs and dampers of the model) in, as the inverse
            dynamics of a measured person does.

    Returns:
        (T, nv) N or N*m in the direction of each coordinate. On the root it is the residual force.
        Torques at the ends of a joint's range are included; see :func:`limit_torque`.

    Raises BioenvError for arrays of the wrong shape, NaN in the motion or an unknown body.
    """
    mj = mujoco_model(model)
    position = rows(qpos, mj.nq, "qpos")
    count = len(position)
    velocity = rows(qvel, mj.nv, "qvel", count)
    acceleration = rows(qacc, mj.nv, "qacc", count)
    wrenches = [*contacts]
    if ground_reaction_force is not None:
        wrenches += foot_contacts(model, ground_reaction_force, center_of_pressure, free_moment)
    checked = [checked_contact(mj, contact, count) for contact in wrenches]
    tau = np.empty((count, mj.nv))
    row, column = _mass_matrix_index(mj)
    for part, batch, ids in Frames(mj, position, velocity, ("M", "qfrc_bias", "qfrc_passive")):
        mass = np.zeros((len(ids), mj.nv, mj.nv))
        mass[:, row, column] = mass[:, column, row] = batch.bind("M")[ids]
        tau[part] = np.einsum("tij,tj->ti", mass, acceleration[part]) + batch.bind("qfrc_bias")[ids]
        if not net:
            tau[part] -= batch.bind("qfrc_passive")[ids]
        for body, force, point, moment in checked:
            jacp, jacr = batch.jac(body, point[part], ids)
            tau[part] -= np.einsum("tki,tk->ti", jacp, force[part])
            if moment is not None:
                tau[part] -= np.einsum("tki,tk->ti", jacr, moment[part])
    return tau


def muscle_torque(model: Model | mujoco.MjModel, qpos: ArrayLike, muscle_force: ArrayLike) -> Array:
    """Generalized forces (T, nv) of muscles pulling with ``muscle_force`` (T, nm) N at ``qpos``.

    A pull of F along a tendon of length l(q) does the work -F dl, so its torque is -F dl/dq.
    """
    mj = mujoco_model(model)
    position = rows(qpos, mj.nq, "qpos")
    force = rows(muscle_force, mj.nu, "muscle_force", len(position))
    tau = np.empty((len(position), mj.nv))
    for part, arm in _moment_arms(mj, position):
        tau[part] = -np.einsum("tmi,tm->ti", arm, force[part])
    return tau


def moment_arms(model: Model | mujoco.MjModel, qpos: ArrayLike) -> Array:
    """(T, nm, nv) derivative of every muscle's length by every coordinate, m or m/rad.

    The literature's moment arm is its negative: positive when the muscle's pull drives the
    coordinate up.
    """
    mj = mujoco_model(model)
    position = rows(qpos, mj.nq, "qpos")
    out = np.empty((len(position), mj.nu, mj.nv))
    for part, arm in _moment_arms(mj, position):
        out[part] = arm
    return out


def foot_contacts(
    model: Model | mujoco.MjModel,
    force: ArrayLike,
    point: ArrayLike | None,
    moment: ArrayLike | None = None,
    feet: Sequence[str] | None = None,
) -> list[Contact]:
    """The ground's action on each foot as contacts of the bodies ``calcn_<foot>``.

    Args:
        force, point, moment: (T, feet, 3), as in :func:`inverse_dynamics`.
        feet: names of the second axis, ``model.feet`` when None.
    """
    if point is None:
        raise BioenvError("ground_reaction_force needs center_of_pressure, the point it acts at")
    if feet is None:
        feet = ("r", "l") if isinstance(model, mujoco.MjModel) else model.feet
    forces, points = np.asarray(force, dtype=float), np.asarray(point, dtype=float)
    moments = None if moment is None else np.asarray(moment, dtype=float)
    for name, array in (("ground_reaction_force", forces), ("center_of_pressure", points)):
        if array.ndim != 3 or array.shape[1:] != (len(feet), 3):
            raise BioenvError(f"{name} must have shape (T, {len(feet)}, 3), got {array.shape}")
    return [
        Contact(
            f"calcn_{foot}", forces[:, i], points[:, i], None if moments is None else moments[:, i]
        )
        for i, foot in enumerate(feet)
    ]


def checked_contact(
    mj: mujoco.MjModel, contact: Contact, count: int
) -> tuple[int, Array, Array, Array | None]:
    """Body id, force, point and moment without NaN: unloaded frames carry zero force."""
    where = f"of {contact.body}"
    point = np.array(contact.point, dtype=float)
    if point.shape != (count, 3):
        raise BioenvError(f"point {where} must have shape ({count}, 3), got {point.shape}")
    loaded = np.isfinite(point).all(axis=1)
    point[~loaded] = 0.0
    parts: list[Array | None] = []
    for name, values in (("force", contact.force), ("moment", contact.moment)):
        if values is None:
            parts.append(None)
            continue
        array = np.array(values, dtype=float)
        if array.shape == (count, 3):
            array[~loaded] = 0.0
        parts.append(rows(array, 3, f"{name} {where}", count))
    force, moment = parts
    assert force is not None
    return body_id(mj, contact.body), force, point, moment


def _mass_matrix_index(mj: mujoco.MjModel) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of every entry of MuJoCo's sparse lower-triangular M."""
    row = np.empty(mj.nC, dtype=np.intp)
    for i, (start, count) in enumerate(zip(mj.M_rowadr, mj.M_rownnz, strict=True)):
        row[start : start + count] = i
    return row, np.asarray(mj.M_colind, dtype=np.intp)


def _moment_arms(mj: mujoco.MjModel, qpos: Array) -> Iterator[tuple[slice, Array]]:
    """Chunks of (slice, (n, nm, nv) length derivatives)."""
    for part, batch, ids in Frames(mj, qpos, None, MOMENT_FIELDS):
        yield part, length_slopes(mj, {name: batch.bind(name)[ids] for name in MOMENT_FIELDS})
