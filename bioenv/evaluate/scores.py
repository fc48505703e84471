"""Scores of motions against physics and a measured reference."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.evaluate import bands, cost, gait, rows
from bioenv.evaluate.aims import aim_of
from bioenv.evaluate.complete import completed, whole_feet
from bioenv.evaluate.gait import Gait
from bioenv.evaluate.likeness import Likeness, likeness
from bioenv.evaluate.likeness_rows import curve_rows, likeness_rows
from bioenv.evaluate.periodic import periodic
from bioenv.evaluate.physics import consistency_of
from bioenv.evaluate.score import Score as Score
from bioenv.lab import reference as references
from bioenv.lab.cycles import reference_of
from bioenv.lab.reference import Reference
from bioenv.models import Model
from bioenv.models.interventions import body
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically

if TYPE_CHECKING:
    from bioenv.learn.consistency_result import Consistency

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Motions, their gait cycles and scores.

    motions: with the channels that could be computed, a periodic one repeated.
    names, models, gaits: one per motion; a model is None when the motion's body is unknown.
    weights: goal -> weight of the shared cost, {} when no motion was optimized; costs: per motion,
    goal -> its unweighted value (see `bioenv.evaluate.cost`). consistency: per motion, how far the
    nearest one is that obeys Newton (see `bioenv.check`), None where that cannot be said.
    likeness: per motion, how far it is from people, None without a reference or strides.
    """

    motions: tuple[Motion, ...]
    names: tuple[str, ...]
    models: tuple[Model | None, ...]
    gaits: tuple[Gait, ...]
    reference: Reference | None
    scores: tuple[Score, ...]
    weights: Mapping[str, float] = field(default_factory=dict)
    costs: tuple[Mapping[str, float], ...] = ()
    consistency: tuple[Consistency | None, ...] = ()
    likeness: tuple[Likeness | None, ...] = ()

    @property
    def cycles(self) -> tuple[Mapping[str, Array], ...]:
        """Per motion: foot -> start and stop (n, 2) s of its gait cycles."""
        return tuple({f: s[:, [0, 2]] for f, s in one.strides.items()} for one in self.gaits)

    @property
    def curves(self) -> tuple[Mapping[str, Mapping[str, Array]], ...]:
        """Per motion: foot -> curve name -> (cycles, 101)."""
        return tuple(one.curves for one in self.gaits)

    def score(self, name: str, motion: str | None = None) -> Score:
        """The score of a name (of the first motion, or of the named one). Raises BioenvError."""
        mine = [s for s in self.scores if s.motion == (motion or self.names[0])]
        for one in mine:
            if one.name == name:
                return one
        raise BioenvError(
            f"no score '{name}'; there are: {', '.join(sorted({s.name for s in mine}))}"
        )

    def to_json(self, path: str | Path) -> Path:
        """Write the scores as a list of {name, value, unit, reference, ok, ...}, atomically."""
        text = json.dumps([s.as_dict() for s in self.scores], indent=1, allow_nan=False)
        return write_atomically(Path(path), (text + "\n").encode())

    def save(self, path: str | Path) -> Path:
        """Write the HTML report; returns its path."""
        from bioenv.evaluate import report

        report.write(self, path)
        return Path(path)


def evaluate(
    motion: Motion | Sequence[Motion],
    against: str | Path | Motion | Reference | None = "falisse2019",
    model: Model | None = None,
) -> Evaluation:
    """Judge one or several motions.

    `against` is a reference or its name (see `bioenv.lab.reference.load`), another motion, or None
    for physics and gait figures alone. `model` is the body that moved; without it, the motion's own
    model is loaded. One period of a gait is repeated (`bioenv.evaluate.periodic`), and channels
    that can be computed from others are added (`bioenv.evaluate.complete`). A motion without whole
    strides, or one that fell, is scored as such. Raises BioenvError for an unknown reference or no
    motions.
    """
    given = (motion,) if isinstance(motion, Motion) else tuple(motion)
    if not given:
        raise BioenvError("nothing to evaluate: no motions given")
    reference = _reference(against)
    names = _names(given)
    bodies = tuple(model or _model_of(one) for one in given)
    whole = tuple(periodic(one) for one in given)
    motions = tuple(completed(whole_feet(m), b) for m, b in zip(whole, bodies, strict=True))
    gaits = tuple(gait.analyse(one) for one in motions)
    weights = cost.shared_weights(given)
    costs = tuple(cost.goal_values(g, b) for g, b in zip(gaits, bodies, strict=True))
    consistency = tuple(consistency_of(m, b) for m, b in zip(given, bodies, strict=True))
    aims = [aim_of(one).quantities for one in motions]
    alike = tuple(
        likeness(g, reference, aim) if reference is not None and g.count else None
        for g, aim in zip(gaits, aims, strict=True)
    )
    scores: list[Score] = []
    for i, name in enumerate(names):
        found = [*rows.gait_rows(gaits[i], bodies[i], reference),
                 *rows.cost_rows(costs[i], weights)]  # fmt: skip
        # The physics check wants what is under the toes, too.
        found += rows.physics_rows(whole[i], bodies[i], consistency[i])
        found += rows.trust_rows(motions[i])
        if reference is not None:
            found += curve_rows(gaits[i], reference)
        found = [replace(r, rewarded=bands.rewarded(r.name, aims[i])) for r in found]
        one = alike[i]
        if one is not None and reference is not None:
            found += likeness_rows(one, reference)
        scores += [replace(r, motion=name) for r in found]
    return Evaluation(
        motions, names, bodies, gaits, reference, tuple(scores), weights, costs, consistency, alike
    )  # fmt: skip


def _reference(against: str | Path | Motion | Reference | None) -> Reference | None:
    if against is None or isinstance(against, Reference):
        return against
    if isinstance(against, Motion):
        # A period twice holds one stride from strike to strike, which has no spread.
        one = completed(whole_feet(periodic(against, 2)), _model_of(against))
        return reference_of(one, str(against.meta.get("label", "motion")))
    return references.load(against)


def _names(motions: Sequence[Motion]) -> tuple[str, ...]:
    names: list[str] = []
    for number, motion in enumerate(motions, 1):
        name = str(motion.meta.get("label") or motion.meta.get("task") or f"motion {number}")
        names.append(name if name not in names else f"{name} ({number})")
    return tuple(names)


def _model_of(motion: Motion) -> Model | None:
    """The body of a motion with its interventions, or None when its name is no model's."""
    if motion.model not in models.available():
        return None
    mass = {f"mass.{name}": kg for name, kg in motion.meta.get("added_mass_kg", {}).items()}
    return body(motion.model, {**motion.meta.get("changes", {}), **mass})
