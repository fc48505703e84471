"""What differs between the simulations of a batch: the person, their factors, the slope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from bioenv.envs.people import People, stride_factor
from bioenv.errors import unknown
from bioenv.models import Model
from bioenv.models.parameters import MuscleParameters

Array = NDArray[np.float64]
Ids = NDArray[np.intp]

VARIATIONS = ("mass", "strength", "friction")


class Parameters:
    """Parameters of every simulation of ``batch``, whose model is ``model``.

    Attributes:
        factors: name -> (B,) of "mass", "strength", "friction", relative to the person.
        person: (B,) index into ``people``, -1 for the model's own body.
        slope: (B,) rad of the ground, uphill positive.
        body_weight: (B,) N. home: (B, nq) the standing pose.
        body: (B, 3) mass, height and strength of the person by those of the model; 1 where the
            model does not say whose body it is. stride_factor: (B,) of stride time, by height.
    """

    def __init__(
        self, batch: Batch, model: Model, people: People | None = None, body: Any = 1.0
    ) -> None:
        num = batch.nsim
        self.batch, self.model, self.people = batch, model, people
        self.factors = {name: np.ones(num) for name in VARIATIONS}
        self.person, self.slope = np.full(num, -1), np.zeros(num)
        self.body_weight = np.full(num, model.body_weight)
        self.home = np.tile(model.home, (num, 1))
        self.body = np.tile(np.broadcast_to(np.asarray(body, float), 3), (num, 1))
        self.stride_factor = np.full(num, stride_factor(self.body[0]))
        self._muscle: MuscleParameters | None = None if people else model.muscle
        self._varied: dict[str, Array] = {}

    def expand(self, field: str) -> Array:
        """(B, ...) the live values of one field of the model."""
        if field not in self._varied:
            self._varied[field] = self.batch.expand(field)
        return self._varied[field]

    def current(self, field: str) -> Array:
        """(B, ...) the values of one field of the model, to read."""
        if field in self._varied:
            return self._varied[field]
        nominal = getattr(self.model.mj, field)
        return np.broadcast_to(nominal, (self.batch.nsim, *nominal.shape))

    @property
    def muscle(self) -> MuscleParameters:
        """Muscle parameters of every simulation, (nm,) each or (B, nm); without the factors."""
        if self._muscle is None:
            assert self.people is not None
            self._muscle = self.people.muscles_of(self.person)
        return self._muscle

    def vary(self, name: str, ids: Ids, factor: Array) -> None:
        """Multiply one property of simulations ``ids`` (n,) by ``factor`` (n,), relative to the
        person.

        ``mass`` scales every segment's mass and inertia, ``strength`` every muscle's force,
        ``friction`` the sliding friction of every foot contact.
        """
        if name not in VARIATIONS:
            raise unknown("randomization", name, VARIATIONS)
        self.factors[name][ids] = factor
        if name == "mass":
            self._scale("body_mass", ids, factor)
            self._scale("body_inertia", ids, factor)
            self.batch.set_const(ids)
            self.body_weight[ids] = self._own_weight(ids) * factor
        elif name == "strength":
            self._scale("actuator_gainprm", ids, factor, column=2)
            self._scale("actuator_biasprm", ids, factor, column=2)
        else:
            friction = "pair_friction" if self.model.mj.npair else "geom_friction"
            self._scale(friction, ids, factor, slice(0, 2))

    def _own_weight(self, ids: Ids) -> Any:
        if self.people is None:
            return self.model.body_weight
        return self.people.body_weight[self.person[ids]]

    def _nominal(self, field: str, ids: Ids) -> Array:
        """(n, ...) or (1, ...) the person's value of a field."""
        if self.people is not None and field in self.people.fields:
            return self.people.fields[field][self.person[ids]]
        value: Array = getattr(self.model.mj, field)[None]
        return value

    def _scale(self, field: str, ids: Ids, factor: Array, column: Any = None) -> None:
        values, nominal = self.expand(field), self._nominal(field, ids)
        scaled = nominal * factor.reshape((len(factor),) + (1,) * (values.ndim - 1))
        if column is None:
            values[ids] = scaled
        else:
            rows = values[ids]
            rows[..., column] = scaled[..., column]
            values[ids] = rows

    def set_person(self, ids: Ids, who: NDArray[np.int64]) -> None:
        """Give simulations ``ids`` (n,) the bodies of persons ``who`` (n,); their factors stay."""
        assert self.people is not None
        self.person[ids] = who
        for field, values in self.people.fields.items():
            self.expand(field)[ids] = values[who]
        self.home[ids] = self.people.home[who]
        self.body[ids] = self.people.body[who]
        self.stride_factor[ids] = self.people.stride_factor[who]
        self.body_weight[ids] = self.people.body_weight[who]
        self._muscle = None
        for name, factor in self.factors.items():
            if (factor[ids] != 1.0).any():
                self.vary(name, ids, factor[ids])

    def incline(self, ids: Ids, slope: Array) -> None:
        """Let the ground of simulations ``ids`` (n,) rise forward by ``slope`` (n,) rad.

        The ground stays the plane z = 0 and gravity turns: positions, velocities and forces are
        along and across the slope. Weight keeps its size.
        """
        self.slope[ids] = slope
        size = np.linalg.norm(self.model.mj.opt.gravity)
        gravity = self.expand("opt.gravity")
        gravity[ids, 0], gravity[ids, 2] = -size * np.sin(slope), -size * np.cos(slope)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything here, as named arrays."""
        arrays = {f"factor/{name}": value.copy() for name, value in self.factors.items()}
        return arrays | {"person": self.person.copy(), "slope": self.slope.copy()}

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Continue from :meth:`snapshot`."""
        everyone = np.arange(self.batch.nsim)
        if (snapshot["person"] != self.person).any():
            self.set_person(everyone, snapshot["person"])
        for name in VARIATIONS:
            factor = snapshot[f"factor/{name}"]
            if (factor != self.factors[name]).any():
                self.vary(name, everyone, factor)
        if (snapshot["slope"] != self.slope).any():
            self.incline(everyone, snapshot["slope"])
