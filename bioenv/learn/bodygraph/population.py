"""Random bodies: mass, height, bones and the share of mass in every segment, drawn with a seed."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import mujoco
import numpy as np

from bioenv import models
from bioenv.models import Model, Subject
from bioenv.models.model import from_mujoco
from bioenv.models.scaling import SIDES

Range = tuple[float, float]


@dataclass(frozen=True)
class Bodies:
    """Ranges that bodies are drawn from, evenly.

    height m; body_mass_index kg/m^2, mass is it times height squared; bones: factor on each bone's
    length beside the height; share: factor on each segment's mass before all are brought to the
    body's mass; inertia: factor on each segment's inertia beside its mass; shift: of the centre of
    mass along each axis, in lengths of the bone.
    """

    height: Range = (1.55, 1.85)
    body_mass_index: Range = (19.0, 29.0)
    bones: Range = (0.92, 1.08)
    share: Range = (0.8, 1.25)
    inertia: Range = (0.85, 1.15)
    shift: float = 0.03

    def draw(self, model: str, rng: np.random.Generator) -> Model:
        """One body: a person of drawn mass, height and bones, with drawn shares of the mass."""
        return self.changed(self.person(model, rng), rng)

    def person(self, model: str, rng: np.random.Generator) -> Model:
        """The model scaled to drawn mass, height and bones; one that says nothing of its person
        keeps its size."""
        own = models.load(model)
        if own.subject is not None:
            height = rng.uniform(*self.height)
            mass = rng.uniform(*self.body_mass_index) * height**2
            ratio = height / own.subject.height
            lengths = {
                bone: length * ratio * rng.uniform(*self.bones)
                for bone, length in _bones(own.mj).items()
            }
            own = models.load(model, Subject(mass, height, lengths))
        return own

    def changed(self, model: Model, rng: np.random.Generator) -> Model:
        """The body with other shares of mass, inertias and centres of mass; left is like right."""
        mj = copy.copy(model.mj)
        names = [mj.body(i).name for i in range(mj.nbody)]
        total = float(mj.body_mass.sum())
        drawn: dict[str, tuple[float, float, np.ndarray]] = {}
        for body, name in enumerate(names):
            plain = name.removesuffix(SIDES[0]).removesuffix(SIDES[1])
            if plain not in drawn:
                size = float(np.linalg.norm(mj.body_ipos[body]))
                move = rng.uniform(-self.shift, self.shift, 3) * 2.0 * size
                drawn[plain] = (rng.uniform(*self.share), rng.uniform(*self.inertia), move)
            share, inertia, move = drawn[plain]
            mj.body_mass[body] *= share
            mj.body_inertia[body] *= share * inertia
            mj.body_ipos[body] += move * (1.0, -1.0 if name.endswith(SIDES[1]) else 1.0, 1.0)
        again = total / float(mj.body_mass.sum())
        mj.body_mass[:] *= again
        mj.body_inertia[:] *= again
        mujoco.mj_setConst(mj, mujoco.MjData(mj))
        return from_mujoco(mj, model.name, model.subject)


TRAINING = Bodies()
OUTSIDE = (
    Bodies(height=(1.25, 1.45), body_mass_index=(14.0, 18.0), bones=(0.84, 1.16)),
    Bodies(height=(1.95, 2.15), body_mass_index=(31.0, 38.0), bones=(0.84, 1.16)),
)


def _bones(mj: mujoco.MjModel) -> dict[str, float]:
    """m, by segment without side, of those that have one segment below (as `Subject` wants)."""
    found = {}
    for body in range(1, mj.nbody):
        below = [
            b for b in range(1, mj.nbody)
            if mj.body_parentid[b] == body and not _slides(mj, b)
        ]  # fmt: skip
        if len(below) == 1:
            name = mj.body(body).name.removesuffix(SIDES[0]).removesuffix(SIDES[1])
            length = float(np.linalg.norm(mj.body_pos[below[0]]))
            if length > 0.01:
                found[name] = length
    return found


def _slides(mj: mujoco.MjModel, body: int) -> bool:
    first = mj.body_jntadr[body]
    return any(
        mj.jnt_type[j] == mujoco.mjtJoint.mjJNT_SLIDE
        for j in range(first, first + mj.body_jntnum[body])
    )
