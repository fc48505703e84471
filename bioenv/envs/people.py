"""A pool of people: one model scaled to many subjects, ready to be handed to simulations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from mujoco.batch import MODEL_FIELDS
from numpy.typing import NDArray
from scipy.stats import qmc

from bioenv.errors import BioenvError
from bioenv.models import Model, Subject
from bioenv.models.parameters import MuscleParameters

if TYPE_CHECKING:
    from bioenv.envs.task import Task

Array = NDArray[np.float64]
Range = tuple[float, float]

STATURE_EXPONENT = 0.58
"""Of stride time at one speed: length per stature goes with (speed per stature)^0.42
(Grieve & Gear 1966, doi 10.1080/00140136608964399)."""


def population(
    number: int = 32,
    height: Range = (1.50, 1.95),
    body_mass_index: Range = (18.5, 30.0),
    strength: Range = (0.8, 1.25),
) -> tuple[Subject, ...]:
    """People spread evenly over ranges, by a quasi-random sequence (Halton 1960, unscrambled).

    Args:
        height: m. body_mass_index: kg/m^2; mass is the index times height squared.
        strength: factor on the force that the scaling law gives a body of that mass and height.
    """
    if number < 1:
        raise BioenvError(f"a population needs at least one person, got {number}")
    # point 0 of the sequence is a corner of the ranges
    unit = qmc.Halton(3, scramble=False).random(number + 1)[1:]
    low, high = np.array([height, body_mass_index, strength]).T
    drawn = low + (high - low) * unit
    return tuple(Subject(float(i * h**2), float(h), strength=float(f)) for h, i, f in drawn)


class People:
    """The bodies of ``subjects``, built by ``build``, against the ``nominal`` model.

    Only numbers may differ between the bodies: they share joints, muscles and sensors.
    """

    def __init__(
        self, nominal: Model, build: Callable[[Subject], Model], subjects: Sequence[Subject]
    ) -> None:
        self.subjects = tuple(subjects)
        self.models = tuple(build(one) for one in self.subjects)
        self._nominal = nominal
        shape = [(m.mj.nq, m.mj.nv, m.mj.nu, m.mj.ngeom, m.mj.nsensordata) for m in self.models]
        if any(one != shape[0] for one in shape):
            raise BioenvError(
                "the bodies of Task.people must have the same joints, muscles, sensors"
            )
        # rows of everything below: the subjects, and last (index -1) the nominal model
        everyone = (*self.models, nominal)
        self.home = np.stack([one.home for one in everyone])
        self.body_weight = np.array([one.body_weight for one in everyone])
        self.body = np.stack([body_ratios(one.subject, nominal.subject) for one in everyone])
        self.stride_factor = np.array([stride_factor(one) for one in self.body])

    @cached_property
    def fields(self) -> dict[str, Array]:
        """Field of MjModel -> (K + 1, ...) values, of the fields in which the bodies differ."""
        everyone = [one.mj for one in (*self.models, self._nominal)]
        found = {}
        for name in sorted(MODEL_FIELDS):
            own = getattr(self._nominal.mj, name, None)
            if isinstance(own, np.ndarray) and own.dtype.kind == "f":
                values = np.stack([getattr(mj, name) for mj in everyone])
                if (values != values[-1]).any():
                    found[name] = values
        # the solver takes its tolerance relative to the mean inertia, which all simulations share
        inertia = np.array([mj.stat.meaninertia for mj in everyone])
        found["opt.tolerance"] = everyone[-1].opt.tolerance * inertia / inertia[-1]
        return found

    @cached_property
    def _muscles(self) -> dict[str, Array]:
        everyone = [one.muscle for one in (*self.models, self._nominal)]
        names = [one.name for one in fields(MuscleParameters)]
        return {name: np.stack([getattr(one, name) for one in everyone]) for name in names}

    def muscles_of(self, person: NDArray[np.int64]) -> MuscleParameters:
        """Muscle parameters (B, nm) of persons (B,)."""
        return MuscleParameters(**{name: rows[person] for name, rows in self._muscles.items()})


def bodies(
    task: Task, model: Model, subject: Subject | None, randomize: bool
) -> tuple[People | None, Array]:
    """The people whose bodies a task's environments may have, and (3,) what ``State.body`` says of
    ``model``, which was built for ``subject``."""
    if subject is not None:
        return None, body_ratios(model.subject, task.build_model().subject)
    people = _pool(task.model, task.people) if task.people and randomize else None
    return people, np.ones(3)


@lru_cache(maxsize=8)
def _pool(model: str | Callable[[Subject | None], Model], subjects: tuple[Subject, ...]) -> People:
    from bioenv.envs.task import own_body, scaled_body

    return People(own_body(model), lambda one: scaled_body(model, one), subjects)


def body_ratios(subject: Subject | None, own: Subject | None) -> Array:
    """(3,) mass, height and mean strength of ``subject`` by the model's ``own``; 1 if unknown."""
    if subject is None or own is None:
        return np.ones(3)
    strength = subject.strength
    mean = strength if isinstance(strength, float | int) else np.mean([*strength.values(), 1.0])
    return np.array([subject.mass / own.mass, subject.height / own.height, float(mean)])


def stride_factor(body: Array) -> float:
    """How much longer than the model's own a person's stride lasts at one speed; ``body`` (3,)."""
    return float(float(body[1]) ** STATURE_EXPONENT)  # one by one: NumPy's power rounds by position
