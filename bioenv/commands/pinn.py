"""`bioenv pinn`: a stride of a trial as a network of time that obeys the equation of motion."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from bioenv.commands.files import claim_folder
from bioenv.commands.trial_files import read_arguments
from bioenv.errors import BioenvError
from bioenv.inverse.analysis import GRAVE
from bioenv.learn.fit import Status
from bioenv.learn.gait import GaitPINN
from bioenv.learn.gait_output import FILES, MARK, write


def run(args: argparse.Namespace) -> int:
    """Read the files, fit, write the results, and print how good they are; 1 when it diverged."""
    folder = Path(args.out)
    claim_folder(folder, FILES, MARK, args.force)
    if args.angles and not args.coordinates:
        raise BioenvError("--angles count only with --coordinates")
    anatomy, measured = read_arguments(args)
    pinn = GaitPINN(
        highest=args.highest,
        collocation=args.collocation,
        marker_noise=args.marker_noise,
        angle_noise=args.angle_noise,
        force_noise=args.force_noise,
        masses=args.identify_masses,
        muscles=not args.no_muscles,
        seed=args.seed,
    )
    with tqdm(total=pinn.iterations, file=sys.stderr, disable=None) as bar:
        pinn.fit(
            anatomy,
            measured,
            start=args.start,
            stop=args.stop,
            progress=lambda number, _: bar.update(number + 1 - bar.n),
        )
    written = write(pinn, folder)
    _show(pinn)
    for path in written:
        print(f"wrote {path}")
    return 1 if pinn.status_ is Status.DIVERGED else 0


def _show(pinn: GaitPINN) -> None:
    """Status, residuals, what was identified, and notes."""
    print(f"{pinn.status_}: {pinn.message_}; {pinn.seconds_:.1f} s")
    for name, unit in (
        ("marker_rms", "m"), ("angle_rms", "rad"), ("position_rms", "m"),
        ("force_rms", "N"), ("moment_rms", "N*m"),
    ):  # fmt: skip
        if name in pinn.residual_:
            print(f"{name}: {pinn.residual_[name]:.3g} {unit}")
    for name, kg in pinn.mass_.items():
        low, high = pinn.mass_interval_[name]
        print(f"mass of {name}: {kg:.2f} kg, 95 % from {low:.2f} to {high:.2f} kg")
    if pinn.torque_misfit_:
        worst = max(pinn.torque_misfit_, key=lambda name: pinn.torque_misfit_[name])
        print(
            f"torque beside the muscles: RMS at most {pinn.torque_misfit_[worst]:.3g} N*m ({worst})"
        )
    for note in pinn.notes_:
        print(note if note.startswith(GRAVE) else f"note: {note}")
