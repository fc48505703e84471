"""`bioenv evaluate`: score motions against the physics and a reference, and write the report."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from bioenv.commands.files import claim
from bioenv.commands.listing import table
from bioenv.commands.rollout import roll
from bioenv.errors import BioenvError
from bioenv.evaluate.scores import Score, evaluate
from bioenv.lab import reference as references
from bioenv.motion import Motion

MOTION_FILES = (".nc", ".npz")


def run(args: argparse.Namespace) -> int:
    """Load or roll out every motion, judge them, print the scores, write report and JSON."""
    folder = Path(args.out)
    report = folder / "report.html"
    verb = claim(report, args.force)
    json_verb = claim(Path(args.json), args.force) if args.json else ""
    against = references.load(args.against) if args.against else None
    motions = [_motion(source, args, folder) for source in args.what]
    result = evaluate(motions, against=against)
    for name in result.names:
        _show(name, [score for score in result.scores if score.motion == name])
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
        motion = Motion.load(path)
        return motion if motion.meta.get("label") else motion.with_meta(label=path.stem)
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


def _show(name: str, scores: Sequence[Score]) -> None:
    """The judged scores of one motion as a table, and how many more figures there are."""
    judged = [score for score in scores if score.ok is not None]
    rows = [["score", "value", "unit", "reference", "ok", "rewarded in training"]]
    for one in judged:
        ok, rewarded = ("yes" if yes else "no" for yes in (one.ok, one.rewarded))
        rows.append([one.name, f"{one.value:.4g}", one.unit, one.reference, ok, rewarded])
    print(name)
    print(table(rows, numbers=(1,)))
    print(f"{len(scores) - len(judged)} more figures are in the report.\n")
