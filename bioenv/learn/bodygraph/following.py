"""The next state of a body by a graph network: accelerations, and a step of the integrator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.learn.bodygraph.dataset import Collection
from bioenv.learn.bodygraph.estimator import BodyGraph
from bioenv.learn.bodygraph.features import graphs_of
from bioenv.learn.bodygraph.skeleton import Skeleton

Array = NDArray[np.float64]


class Following(NamedTuple):
    """States after a step: qpos (T, nq), qvel (T, nv); the accelerations that led there and their
    band (T, nv), m/s^2 and rad/s^2; flag (T,) where the networks are out of their depth."""

    qpos: Array
    qvel: Array
    qacc: Array
    lower: Array
    upper: Array
    flag: NDArray[np.bool_]


def next_states(
    skeleton: Skeleton,
    qpos: ArrayLike,
    qvel: ArrayLike,
    torque: ArrayLike,
    step: float,
    graph: BodyGraph,
    contacts: Sequence[Contact] = (),
) -> Following:
    """T states one `step` s later: MuJoCo's semi-implicit Euler on the estimated accelerations.

    Args:
        qpos: (T, nq); qvel, torque: (T, nv), net of everything at the joints. contacts: forces of
            the ground during the step.

    Raises BioenvError for a graph with the job torque, and for free and ball joints, whose
    orientation is no sum of angles.
    """
    if graph.job != "acceleration":
        raise BioenvError(f"next states need a body graph with the job acceleration: {graph.job}")
    kinds = mujoco.mjtJoint
    if not np.isin(skeleton.mj.jnt_type, (kinds.mjJNT_HINGE, kinds.mjJNT_SLIDE)).all():
        raise BioenvError(f"{skeleton.name!r} has a free or ball joint; hinges and slides can step")
    if not (np.isfinite(step) and step > 0.0):
        raise BioenvError(f"a step must be a positive number of seconds, got {step!r}")
    made = graphs_of(skeleton, qpos, qvel, torque=torque, contacts=contacts)
    found = graph.predict(Collection(made, skeleton.coordinates * len(made)))
    shape = (len(made), len(skeleton.coordinates))
    qacc, lower, upper = (x.reshape(shape) for x in (found.mean, found.lower, found.upper))
    after = np.asarray(qvel, dtype=float) + step * qacc
    moved = np.asarray(qpos, dtype=float) + step * after
    return Following(moved, after, qacc, lower, upper, found.flag)
