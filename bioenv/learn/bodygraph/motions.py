"""Motion and Model in, Motion with estimated joint torques out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.errors import BioenvError, unknown
from bioenv.inverse.dynamics import Contact
from bioenv.learn.bodygraph.dataset import Collection
from bioenv.learn.bodygraph.estimator import BodyGraph
from bioenv.learn.bodygraph.features import graphs_of
from bioenv.learn.bodygraph.skeleton import Skeleton
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

_NEEDED = ("qpos", "qvel", "qacc")
_GRF, _COP, _FREE = "ground_reaction_force", "center_of_pressure", "free_moment"


def estimate_torques(
    motion: Motion,
    model: Model | str | None = None,
    graph: BodyGraph | str | Path = "body_graph",
    *,
    held: Sequence[str] = (),
) -> Motion:
    """The motion with joint_torque estimated, its 90 % band, and a flag where it is out of depth.

    Args:
        model: the body of the motion, with the person's masses; by name, or None for the motion's.
        graph: a `BodyGraph` with the job "torque", a folder, or a shipped name.
        held: joint coordinates that the motion does not have and that stand still at the model's
            home pose (toes that were not measured); the notes say so.

    On the root of a floating body the estimate is the residual: what motion and ground forces leave
    unexplained.

    Raises BioenvError for missing channels (qpos, qvel, qacc; ground forces and their points for a
    body that floats), coordinates that are not the model's, and a graph with another job.
    """
    body = model if isinstance(model, Model) else models.load(model or motion.model or "")
    known = graph if isinstance(graph, BodyGraph) else BodyGraph.load(graph)
    if known.job != "torque":
        raise BioenvError(f"joint torques need a body graph with the job torque, not {known.job}")
    skeleton = Skeleton(body)
    qpos, qvel, qacc = _coordinates(motion, body, _held(skeleton, held))
    contacts = contacts_of(motion, skeleton)
    made = graphs_of(skeleton, qpos, qvel, qacc, contacts=contacts)
    found = known.predict(Collection(made, skeleton.coordinates * len(motion)))
    shape = (len(motion), len(skeleton.coordinates))
    notes = [f"held at the home pose: {', '.join(held)}"] if held else []
    band = np.stack([found.lower.reshape(shape), found.upper.reshape(shape)], -1)
    return motion.add(
        "joint_torque", found.mean.reshape(shape), labels=body.coordinates, source="estimated",
        band=band, flag=found.flag,
    ).with_meta(estimate_notes=notes, estimate_flagged=float(found.flag.mean()))  # fmt: skip


def contacts_of(motion: Motion, skeleton: Skeleton) -> tuple[Contact, ...]:
    """Ground forces by segment: a foot's is on its heel segment calcn_<foot>; what the toes carry,
    where the motion says so, on toes_<foot> (the foot's force includes it).

    Raises BioenvError for a body that floats on no ground force, and for forces without points.
    """
    if _GRF not in motion:
        if len(skeleton.root):
            raise BioenvError(
                f"{skeleton.name!r} floats: its joint torques need ground_reaction_force and "
                f"center_of_pressure; this motion has {', '.join(motion.signals)}"
            )
        return ()
    if _COP not in motion:
        raise BioenvError("ground_reaction_force needs center_of_pressure, the point it acts at")
    labels = motion.labels(_GRF)
    names = [skeleton.mj.body(int(i)).name for i in skeleton.body]
    out = []
    for label in labels:
        if label.startswith("toes_"):
            continue
        force, point, moment = _wrench(motion, label)
        toes = f"toes_{label}"
        if toes in labels and toes in names:
            part = _wrench(motion, toes)
            out.append(Contact(toes, *part))
            force, point, moment = _rest(Contact("", force, point, moment), Contact("", *part))
        out.append(Contact(f"calcn_{label}", force, point, moment))
    return tuple(out)


def _held(skeleton: Skeleton, held: Sequence[str]) -> Sequence[str]:
    """Names that may stand still: joints of the model, not its root."""
    joints = [skeleton.coordinates[i] for i in skeleton.joints]
    for name in held:
        if name not in joints:
            raise unknown("joint to hold", name, joints)
    return held


def _coordinates(motion: Motion, model: Model, held: Sequence[str]) -> tuple[Array, Array, Array]:
    """qpos, qvel, qacc (T, nq) in the model's order."""
    missing = [name for name in _NEEDED if name not in motion]
    if missing:
        raise BioenvError(
            f"joint torques need {', '.join(_NEEDED)}; this motion lacks {', '.join(missing)} and "
            f"has {', '.join(motion.signals) or 'no channels'}"
        )
    out = []
    for name in _NEEDED:
        labels = motion.labels(name)
        lost = [c for c in model.coordinates if c not in labels and c not in held]
        if lost:
            raise BioenvError(
                f"{name} of this motion (model {motion.model!r}) lacks {', '.join(lost)} of model "
                f"{model.name!r}; it has {', '.join(labels)}. A joint that stands still may be held"
            )
        still = model.home if name == "qpos" else np.zeros(len(model.coordinates))
        columns = [
            motion.column(name, c) if c in labels else np.full(len(motion), still[i])
            for i, c in enumerate(model.coordinates)
        ]
        out.append(np.stack(columns, axis=1))
    qpos, qvel, qacc = out
    return qpos, qvel, qacc


def _wrench(motion: Motion, label: str) -> tuple[Array, Array, Array]:
    force, point = motion.column(_GRF, label), motion.column(_COP, label)
    free = _FREE in motion and label in motion.labels(_FREE)
    moment = np.nan_to_num(motion.column(_FREE, label)) if free else np.zeros_like(force)
    return force, point, moment


def _rest(whole: Contact, part: Contact) -> tuple[Array, Array, Array]:
    """Force, point and moment left of a whole foot's when a part is taken away; about the whole's
    point, since the rest may have no force."""
    assert whole.moment is not None
    assert part.moment is not None
    loaded = np.isfinite(part.point).all(axis=1, keepdims=True)
    share = np.where(loaded, part.force, 0.0)
    arm = np.where(loaded, np.nan_to_num(part.point) - np.nan_to_num(whole.point), 0.0)
    moment = whole.moment - np.where(loaded, part.moment, 0.0) - np.cross(arm, share)
    return whole.force - share, whole.point, moment
