"""`bioenv learn identifiability`: what an experiment tells, and what to measure besides."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bioenv.commands.files import claim_report
from bioenv.errors import BioenvError
from bioenv.evaluate.aligned import table
from bioenv.learn.identifiability.catalog import EXPERIMENTS, extras, names, ready, settings_of
from bioenv.learn.identifiability.likelihood import Profile
from bioenv.learn.identifiability.report import Identifiability, identifiability
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically

SHOWN = 5  # correlations
QUANTILE = 1.96  # of 95 %


def run(args: argparse.Namespace) -> int:
    """Print tables and write the JSON."""
    if not args.experiment:
        print(_listed())
        return 0
    verb = claim_report(Path(args.json), args.force) if args.json else ""
    settings = _settings(args.experiment, args.set)
    if args.motion:
        if "motion" not in settings_of(args.experiment):
            raise BioenvError(f"--motion is for gait-muscle, not for {args.experiment}")
        settings["motion"] = Motion.load(args.motion)
    experiment = ready(args.experiment, **settings)
    if args.measure:
        experiment = experiment.measuring(*args.measure)
    experiment = experiment.noisy(_numbers("--noise", args.noise))
    experiment = experiment.knowing(_numbers("--know", args.know, bare=0.0))
    more = extras(args.experiment, experiment, **settings)
    found = identifiability(
        experiment, more, criterion=args.criterion, profiled=tuple(args.profile)
    )
    print(_shown(found))
    if args.json:
        content = {"made_by": "bioenv", "settings": _plain(settings), **found.as_dict()}
        text = json.dumps(content, indent=1, allow_nan=False)
        write_atomically(Path(args.json), (text + "\n").encode())
        print(f"\n{verb} {args.json}")
    return 0


def _listed() -> str:
    """The ready-made experiments."""
    rows = [["experiment", "what it is", "outputs, measured first", "parameters", "settings"]]
    for name in names():
        one = ready(name)
        outputs = sorted(one.outputs, key=lambda output: not output.measured)
        rows.append([
            name, EXPERIMENTS[name].text, " ".join(output.name for output in outputs),
            " ".join(p.name for p in one.parameters if not p.nuisance),
            " ".join(settings_of(name)),
        ])  # fmt: skip
    return "\n\n".join(
        "\n".join(f"{head if i else '':24}{cell}" if i else cell
                  for i, (head, cell) in enumerate(zip(rows[0], row, strict=True)))
        for row in rows[1:]
    )  # fmt: skip


def _shown(found: Identifiability) -> str:
    one = found.experiment
    measured = ", ".join(f"{o.name} (noise {o.noise:g} {o.unit})" for o in one.measured)
    parts = [f"{one.name}: {one.text}\nmeasured: {measured}"]
    parts.append(table(found.rows(), numbers=(3, 4)))
    parts += [f"Confounded: {_sentence(found, i)}" for i in range(len(found.structure.groups))]
    if found.equations is not None:
        parts.append(_by_equations(found))
    more = found.structure.generic_rank - found.structure.rank
    if more > 0:
        parts.append(f"Just at these values {more} fewer numbers are told than at others nearby.")
    if pairs := found.precision.pairs()[:SHOWN]:
        told = "; ".join(f"{a} and {b} ({r:+.3f})" for a, b, r in pairs)
        parts.append(f"Estimates that err together (correlation): {told}.")
    parts += [_profile(found, p) for p in found.profiles]
    if found.gains:
        parts.append("What would help most:\n" + table(found.gain_rows(), numbers=(1, 2)))
        parts.append(
            "deviations: by how much the geometric mean of all deviations shrinks; mean variance: "
            "over that before;\nboth with a prior of a factor of about three on every parameter."
        )
    return "\n\n".join(parts)


def _sentence(found: Identifiability, number: int) -> str:
    group = found.structure.groups[number]
    sizes = [f"{one.text} to {_percent(found.precision.of(one.vector))}" for one in group.told]
    told = f"\n  told: {'; '.join(sizes)}" if sizes else ""
    trades = "".join(f"\n  no output notices: {one.text}" for one in group.trades)
    if len(group.names) == 1:
        return group.text
    return f"{', '.join(group.names)}{told}{trades}"


def _percent(share: float) -> str:
    return "nothing" if math.isinf(share) else f"{100 * share:.3g} %"


def _by_equations(found: Identifiability) -> str:
    """What the equations say beside the record."""
    assert found.equations is not None
    more = [n for n in found.equations.told if n not in found.structure.told]
    if more:
        return f"With richer inputs and the same outputs these would be told: {', '.join(more)}."
    return "Lie derivatives: with whatever inputs, the same outputs tell no more."


def _profile(found: Identifiability, one: Profile) -> str:
    """The interval, beside that of the bound, which is to first order."""
    low, high = one.interval
    ends = f"from {low:.4g} to {high:.4g} {one.unit}".removesuffix(" 1")
    share = found.precision.share[one.name]
    bound = ""
    if math.isfinite(share):
        parameter = found.experiment.free[found.experiment.names.index(one.name)]
        near = [parameter.at(sign * QUANTILE * share) for sign in (-1.0, 1.0)]
        bound = f" (by the bound from {near[0]:.4g} to {near[1]:.4g})"
    kind = {"": "", "below": ", open below", "above": ", open above", "both": ", open"}[one.open_]
    note = "" if one.converged else "; not every fit converged"
    return f"Profile likelihood of {one.name}: 95 % {ends}{kind}{bound}{note}."


def _settings(name: str, given: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE as numbers, or tuples of them, or names, as the defaults are."""
    defaults = settings_of(name)
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise BioenvError(f"--set takes KEY=VALUE, got {text!r}; keys: {', '.join(defaults)}")
        default = defaults.get(key)
        words = value.split(",")
        if isinstance(default, tuple):
            texts = isinstance(default[0], str)
            found[key] = tuple(word if texts else _number(key, word) for word in words)
        elif isinstance(default, int):
            found[key] = round(_number(key, value))
        else:
            found[key] = _number(key, value)
    return found


def _numbers(option: str, given: Sequence[str], bare: float | None = None) -> dict[str, float]:
    """NAME=NUMBER by name; `bare`: of a name without a number."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals and bare is None:
            raise BioenvError(f"{option} takes NAME=NUMBER, got {text!r}")
        found[name] = _number(option, value) if equals else float(bare or 0.0)
    return found


def _number(what: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BioenvError(f"{what} needs a finite number, got {text!r}")
    return value


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in settings.items() if isinstance(v, int | float | str | tuple)}
