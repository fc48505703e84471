"""`bioenv evaluate`: score motions against the physics and a reference, and write the report."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from bioenv.commands.files import claim
from bioenv.commands.rollout import roll
from bioenv.errors import BioenvError
from bioenv.evaluate.aims import aim_of, described
from bioenv.evaluate.aligned import table
from bioenv.evaluate.cost import GOALS
from bioenv.evaluate.scores import Score, evaluate
from bioenv.lab import reference as references
from bioenv.lab.reference import Reference
from bioenv.motion import Motion

MOTION_FILES = (".nc", ".npz")


def run(args: argparse.Namespace) -> int:
    """Load or roll out every motion, judge them, print the scores, write report and JSON."""
    folder = Path(args.out)
    report = folder / "report.html"
    verb = claim(report, args.force)
    json_verb = claim(Path(args.json), args.force) if args.json else ""
    against = _against(args.against) if args.against else None
    motions = [_motion(source, args, folder) for source in args.what]
    result = evaluate(motions, against=against)
    for name, motion in zip(result.names, result.motions, strict=True):
        print(name)
        for what, quantities in described(aim_of(motion)).items():
            print(f"{what}: {quantities}")
        _show([score for score in result.scores if score.motion == name], bool(result.weights))
    if args.json:
        result.to_json(args.json)
        print(f"{json_verb} {args.json}")
    result.save(report)
    print(f"{verb} {report}")
    return 0


def _motion(source: str, args: argparse.Namespace, folder: Path) -> Motion:
    """The motion in a file, or a new one by a policy, saved beside the report."""
    path = Path(source)
    if path.suffix in MOTION_FILES:
        if not path.is_file():
            raise BioenvError(f"no motion file {source}")
        return _load(path)
    command = shlex.join(
        ["bioenv", "rollout", source, "--seed", str(args.seed), "--seconds", f"{args.seconds:g}"]
    )
    label = path.name or source
    motion = roll(source, args.seed, args.seconds, command).with_meta(label=label)
    number = [Path(one).name for one in args.what[: args.what.index(source)]].count(label)
    name = f"{label}-{number + 1}" if number else label
    target = folder / f"{name}-seed{args.seed}.nc"
    verb = claim(target, args.force)
    motion.save(target)
    print(f"{verb} {target}")
    return motion


def _against(source: str) -> Reference | Motion:
    """A motion file as a Motion, which may be one period of a gait; anything else by its name."""
    path = Path(source)
    return _load(path) if path.suffix in MOTION_FILES else references.load(source)


def _load(path: Path) -> Motion:
    motion = Motion.load(path)
    return motion if motion.meta.get("label") else motion.with_meta(label=_label(path, motion))


def _label(path: Path, motion: Motion) -> str:
    """A motion file's name; of the "motion.nc" that `solve` writes, its folder's."""
    solved = any(signal.source == "optimized" for signal in motion.signals.values())
    return path.resolve().parent.name if solved and path.stem == "motion" else path.stem


def _show(scores: Sequence[Score], shared: bool) -> None:
    """The judged scores of one motion, and its shared cost, as a table; how many more there are."""
    shown = [s for s in scores if s.ok is not None or (shared and _is_share(s.name))]
    rows = [["score", "value", "unit", "reference", "ok", "aimed at"]]
    marks = {True: "yes", False: "no", None: ""}
    for one in shown:
        ok, aimed = marks[one.ok], marks[one.rewarded]
        rows.append([one.name, f"{one.value:.4g}", one.unit, one.reference, ok, aimed])
    print(table(rows, numbers=(1,)))
    print(f"{len(scores) - len(shown)} more figures are in the report.\n")


def _is_share(name: str) -> bool:
    """Whether a score belongs to the shared cost."""
    return name == "cost_total" or name in {f"cost_{goal}" for goal in GOALS}
