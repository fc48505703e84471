"""An experiment's identifiability in one object: tables for a reader, JSON for a program."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bioenv.learn.identifiability.design import Gain, rank
from bioenv.learn.identifiability.experiment import Experiment
from bioenv.learn.identifiability.lie import lie_structure
from bioenv.learn.identifiability.likelihood import Profile, profiles
from bioenv.learn.identifiability.practical import VAGUE, Precision, precision
from bioenv.learn.identifiability.structural import Structure, structure


@dataclass(frozen=True, eq=False)
class Identifiability:
    """What an experiment tells of its parameters.

    Attributes:
        experiment; structure: of its record; equations: the same for whatever inputs, None where
            it has none; precision: bounds; gains: extra measurements, best first; profiles.
    """

    experiment: Experiment
    structure: Structure
    equations: Structure | None
    precision: Precision
    gains: tuple[Gain, ...]
    profiles: tuple[Profile, ...]

    def verdict(self, name: str) -> str:
        """What became of a parameter.

        "told"; "vague": no better than to half of the value; "by prior": only with what is known
        beforehand; "no": confounded with others; "no effect": nothing measured depends on it.
        """
        share = self.precision.share[name]
        if math.isinf(share):
            return "no" if self.structure.partners(name) else "no effect"
        if share >= VAGUE:
            return "vague"
        return "told" if name in self.structure.told else "by prior"

    def rows(self) -> list[list[str]]:
        """Header and one row for each parameter that is no nuisance."""
        rows = [["parameter", "value", "told?", "bound", "in %", "confounded with"]]
        for one in self.experiment.parameters:
            if one.nuisance:
                continue
            value = f"{one.value:.4g} {one.unit}".removesuffix(" 1")
            if one.known == 0.0:
                rows.append([one.name, value, "known", "", "", ""])
                continue
            bound = self.precision.deviation[one.name]
            share = abs(bound / one.value) if one.value else math.inf
            rows.append([
                one.name, value, self.verdict(one.name),
                "" if math.isinf(bound) else f"{bound:.3g} {one.unit}".removesuffix(" 1"),
                "" if math.isinf(share) else f"{100 * share:.3g}",
                ", ".join(self.structure.partners(one.name)),
            ])  # fmt: skip
        return rows

    def gain_rows(self) -> list[list[str]]:
        """Header and one row for each extra measurement."""
        rows = [["extra measurement", "deviations", "mean variance", "least known then", "tells"]]
        for one in self.gains:
            name, deviation = one.worst
            rows.append([
                one.name, f"÷ {one.volume:.3g}", f"× {one.variance:.2g}",
                f"{name} {100 * deviation:.3g} %", ", ".join(one.newly_told),
            ])  # fmt: skip
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON has it; None for what is infinite."""
        return {
            "experiment": self.experiment.name,
            "text": self.experiment.text,
            "measured": {o.name: {"noise": o.noise, "unit": o.unit}
                         for o in self.experiment.measured},
            "rank": self.structure.rank,
            "generic_rank": self.structure.generic_rank,
            "gap": _finite(self.structure.gap),
            "parameters": [self._parameter(one.name) for one in self.experiment.free],
            "known": [p.name for p in self.experiment.parameters if p.known == 0.0],
            "confounded": [
                {"parameters": g.names, "freedom": g.freedom, "text": g.text,
                 "told": [{"text": c.text, "kind": c.kind, "vector": c.vector,
                           "deviation": _finite(self.precision.of(c.vector))} for c in g.told],
                 "trades": [c.vector for c in g.trades]}
                for g in self.structure.groups
            ],
            "told_by_equations": None if self.equations is None else self.equations.told,
            "correlations": [{"of": one[:2], "correlation": one[2]}
                             for one in self.precision.pairs()],
            "directions": [{"deviation": _finite(d.deviation), "parts": d.parts}
                           for d in self.precision.directions],
            "extra_measurements": [
                {"name": g.name, "newly_told": g.newly_told, "deviations_divided_by": g.volume,
                 "variance_times": g.variance, "least_known": g.worst[0],
                 "its_deviation": g.worst[1]}
                for g in self.gains
            ],
            "profiles": [
                {"parameter": p.name, "unit": p.unit, "best": p.best,
                 "interval": [_finite(x) for x in p.interval], "open": p.open_,
                 "values": p.values.tolist(), "worse": p.worse.tolist()}
                for p in self.profiles
            ],
        }  # fmt: skip

    def _parameter(self, name: str) -> dict[str, Any]:
        one = self.experiment.free[self.experiment.names.index(name)]
        return {
            "name": name, "value": one.value, "unit": one.unit, "nuisance": one.nuisance,
            "verdict": self.verdict(name), "bound": _finite(self.precision.deviation[name]),
            "bound_in_steps": _finite(self.precision.share[name]),
            "confounded_with": self.structure.partners(name),
        }  # fmt: skip


def identifiability(
    experiment: Experiment,
    extras: Mapping[str, Experiment] | None = None,
    *,
    criterion: str = "D",
    profiled: tuple[str, ...] = (),
) -> Identifiability:
    """Analyse an experiment.

    Args:
        extras: what could be added, by name; None: every output that is not measured and every
            parameter known to 5 %. criterion: of the ranking, "D", "A" or "worst".
        profiled: parameters whose profile likelihood is wanted.
    """
    return Identifiability(
        experiment,
        structure(experiment),
        None if experiment.equations is None else lie_structure(experiment),
        precision(experiment),
        rank(experiment, extras, criterion=criterion),
        profiles(experiment, profiled) if profiled else (),
    )


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
