"""What-if: the predicted change of walking under an intervention, beside published findings.

    found = bioenv.whatif("exo.ankle=180")
    print(found.table())

Prediction is by optimal control (:mod:`bioenv.agents.whatif`): what people do once they have
adapted, if they walk as cheaply as the recipe's goals say. Nothing measured goes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bioenv.agents.trajopt.recipe import SolveRecipe, load_recipe
from bioenv.agents.trajopt.solution import Solution
from bioenv.agents.whatif import CADENCE, Case, Study, settings_for, study
from bioenv.diff.symbolic.compiled import Evaluation
from bioenv.errors import BioenvError
from bioenv.evaluate import findings
from bioenv.evaluate.findings import Agreement, Finding
from bioenv.evaluate.whatif_figures import Figure, figures
from bioenv.models import Model
from bioenv.motion import Motion

LEAST = 0.5
"""Percent, or degrees, below which a change is none."""
_TINY = 1e-6

SHOWN = (
    "metabolic_power", "net_cost_of_transport", "speed", "stride_time", "step_length",
    "duty_factor", "foot_pitch_at_landing", "ankle_dorsiflexion", "ankle_plantarflexion",
    "knee_flexion_in_stance", "knee_flexion_in_swing", "hip_flexion_in_stance", "hip_extension",
    "ankle_moment", "exo_moment", "knee_extension_moment", "hip_flexion_moment",
    "hip_extension_moment", "ankle_work", "grf_first_peak", "grf_peak", "knee_load", "hip_load",
    "activation_mean",
)  # fmt: skip
"""Figures of the table; the activation of each muscle follows."""


class Change(NamedTuple):
    """A figure before and after an intervention.

    change, low, high: in `unit`; of the two best movements, and its least and greatest value over
    all pairs of starts. legs: before and after, by side.
    """

    before: float
    after: float
    of: str
    change: float
    low: float
    high: float
    unit: str
    legs: Mapping[str, tuple[float, float]] = {}


class Verdict(NamedTuple):
    """A finding and what was predicted, in `unit`.

    low, high: over all pairs of starts; agrees: in direction; share: of the published size.
    """

    finding: Finding
    change: float
    low: float
    high: float
    unit: str
    agrees: Agreement
    share: float | None


@dataclass(frozen=True, eq=False)
class WhatIf:
    """A study's figures: changes by figure, and verdicts on published findings.

    settings: of the recipe, for both gaits; each case has its own beside them.
    """

    study: Study
    changes: Mapping[str, Change]
    verdicts: tuple[Verdict, ...]
    settings: tuple[str, ...] = ()

    def table(self) -> str:
        """The figures and the findings as text."""
        from bioenv.evaluate.whatif_text import changes_table, verdicts_table

        parts = [changes_table(self.changes)]
        if self.verdicts:
            parts.append(verdicts_table(self.verdicts))
        return "\n\n".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: intervention, how both were solved, changes and verdicts."""
        one = self.study
        return {
            "changes": list(one.changes), "success": one.success, "recipe": one.recipe.name,
            "settings": list(self.settings),
            "baseline": _told(one.baseline), "changed": _told(one.changed),
            "figures": {name: change._asdict() for name, change in self.changes.items()},
            "findings": [_verdict(verdict) for verdict in self.verdicts],
        }  # fmt: skip


