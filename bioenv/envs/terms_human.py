"""Terms that are said to make gait human: a steady head, and muscles that work together.

As in :mod:`bioenv.envs.terms`, plain functions of a State, (B,) each, and penalties are
non-negative. What they do to gait is measured in docs/human-likeness.md.
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.envs.state import State
from bioenv.envs.terms import Term
from bioenv.errors import BioenvError
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

HEAD = "head_acceleration"
"""Name of the sensor that `with_head` adds and `head_acceleration` reads."""

GRAVITY = 9.81  # m/s^2, the unit of the term

# ---- a steady head


def with_head(spec: mujoco.MjSpec) -> None:
    """Give a body a sensor of its head's acceleration; the movement stays the same.

    For ``models.load(name, edit=with_head)``; a task with :func:`head_acceleration` has
    ``model=lambda subject: models.load(name, subject, edit=with_head)``.

    Raises:
        BioenvError: the model has no geom "head".
    """
    head = spec.geom("head")
    if head is None:
        names = ", ".join(sorted(one.name for one in spec.geoms if one.name)) or "none"
        raise BioenvError(
            f"the model has no geom 'head' whose acceleration to sense; it has {names}"
        )
    head.parent.add_site(name="head", pos=head.pos, group=4)
    spec.add_sensor(
        name=HEAD,
        type=mujoco.mjtSensor.mjSENS_FRAMELINACC,
        objtype=mujoco.mjtObj.mjOBJ_SITE,
        objname="head",
    )


def head_acceleration(s: State) -> Array:
    """Squared linear acceleration of the head in g squared; of a model with :func:`with_head`.

    Head stability is one of the criteria of Veerkamp et al. 2021 (doi
    10.1016/j.jbiomech.2021.110530) for predicting healthy gait.
    """
    # MuJoCo's sensor reads g upward in a body at rest, as an accelerometer does.
    a = (s.sensor(HEAD) - [0.0, 0.0, GRAVITY]) / GRAVITY
    return np.einsum("ij,ij->i", a, a)


# ---- muscles that work together


def leg_synergies(motion: Motion, model: Model, count: int) -> Array:
    """(m, count) orthonormal patterns of one leg's m muscles that hold most of a motion's
    activation: the leading singular vectors, no mean removed, both legs alike.

    ``model`` names the muscles: rows are those of its right leg in order. The space of patterns
    counts here and not the patterns themselves, so they need not be non-negative as in
    factorization of EMG (Tresch, Saltiel & Bizzi 1999).

    Raises:
        BioenvError: no activation of this model's muscles, or count not in 1..m.
    """
    right, left = _legs(model)
    if not 1 <= count <= len(right):
        raise BioenvError(f"the number of synergies must be 1 to {len(right)}, got {count}")
    have = motion.labels("activation") if "activation" in motion else ()
    missing = [name for name in model.muscles if name not in have]
    if missing:
        raise BioenvError(
            f"synergies need the activation of every muscle of {model.name}; the motion lacks "
            f"{', '.join(missing)}"
        )
    columns = [have.index(name) for name in model.muscles]
    activation = motion["activation"][:, columns]
    both = np.concatenate((activation[:, right], activation[:, left]))
    patterns: Array = np.linalg.svd(both, full_matrices=False)[2][:count].T
    return patterns


def off_synergies(patterns: ArrayLike) -> Term:
    """Mean squared part of the activation, 0..1, that no mixture of ``patterns`` makes.

    Args:
        patterns: (m, k) of one leg's muscles, right leg's order; they serve both legs. Any
            independent columns: the term depends on the space that they span.

    A few such patterns hold most of the EMG of walking legs: five in Ivanenko et al. 2004 (doi
    10.1113/jphysiol.2003.057174), four in Clark et al. 2010 (doi 10.1152/jn.00825.2009).
    """
    basis, _ = np.linalg.qr(np.atleast_2d(np.asarray(patterns, float)))

    def term(s: State) -> Array:
        legs = _legs(s.model)
        if len(basis) != len(legs[0]):
            raise BioenvError(
                f"patterns of {len(basis)} muscles for a model with {len(legs[0])} in a leg"
            )
        a = s.activation[:, np.stack(legs)]  # (B, 2, m)
        rest = a - (a @ basis) @ basis.T
        return np.einsum("bij,bij->b", rest, rest) / (rest.shape[1] * rest.shape[2])

    return term


def _legs(model: Model) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices (m,) of the right leg's muscles and of the same muscles on the left."""
    right = np.array([i for i, name in enumerate(model.muscles) if "r" in name.split("_")], np.intp)
    return right, model.mirror_muscle[right]
