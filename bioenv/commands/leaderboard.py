"""`bioenv leaderboard`: roll policies out, judge them with motion files, and rank them."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from bioenv.commands.evaluate import MOTION_FILES
from bioenv.commands.files import claim, claim_report
from bioenv.commands.rollout import roll
from bioenv.errors import BioenvError
from bioenv.evaluate import leaderboard_pages as pages
from bioenv.evaluate.aligned import table
from bioenv.evaluate.leaderboard import leaderboard
from bioenv.evaluate.walkers import WALKERS, walk
from bioenv.lab import reference as references
from bioenv.motion import Motion


def run(args: argparse.Namespace) -> int:
    """Collect the walkers' motions, rank them, print the table, write the files asked for."""
    if not args.what and not args.walkers:
        raise BioenvError("nothing to rank: give policies or motion files, or --walkers")
    verbs = _claimed(args)
    reference = references.load(args.against)
    walkers: dict[str, list[Motion]] = {}
    for source in args.what:
        walkers[_free_name(source, walkers)] = _motions(source, args)
    for name in WALKERS if args.walkers else ():
        seeds = range(args.seed, args.seed + args.episodes)
        # A replay is the same whatever the seed.
        seeds = seeds[:1] if name.startswith("replay") else seeds
        walkers[_free_name(name, walkers)] = [walk(name, seed, args.seconds) for seed in seeds]
    board = leaderboard(walkers, reference)
    lines = pages.rows(board)
    print(f"against {board.reference.name}: {board.reference.people}")
    print(table(lines, numbers=[i for i in range(len(lines[0])) if i not in (1, 2)]))
    for entry in board.entries:
        for note in entry.notes:
            print(f"{entry.name}: {note}")
    if args.json:
        board.to_json(args.json)
    if args.out:
        pages.save(board, args.out)
    for path, verb in verbs.items():
        print(f"{verb} {path}")
    return 0


def _claimed(args: argparse.Namespace) -> dict[str, str]:
    """File -> "wrote" or "replaced", for those asked for. Raises BioenvError before any work."""
    verbs = {}
    if args.json:
        verbs[args.json] = claim_report(Path(args.json), args.force)
    if args.out:
        if Path(args.out).suffix not in (".html", ".md"):
            raise BioenvError(f"--out must end in .html or .md, got {args.out!r}")
        verbs[args.out] = claim(Path(args.out), args.force or _our_markdown(Path(args.out)))
    return verbs


def _our_markdown(path: Path) -> bool:
    """Whether a file is a leaderboard that this command wrote."""
    if path.suffix != ".md" or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip() == pages.MARK


def _motions(source: str, args: argparse.Namespace) -> list[Motion]:
    """A motion file's one motion, or the episodes of a policy, one for each seed."""
    path = Path(source)
    if path.suffix in MOTION_FILES:
        if not path.is_file():
            raise BioenvError(f"no motion file {source}")
        return [Motion.load(path)]
    found = []
    for seed in range(args.seed, args.seed + args.episodes):
        words = ["bioenv", "rollout", source, "--seed", str(seed), "--seconds", f"{args.seconds:g}"]
        found.append(roll(source, seed, args.seconds, shlex.join(words)))
    return found


def _free_name(source: str, taken: dict[str, list[Motion]]) -> str:
    """A short name that nobody has: a policy's, a file's, of "motion.nc" its folder's."""
    path = Path(source)
    short = path.name or source
    if path.suffix in MOTION_FILES:
        short = path.resolve().parent.name if path.stem == "motion" else path.stem
    name, number = short, 1
    while name in taken:
        number += 1
        name = f"{short} ({number})"
    return name
