"""`bioenv check`: the physics-consistency score of motions, frame by frame."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bioenv.commands.files import claim_report
from bioenv.commands.trial_files import read_body
from bioenv.errors import BioenvError
from bioenv.evaluate.aligned import table
from bioenv.learn.consistency import Noise, check
from bioenv.learn.consistency_result import LIMIT, Consistency
from bioenv.models.anatomy import Anatomy
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically

_FORMATS = (".nc", ".npz")


def run(args: argparse.Namespace) -> int:
    """Check every motion, print a line for each and its notes, and write the JSON."""
    verb = claim_report(Path(args.json), args.force) if args.json else ""
    noise = Noise(
        angle=float(np.radians(args.angle)),
        position=args.position,
        force=args.force_noise,
        rest=args.force_noise,
        pressure=args.pressure,
    )
    body: Anatomy | None = None
    if args.model:
        body, _ = read_body(args.model)
    found = {}
    for file in args.what:
        found[file] = _checked(file, body, noise)
    _show(found)
    if args.json:
        content = {"made_by": "bioenv", "noise": vars(noise), "motions": _entries(found)}
        text = json.dumps(content, indent=1, allow_nan=False)
        write_atomically(Path(args.json), (text + "\n").encode())
        print(f"{verb} {args.json}")
    return 0


def _checked(file: str, body: Anatomy | None, noise: Noise) -> Consistency:
    path = Path(file)
    if path.suffix not in _FORMATS:
        raise BioenvError(
            f"{file} is no motion file ({', '.join(_FORMATS)}); `bioenv inverse` makes one of lab "
            "files, `bioenv rollout` of a policy"
        )
    motion = Motion.load(path)
    try:
        return check(motion, body, noise)
    except BioenvError as error:
        raise BioenvError(f"{file}: {error}") from error


def _entries(found: Mapping[str, Consistency]) -> list[dict[str, Any]]:
    return [{"motion": name, **one.as_dict()} for name, one in found.items()]


def _show(found: Mapping[str, Consistency]) -> None:
    rows = [["motion", "score", "frames below 3", "worst at", "residual", "most of it", "verdict"]]
    for name, one in found.items():
        sizes = {part: float(np.sqrt(np.mean(x**2))) for part, x in one.parts.items()}
        rows.append([
            name, f"{one.overall:.3g}", f"{100 * one.share:.0f} %", f"{one.worst:.3f} s",
            f"{one.residual_rms:.1f} N", max(sizes, key=lambda part: sizes[part]), one.status,
        ])  # fmt: skip
    print(table(rows, numbers=(1, 2, 3, 4)))
    print(
        "\nscore: distance to the nearest motion that obeys Newton, root mean square over time, in "
        f"units of\nmeasurement noise: 1 is what noise explains, beyond {LIMIT:g} no noise does."
    )
    for name, one in found.items():
        for note in one.notes:
            print(f"note: {name}: {note}")
