"""`bioenv learn train`: an estimator from motions, judged on strides or people held out."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.commands.files import claim_folder
from bioenv.evaluate.aligned import table
from bioenv.lab.cycles import foot_events
from bioenv.lab.filters import sampling_rate
from bioenv.learn.estimators import (
    Estimator,
    Noise,
    Settings,
    Windows,
    at_rate,
    by_stride,
    by_subject,
    cut,
    offsets_of,
    white_noise,
)
from bioenv.learn.estimators.columns import read
from bioenv.learn.estimators.judging import SCORES, judge
from bioenv.learn.model_files import CARD, WEIGHTS
from bioenv.motion import Motion

MOVEMENT = 12.0  # Hz: faster than people walk and run with; what lies above is noise
_BLOCK = 1.0  # s: what counts as a stride where no ground force tells strides apart


def run(args: argparse.Namespace) -> int:
    """Cut windows, hold out, train, calibrate, judge, write, and print the scores."""
    folder = Path(args.out)
    claim_folder(folder, (WEIGHTS, CARD), CARD, args.force)
    windows = Windows.join([_windows(Path(file), args) for file in args.motions])
    rest, test = _held_out(windows, args)
    train, valid = by_stride(rest, args.share, seed=args.seed)
    settings = Settings(args.network, hidden=args.hidden)
    noise = _noise(args) if args.noise else None
    estimator = Estimator(
        settings, members=args.members, seed=args.seed, noise=noise, degrade=True
    )  # fmt: skip
    print(f"{len(train)} windows train, {len(valid)} stop and calibrate, {len(test)} judge",
          file=sys.stderr)  # fmt: skip
    estimator.fit(train, valid)
    scores = judge(estimator.predict(test), test)
    estimator.save(folder, _card(args, windows, test, scores))
    print(table([("held out", *SCORES), *(_row(n, s) for n, s in scores.items())],
                range(1, len(SCORES) + 1)))  # fmt: skip
    print(f"wrote {folder}")
    return 0


def _windows(path: Path, args: argparse.Namespace) -> Windows:
    """All windows of a file; its subject is the motion's own or, without one, the file's name."""
    motion = Motion.load(path)
    rate = args.rate or sampling_rate(motion.time)
    motion = at_rate(motion, rate)
    return cut(
        motion, args.inputs, args.targets,
        length=max(1, round(args.length * rate)), rate=float(f"{rate:.6g}"),
        offsets_s=(args.ahead,), subject=str(motion.meta.get("subject", path.stem)),
        recording=path.stem, strikes=_strikes(motion),
    )  # fmt: skip


def _strikes(motion: Motion) -> NDArray[np.float64]:
    """Instants that begin strides; where no foot's force tells, one every second."""
    if "ground_reaction_force" in motion and "r" in motion.labels("ground_reaction_force"):
        strikes = foot_events(motion, "r").strikes
        if len(strikes) > 1:
            return np.concatenate([[motion.time[0]], strikes])
    return np.arange(motion.time[0], motion.time[-1], _BLOCK)


def _noise(args: argparse.Namespace) -> Noise:
    """White noise as it is in the motions, and offsets of angles as they are between people."""
    motions = [Motion.load(Path(file)) for file in args.motions]
    white = [
        white_noise(read(one, args.inputs), sampling_rate(one.time), MOVEMENT) for one in motions
    ]
    return Noise.of(len(args.inputs), np.median(white, axis=0), offsets_of(args.inputs))


def _held_out(windows: Windows, args: argparse.Namespace) -> tuple[Windows, Windows]:
    if args.hold_out:
        return by_subject(windows, args.hold_out)
    return by_stride(windows, args.share, seed=args.seed + 1)


def _card(
    args: argparse.Namespace, windows: Windows, test: Windows, scores: dict[str, dict[str, float]]
) -> dict[str, Any]:
    held = ", ".join(args.hold_out) if args.hold_out else f"{100 * args.share:g} % of the strides"
    people = sorted(set(windows.subject.tolist()))
    return {
        "data": f"{len(args.motions)} motions of {', '.join(people)}; held out: {held}",
        "command": _command(args),
        "scores": scores,
        "judged_windows": len(test),
    }


def _row(name: str, scores: dict[str, float]) -> Sequence[str]:
    return (name, *(f"{scores[one]:.3g}" for one in SCORES))


def _command(args: argparse.Namespace) -> str:
    """The command that makes this estimator again, with the names of the files alone."""
    words = ["bioenv", "learn", "train", *(Path(one).name for one in args.motions)]
    words += ["--inputs", *args.inputs, "--targets", *args.targets]
    for name in ("length", "ahead", "rate", "network", "hidden", "members", "share", "seed"):
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    if args.noise:
        words.append("--noise")
    if args.hold_out:
        words += ["--hold-out", *args.hold_out]
    return shlex.join(words)
