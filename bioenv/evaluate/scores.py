"""Scores of motions against physics and a measured reference."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.evaluate import bands, cost, gait, loads
from bioenv.evaluate.aims import aim_of
from bioenv.evaluate.compare import (
    Comparison,
    between_people,
    comparisons,
    muscle_timing,
    pooled_rmse,
)
from bioenv.evaluate.complete import completed, whole_feet
from bioenv.evaluate.gait import JOINTS, Gait
from bioenv.evaluate.periodic import periodic, periods
from bioenv.evaluate.physics import consistency_of, physics_figures
from bioenv.evaluate.score import Score as Score
from bioenv.evaluate.score import banded
from bioenv.lab import reference as references
from bioenv.lab.cycles import reference_of
from bioenv.lab.reference import Reference
from bioenv.models import Model
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
    scores: list[Score] = []
    for i, name in enumerate(names):
        rows = [*_judge(gaits[i], reference), *_cost_scores(costs[i], weights)]
        # The physics check wants what is under the toes, too.
        rows += _physics_scores(whole[i], bodies[i], consistency[i])
        aims = aim_of(motions[i]).quantities
        scores += [replace(r, motion=name, rewarded=bands.rewarded(r.name, aims)) for r in rows]
    return Evaluation(
        motions, names, bodies, gaits, reference, tuple(scores), weights, costs, consistency
    )  # fmt: skip


def _judge(one: Gait, reference: Reference | None) -> Iterator[Score]:
    yield from _outcome(one)
    if "ground_reaction_force" in one.motion:
        yield from _gait_scores(one, reference)
    if reference is not None and one.count:
        yield from _curve_scores(one, reference)
        yield from _timing_scores(one, reference)


def _cost_scores(values: Mapping[str, float], weights: Mapping[str, float]) -> Iterator[Score]:
    """Weighted shares of the shared cost, and their sum."""
    for name, weight in weights.items():
        if name in values:
            note = f"weight {weight:g} times {cost.GOALS[name].doc} ({cost.GOALS[name].unit})"
            yield Score(f"cost_{name}", weight * values[name], "1", "", None, note)
    sum_of_all = cost.total(values, weights)
    if sum_of_all is not None:
        without = cost.left_out(weights)
        note = f"; without {', '.join(without)}" if without else ""
        yield Score("cost_total", sum_of_all, "1", "", None, f"sum of the weighted goals{note}")


def _outcome(one: Gait) -> Iterator[Score]:
    """Whether it stood, how long it is, how many strides it holds."""
    motion = one.motion
    yield Score("duration", float(motion.meta.get("period_s", motion.duration)), "s")
    if "ended" in motion.meta:
        fell = motion.meta["ended"] == "terminated"
        words = "ended by the task's termination (a fall)" if fell else "ran to its end"
        yield banded("completed", 0.0 if fell else 1.0, "1", note=words)
    if periods(motion) and one.count:
        note = f"one period, repeated {periods(motion)} times: there is no spread"
        yield Score("strides_found", float(len(one.strides)), "1", "", None, note)
    elif "ground_reaction_force" in motion:
        yield banded("strides_found", float(one.count), "1", note=one.why)
    if "activation" in motion:
        effort = float((motion["activation"] ** 2).mean())
        yield Score("mean_squared_activation", effort, "1")


def _gait_scores(one: Gait, reference: Reference | None) -> Iterator[Score]:
    measures = {
        **gait.spatiotemporal(one), **gait.symmetry(one), **gait.landing(one),
        **loads.ground(one), **loads.joint_contact(one), **loads.energy(one),
    }  # fmt: skip
    for name, (value, unit) in measures.items():
        measured = reference.figure(name) if reference is not None else None
        if reference is None or measured is None:
            yield banded(name, value, unit)
        elif name == "speed":
            band = bands.SPEED_TOLERANCE
            ok = bool(abs(value / measured - 1) <= band)
            text = f"{measured:.3f} +- {100 * band:g} %"
            yield Score(name, value, unit, text, ok, _who(reference, name))
        else:
            score = banded(name, value, unit)
            text = f"{measured:.3g} ({reference.name})"
            text = f"{score.reference}; {text}" if score.reference else text
            source = score.source or _who(reference, name)
            yield Score(name, value, unit, text, score.ok, source)


def _curve_scores(one: Gait, reference: Reference) -> Iterator[Score]:
    found = comparisons(one, reference)
    pooled = pooled_rmse(found, JOINTS)
    if pooled is not None:
        yield banded("joint_angle_rmse", pooled, "deg", note=f"against {reference.name}")
        mean_r = float(np.mean([found[joint].r for joint in JOINTS]))
        yield Score("joint_angle_r", mean_r, "1", "", None, f"against {reference.name}")
    people = between_people(reference)
    for name, figures in found.items():
        yield from _comparison_scores(figures, people.get(name, {}), reference)


def _comparison_scores(
    found: Comparison, people: Mapping[str, Comparison], reference: Reference
) -> Iterator[Score]:
    """One curve's figures; where other people's curves are known, their range is the reference."""
    source = f"against {reference.name}, {reference.people}"
    if people:
        source += f"; other people: {', '.join(people)} against {reference.name}"
    for figure, unit in (
        ("rmse", found.unit), ("offset_free_rmse", found.unit), ("r", "1"),
        ("inside_1sd", "1"), ("inside_2sd", "1"),
    ):  # fmt: skip
        others = sorted(getattr(one, figure) for one in people.values())
        text = f"other people {others[0]:.3g} to {others[-1]:.3g}" if others else ""
        yield Score(f"{found.name}_{figure}", getattr(found, figure), unit, text, None, source)


def _timing_scores(one: Gait, reference: Reference) -> Iterator[Score]:
    source = f"EMG envelopes of {reference.name}; shape only"
    found = muscle_timing(one, reference)
    if found:
        mean = float(np.nanmean([t.r for t in found.values()]))
        yield Score("emg_r", mean, "1", "", None, f"mean over {len(found)} muscles; {source}")
    for muscle, timing in found.items():
        yield Score(f"emg_{muscle}_r", timing.r, "1", "", None, source)
        yield Score(f"emg_{muscle}_similarity", timing.similarity, "1", "", None, source)
        yield Score(f"emg_{muscle}_lag", timing.lag, "cycle", "", None, source)


def _physics_scores(
    motion: Motion, body: Model | None, nearest: Consistency | None
) -> Iterator[Score]:
    figures, why = physics_figures(motion, body)
    if why:
        yield Score("root_force_rms_percent", math.nan, "%", "", None, f"not computed: {why}")
    for name, (value, unit) in figures.items():
        yield banded(name, value, unit)
    if nearest is not None:
        note = "; ".join(nearest.notes)
        yield banded("physics_consistency", nearest.overall, "sd of noise", note)
        yield banded("physics_consistent_share", nearest.share, "1", note)


def _who(reference: Reference, figure: str) -> str:
    return f"{reference.name}: {reference.figures[figure].source}"


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
    """The body of a motion, or None when its name is no model's."""
    return models.load(motion.model) if motion.model in models.available() else None