def whatif(
    *changes: str,
    settings: Sequence[str] = (),
    recipe: str = "predict-walk",
    warm: Motion | None = None,
    starts: int = 2,
    compiled: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> WhatIf:
    """What an intervention does to the optimal gait.

    Args:
        changes: "weakness.soleus=0.6" (share of strength left), "contracture.gastroc=0.8" (of
            optimal fiber length), "added_mass.foot=2" (kg on each), "leg_length.r=0.02" (m),
            "lift.r=0.03" (m under one shoe), "exo.ankle=180" (N*m/rad), "exo_angle.ankle=0.1" (rad
            where that spring begins).
        settings: of the recipe for both gaits, "speed=1.25".
        warm: where the gait before it starts; the recipe's shipped solution where None.
        starts: from how many movements each is solved, see :meth:`Search.several`.
        compiled: evaluate functions by a small C program: several times as fast, needs a compiler.
        tell: called with a line of text now and then.

    Raises BioenvError for an unknown name or value, and where no gait was found.
    """
    if not changes:
        raise BioenvError("no intervention: give one, for instance weakness.soleus=0.6")
    chosen = prepared(recipe, settings)
    if not chosen.travel:
        raise BioenvError(f"recipe {recipe} is no gait; one that travels is: predict-walk")
    evaluation = Evaluation(1, compiled)
    one = study(changes, chosen, warm=warm, starts=starts, evaluation=evaluation, tell=tell)
    told = (*free_cadence(recipe), *settings, *settings_for(changes, chosen))
    return replace(judged(one), settings=told)


def prepared(recipe: str, settings: Sequence[str] = ()) -> SolveRecipe:
    """A recipe with settings, its cadence free where it follows the gait clock."""
    return load_recipe(recipe).changed([*free_cadence(recipe), *settings])


def free_cadence(recipe: str) -> tuple[str, ...]:
    """The setting that frees the cadence of a recipe; () where it is free or fixed on purpose."""
    clock = load_recipe(recipe).duration == "clock"
    return (f"duration={list(CADENCE)}",) if clock else ()


def judged(one: Study) -> WhatIf:
    """The figures of a study and what published findings say of them.

    Raises BioenvError where one of the two gaits has no whole stride.
    """
    person = one.baseline.model.mass
    cache: dict[int, dict[str, Figure]] = {}

    def of(case: Case, solution: Solution) -> dict[str, Figure]:
        if id(solution) not in cache:
            cache[id(solution)] = figures(solution.motion, case.model, person)
        return cache[id(solution)]

    pairs = [(of(one.baseline, a), of(one.changed, b)) for a, b in one.pairs]
    if not pairs[0][0] or not pairs[0][1]:
        worse = one.baseline if not pairs[0][0] else one.changed
        raise BioenvError(f"no whole stride was found: {worse.best.status}. {worse.best.message}")
    pairs = [pair for pair in pairs if pair[0] and pair[1]]
    changes = {name: _change(name, pairs) for name in pairs[0][0] if name in pairs[0][1]}
    verdicts = tuple(_judge(finding, pairs) for finding in findings.of(one.changes))
    return WhatIf(one, changes, verdicts)


def between(before: tuple[Motion, Model], after: tuple[Motion, Model]) -> dict[str, Change]:
    """Changes of the figures from one motion of a body to one of the changed body.

    {} where one of them has no whole stride.
    """
    person = before[1].mass
    pair = tuple(figures(motion, model, person) for motion, model in (before, after))
    if not all(pair):
        return {}
    return {name: _change(name, [(pair[0], pair[1])]) for name in pair[0] if name in pair[1]}


Pairs = Sequence[tuple[Mapping[str, Figure], Mapping[str, Figure]]]


def _change(name: str, pairs: Pairs) -> Change:
    before, after = pairs[0][0][name], pairs[0][1][name]
    unit = "deg" if before.unit == "deg" else "%"
    if unit == "%" and min(abs(a[name].value) for a, _ in pairs) < _TINY:
        unit = before.unit
    every = [_difference(a[name].value, b[name].value, unit) for a, b in pairs]
    legs = {side: (before.legs[side], after.legs[side]) for side in before.legs}
    return Change(before.value, after.value, before.unit, every[0], min(every), max(every), unit,
                  legs)  # fmt: skip


def _difference(before: float, after: float, unit: str) -> float:
    return 100.0 * (after - before) / abs(before) if unit == "%" else after - before


def _judge(finding: Finding, pairs: Pairs) -> Verdict:
    angle = pairs[0][0][finding.figure].unit == "deg" and finding.unit == "%"
    unit = "deg" if angle else finding.unit
    every = [_told_change(finding, a[finding.figure], b[finding.figure], unit) for a, b in pairs]
    change, low, high = every[0], min(every), max(every)
    share = None if finding.size is None or finding.proxy else change / finding.size
    least = LEAST if unit in ("%", "deg") else _TINY
    verdict = findings.agrees(finding.direction, change, low, high, least)
    return Verdict(finding, change, low, high, unit, verdict, share)


def _told_change(finding: Finding, before: Figure, after: Figure, unit: str) -> float:
    """The change that a finding speaks of."""
    leg = finding.leg
    if not leg:
        return _difference(before.value, after.value, unit)
    if not finding.versus:
        return _difference(before.legs[leg], after.legs[leg], unit)
    other = next(side for side in after.legs if side != leg)
    excess = [100.0 * (one.legs[leg] / one.legs[other] - 1.0) for one in (before, after)]
    return excess[1] - excess[0]


def _told(case: Case) -> dict[str, Any]:
    best = case.best
    return {
        "settings": list(case.settings), "status": best.status, "objective": best.objective,
        "terms": dict(best.terms), "violation": best.violation, "optimality": best.optimality,
        "mujoco": dict(best.mujoco), "mesh": best.mesh,
        "starts": {name: dict(row) for name, row in case.starts.items()},
    }  # fmt: skip


def _verdict(one: Verdict) -> dict[str, Any]:
    finding = one.finding
    return {
        "id": finding.id, "changes": list(finding.changes), "figure": finding.figure,
        "leg": finding.leg, "published": finding.said,
        "predicted": one.change, "low": one.low, "high": one.high, "unit": one.unit,
        "agrees": one.agrees, "share_of_size": one.share, "source": finding.source,
        "checked": finding.checked, "proxy": finding.proxy, "note": finding.note,
    }  # fmt: skip
