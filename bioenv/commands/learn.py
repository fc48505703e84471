"""`bioenv learn models` and `bioenv learn estimate`: estimators, and motions with estimates."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from bioenv.commands.estimates import finish
from bioenv.commands.files import claim_motion
from bioenv.errors import BioenvError
from bioenv.evaluate.aligned import table
from bioenv.learn import model_files
from bioenv.learn.estimators import Estimator, estimate
from bioenv.learn.estimators.columns import PER_MASS
from bioenv.learn.model_files import find, shipped
from bioenv.motion import CHANNELS, Motion


def models(args: argparse.Namespace) -> int:
    """Print the shipped estimators, or one's card."""
    if args.name is not None:
        _show_card(model_files.card(find(args.name)))
        return 0
    if not shipped():
        raise BioenvError("no estimators come with this installation")
    rows = [("estimator", "from", "to", "rate")]
    for name in shipped():
        card = model_files.card(find(name))
        rate = f"{card['rate_hz']:g} Hz" if "rate_hz" in card else ""
        rows.append((name, card.get("reads", _kinds(card, "inputs")),
                     card.get("gives", _kinds(card, "targets")), rate))  # fmt: skip
    print(table(rows))
    return 0


def run_estimate(args: argparse.Namespace) -> int:
    """Add an estimator's channels to a motion, write it, and say what may be believed."""
    path = Path(args.out)
    verb = claim_motion(path, args.force)
    card = model_files.card(find(args.estimator))
    if "use" in card:
        raise BioenvError(f"{args.estimator} reads more than columns; use `{card['use']}`")
    estimator, motion = Estimator.load(args.estimator), Motion.load(args.motion)
    if args.mass is not None:
        motion = motion.with_meta(mass_kg=args.mass)
    columns = (*estimator.card_["inputs"], *estimator.card_["targets"])
    if "mass_kg" not in motion.meta and any(one.endswith(PER_MASS) for one in columns):
        raise BioenvError(f"{args.motion} does not say the body's mass; give it: --mass KG")
    found = estimate(motion, estimator, resample=not args.as_is)
    for name, signal in found.signals.items():
        if signal.source == "estimated" and signal.band is not None:
            width = np.ptp(signal.band, axis=-1).mean(axis=0)
            unit = CHANNELS[name].unit.split("|")[-1]
            for label, one in zip(signal.labels, width, strict=True):
                print(f"{name}/{label}: 90 % band {one:.3g} {unit} wide on average")
    finish(found, path, verb)
    return 0


def _kinds(card: dict[str, Any], side: str) -> str:
    """The channels of an estimator's columns, each once."""
    return ", ".join(dict.fromkeys(one.partition("/")[0] for one in card.get(side, ())))


def _show_card(card: dict[str, Any]) -> None:
    for name, value in card.items():
        if name in ("input_units", "target_units", "weights_sha256", "made_by", "format"):
            continue
        if name in ("inputs", "targets"):
            units = card[f"{name[:-1]}_units"]
            value = ", ".join(f"{n} ({u})" for n, u in zip(value, units, strict=True))
        elif not isinstance(value, str):
            value = json.dumps(value, indent=1 if name == "scores" else None)
        print(f"{name}: {value}")
