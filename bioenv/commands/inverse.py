"""`bioenv inverse`: a measured trial becomes angles, moments, muscle forces and joint loads."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from bioenv.commands.files import claim_folder, made_by_us
from bioenv.commands.trial_files import read_arguments, read_tasks
from bioenv.errors import BioenvError
from bioenv.evaluate.aligned import table
from bioenv.inverse.analysis import GRAVE, Analysis, Settings
from bioenv.inverse.outputs import ADJUSTED, FILES, MARK, write
from bioenv.inverse.pipeline import analyse

REPORT = "report.pdf"
ALL = (*FILES, ADJUSTED, REPORT)


def run(args: argparse.Namespace) -> int:
    """Read the files, analyse, write the results, and print what was found and how fast."""
    folder = Path(args.out)
    claim_folder(folder, ALL, MARK, args.force)
    _refuse_idle(args)
    settings = _settings(args)
    anatomy, measured = read_arguments(args)
    with tqdm(total=1.0, file=sys.stderr, disable=None, bar_format="{l_bar}{bar}| {desc}") as bar:

        def progress(stage: str, number: int, count: int) -> None:
            bar.update(number / count - bar.n)
            bar.set_description_str(stage)

        found = analyse(anatomy, measured, settings, progress=progress)
        bar.update(1.0 - bar.n)
    earlier = [folder / name for name in ALL] if made_by_us(folder / MARK) else []
    written = write(found, folder)
    if not args.no_report:
        from bioenv.evaluate.report.inverse_pages import write as write_pages

        written.append(write_pages(found, folder / REPORT))
    _show(found)
    for path in written:
        print(f"wrote {path}")
    _remove(path for path in earlier if path not in written)
    return 0


def _remove(paths: Iterable[Path]) -> None:
    """Remove results of an earlier run: beside these files they would pass for some of this one."""
    for path in paths:
        if path.exists():
            path.unlink()
            print(f"removed {path} of an earlier run")


def _refuse_idle(args: argparse.Namespace) -> None:
    """Refuse options that would do nothing."""
    idle = [
        option
        for option, given, needed in (
            ("--weights", args.weights, args.markers),
            ("--keep-gaps", args.keep_gaps, args.markers),
            ("--angles", args.angles, args.coordinates),
        )
        if given and not needed
    ]
    if idle:
        other = "--coordinates" if idle[0] == "--angles" else "--markers"
        raise BioenvError(f"{', '.join(idle)} count only with {other}")


def _settings(args: argparse.Namespace) -> Settings:
    return Settings(
        cutoff=args.cutoff or None,
        force_cutoff=args.force_cutoff,
        start=args.start,
        stop=args.stop,
        method=args.method,
        cost=args.cost,
        exponent=args.exponent,
        reserve=args.reserve,
        passive=args.passive,
        contact_weight=args.contact_weight,
        emg_side=args.emg_side,
        **(read_tasks(args.weights) if args.weights else {}),
        fill_gaps=not args.keep_gaps,
        reduce_residuals=args.reduce_residuals,
    )


def _show(found: Analysis) -> None:
    """Speed of each stage, the figures that say whether to believe the rest, and the notes."""
    rows = [["stage", "frames", "seconds", "frames/s"]]
    rows += [[s.name, str(s.frames), f"{s.seconds:.3f}", f"{s.rate:,.0f}"] for s in found.stages]
    print(table(rows, numbers=(1, 2, 3)))
    print()
    for line in found.summary():
        print(line)
    for note in found.notes:
        print(note if note.startswith(GRAVE) else f"note: {note}")
