"""`bioenv import`: an OpenSim model becomes a MuJoCo model, with a report of what changed."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from bioenv.commands.files import claim_folder
from bioenv.errors import BioenvError
from bioenv.models import osim

FILES = ("model.xml", "conversion.json", "model.osim")


def run(args: argparse.Namespace) -> int:
    """Convert, keep a copy of the source beside the result, and print the report's summary."""
    source, folder = Path(args.model), Path(args.out)
    if not source.is_file():
        raise BioenvError(f"no model file {args.model}")
    claim_folder(folder, FILES, "conversion.json", args.force)
    report = osim.convert(source, folder)
    copy = folder / "model.osim"
    if not copy.exists() or not copy.samefile(source):
        # The exact joints and paths live in the source: `bioenv inverse` reads them from here.
        shutil.copyfile(source, copy)
    print(report.summary())
    for name in FILES:
        print(f"wrote {folder / name}")
    return 0
