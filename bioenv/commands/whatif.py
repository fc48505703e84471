"""`bioenv whatif`: a gait before and after an intervention, beside published findings."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bioenv.agents.policy import Policy
from bioenv.agents.whatif import Case
from bioenv.agents.whatif_policy import Episodes, immediate
from bioenv.commands.files import claim_folder
from bioenv.errors import BioenvError
from bioenv.evaluate.whatif import WhatIf, between, whatif
from bioenv.evaluate.whatif_text import changes_table
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically

RESULT = "whatif.json"
_EPISODES = 20


def run(args: argparse.Namespace) -> int:
    """Solve both gaits, print figures and findings; exit code 1 if one is no optimum."""
    if args.policy:
        return _policy(args)
    folder = Path(args.out) if args.out else None
    if folder is not None:
        claim_folder(folder, (RESULT, "baseline", "changed"), RESULT, args.force)
    found = whatif(
        *args.changes, settings=args.set or [], recipe=args.recipe,
        warm=Motion.load(args.warm) if args.warm else None, starts=args.starts,
        compiled=args.compile, tell=lambda line: print(line, file=sys.stderr, flush=True),
    )  # fmt: skip
    for name, case in (("baseline", found.study.baseline), ("changed", found.study.changed)):
        print(_starts(name, case))
    print()
    print(found.table())
    if not found.verdicts:
        print("\nno published finding of this intervention is in the table")
    if folder is not None:
        _write(found, folder)
        print(f"\nwrote {folder}")
    return 0 if found.study.success else 1


def _starts(name: str, case: Case) -> str:
    every = ", ".join(
        f"{k} {row['objective']:.4f} {row['status']}" for k, row in case.starts.items()
    )
    return f"{name}: objective {case.best.objective:.4f}, {case.best.status}, of: {every}"


def _write(found: WhatIf, folder: Path) -> None:
    one = found.study
    for name, case in (("baseline", one.baseline), ("changed", one.changed)):
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        settings = [*found.settings, *case.settings]
        case.best.save(place, recipe=one.recipe.name, settings=settings)
    content = {"made_by": "bioenv", **found.as_dict()}
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    write_atomically(folder / RESULT, text.encode())


def _policy(args: argparse.Namespace) -> int:
    for option in ("set", "warm", "out"):
        if getattr(args, option):
            raise BioenvError(f"--policy only plays a policy; leave --{option} out")
    before, after = immediate(
        Policy.load(args.policy), args.changes, episodes=_EPISODES, seed=args.seed
    )
    for name, one in (("baseline", before), ("changed", after)):
        print(f"{name}: {_stood(one)}")
    changes = between((before.motion, before.model), (after.motion, after.model))
    if changes and all(one.motion.meta["ended"] == "time" for one in (before, after)):
        print(f"\n{changes_table(changes)}")
    else:
        print("no gait to compare: not both walk to the end")
    return 0


def _stood(one: Episodes) -> str:
    end = "stands" if one.motion.meta["ended"] == "time" else "falls"
    share = f"{100 * one.survival:.0f} % of {_EPISODES} episodes stand"
    return f"{share}; the one that is compared {end} after {one.motion.duration:.1f} s"
