"""`bioenv evaluate`: score motions against the physics and a reference, and write the report."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from bioenv.commands.files import claim, claim_folder
from bioenv.commands.listing import table
from bioenv.commands.rollout import roll
from bioenv.errors import BioenvError
from bioenv.evaluate import evaluate
from bioenv.motion import Motion

MOTION_FILES = (".nc", ".npz")


def run(args: argparse.Namespace) -> int:
    """Load or roll out every motion, judge them, print the scores, write report and JSON."""
    folder = Path(args.out)
    claim_folder(folder)
    report = folder / "report.html"
    claim(report, args.force)
    if args.json:
        claim(Path(args.json), args.force)
    motions = [_motion(source, args, folder) for source in args.what]
    result = evaluate(motions if len(motions) > 1 else motions[0], against=args.against)
    print(_score_table(result.scores))
    print()
    if args.json:
        result.to_json(args.json)
        print(f"wrote {args.json}")
    result.save(report)
    print(f"wrote {report}")
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
    target = folder / f"{label}-seed{args.seed}.nc"
    verb = claim(target, args.force)
    motion.save(target)
    print(f"{verb} {target}")
    return motion


def _score_table(scores: Any) -> str:
    rows = [["score", "value", "unit", "reference", "ok", "rewarded in training"]]
    for score in scores:
        ok = {True: "yes", False: "no", None: "-"}[score.ok]
        rewarded = "yes" if score.rewarded else "no"
        rows.append(
            [score.name, f"{score.value:.4g}", score.unit, str(score.reference), ok, rewarded]
        )
    return table(rows, numbers=(1,))
