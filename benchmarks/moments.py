"""Joint moments from kinematics alone, of people never seen: the target table, the shipped model.

    .venv/bin/python benchmarks/moments.py --out benchmarks/results/moments.json
    .venv/bin/python benchmarks/moments.py --without benchmarks/results/moments.json
    .venv/bin/python benchmarks/moments.py --table benchmarks/results/moments.json
    .venv/bin/python benchmarks/moments.py --ship agents/estimators/moments

Needs the lab data. About ten CPU minutes for five seeds: every person is left out in turn, with all
his trials, and estimated by what was learned from the others and from simulated people. The file is
written after every seed, and a run goes on where the last one stopped. `--ship` trains one
estimator on everybody whose licence allows it; its interval and limit are cross-conformal over the
people, each left out once.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from moments_table import table
from moments_unusual import unusual_scores
from numpy.typing import NDArray

from bioenv.learn.estimators import (
    Estimator,
    Plan,
    Prediction,
    Settings,
    Windows,
    conformal_factor,
)
from bioenv.learn.people.baselines import (
    KINEMATICS,
    MeanCurve,
    Ridge,
    newton,
    of_columns,
    person_weights,
)
from bioenv.learn.people.leg_data import leg_windows, recordings, simulated
from bioenv.learn.people.moments import MomentEstimator, Recipe, cross_conformal, thinned
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically

Array = NDArray[np.float64]

EVALUATION = ("grand_challenge5_PS",)
"""People whose licence lets them judge, but not be built into what is shipped."""

STRIDER = "uhlrich2022"  # has 54 strides: held-out strides are his
MOST = 1500  # windows of a person that are judged
LEVEL = 0.9
COMMAND = "benchmarks/moments.py --ship agents/estimators/moments"
BLOCK = 4  # strides that are held out together
APART = 0.17  # s: half a window and a frame


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", metavar="FILE", help="results, .json")
    parser.add_argument("--table", metavar="FILE", help="print the table of results")
    parser.add_argument("--without", metavar="FILE", help="add the estimator without its parts")
    parser.add_argument("--ship", metavar="DIR", help="train the shipped estimator")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.out:
        run(Path(args.out), args.seeds)
    if args.without:
        path = Path(args.without)
        done = json.loads(path.read_text())
        done["without"] = ablations(recordings())
        write(path, done)
    if args.table or args.out:
        print(table(json.loads(Path(args.table or args.out).read_text())))
    if args.ship:
        ship(Path(args.ship))


def run(path: Path, seeds: int) -> None:
    """All seeds, one after the other, into the file."""
    done: dict[str, Any] = (
        json.loads(path.read_text()) if path.is_file() else {"made_by": "bioenv", "seeds": []}
    )
    people = recordings()
    for seed in range(len(done["seeds"]), seeds):
        clock = time.process_time()
        one = one_seed(people, seed)
        one["cpu_s"] = time.process_time() - clock
        done["seeds"].append(one)
        write(path, done)
        print(f"seed {seed}: {one['cpu_s']:.0f} CPU s", flush=True)


def write(path: Path, done: dict[str, Any]) -> None:
    """Write the results, whole or not at all."""
    write_atomically(path, (json.dumps(done, indent=1, allow_nan=False) + "\n").encode())


def one_seed(people: Sequence[Motion], seed: int) -> dict[str, Any]:
    """Every person left out once, all methods; intervals, unusual movements, held-out strides."""
    errors: dict[str, dict[str, list[float]]] = {}
    left_out, folds = {}, {}
    for name in subjects(people):
        mine = [one for one in people if one.meta["subject"] == name]
        others = [one for one in people if one.meta["subject"] != name]
        test = judged(mine)
        fold = MomentEstimator(seed=seed).fit(others)
        left_out[name], folds[name] = (fold.predict(test), test), fold
        methods = {"estimator": left_out[name][0].mean[:, 0], **baselines(others, test, seed)}
        for method, found in methods.items():
            miss = rms(found - test.targets[:, 0])
            errors.setdefault(method, {})[name] = miss
    found: dict[str, Any] = {"rmse": errors, "interval": intervals(left_out, folds)}
    if seed == 0:
        found["auroc"] = unusual_scores(people, folds)
    found["strides"] = strides(people, seed)
    return found


def subjects(people: Sequence[Motion]) -> list[str]:
    """Names of the people, sorted."""
    return sorted({str(one.meta["subject"]) for one in people})


def judged(mine: Sequence[Motion]) -> Windows:
    """The windows of one person that are judged."""
    return thinned(Windows.join([leg_windows(one) for one in mine]), MOST)


def rms(error: Array) -> list[float]:
    """Root mean square of (N, O), by column."""
    return [float(one) for one in np.sqrt((error**2).mean(axis=0))]


def baselines(others: Sequence[Motion], test: Windows, seed: int) -> dict[str, Array]:
    """(N, O) estimates of each baseline, which learned from the same people and simulations."""
    real = Windows.join([thinned(leg_windows(one), MOST) for one in others])
    crowd = simulated(bend=0.0, seed=seed, every=8, crowds=Recipe().crowds)
    both = Windows.join([real, crowd])
    plan = Plan(epochs=6, patience=6, weight_decay=1e-2)
    plain = Estimator(Settings("convolution", hidden=24), members=1, seed=seed, plan=plan)
    plain.fit(
        of_columns(both, KINEMATICS),
        of_columns(crowd.take(np.arange(0, len(crowd), 20)), KINEMATICS),
    )
    return {
        "mean curve": MeanCurve().fit(real, person_weights(real)).predict(test),
        "Newton alone": newton(test),
        "ridge": Ridge().fit(both, person_weights(both)).predict(test),
        "convolution": plain.predict(of_columns(test, KINEMATICS)).mean[:, 0],
    }


def intervals(
    left_out: dict[str, tuple[Prediction, Windows]], folds: dict[str, MomentEstimator]
) -> dict[str, Any]:
    """Coverage of the 90 % interval on each person, calibrated on all the others."""
    found: dict[str, Any] = {}
    for name, (said, test) in left_out.items():
        others = [pair for other, pair in left_out.items() if other != name]
        factor, _ = cross_conformal(others, folds[name].estimator_)
        half = factor * np.sqrt(said.total)
        inside = np.abs(test.targets - said.mean) <= half
        apart = np.abs(said.total - said.aleatoric - said.epistemic).max()
        found[name] = {
            "coverage": [float(one) for one in inside.mean(axis=(0, 1))],
            "width": [float(one) for one in (2 * half).mean(axis=(0, 1))],
            "total_minus_sum": float(apart),
        }
    return found


def ablations(people: Sequence[Motion]) -> dict[str, dict[str, list[float]]]:
    """Errors of a smaller estimator with and without its parts (seed 0)."""
    small = Recipe(members=3, copies=2, size=0.0, epochs=10)
    recipes = {
        "smaller": small,
        "smaller, no simulation": replace(small, crowds=0),
        "smaller, no other bends": replace(small, copies=0, bend=0.0),
    }
    found: dict[str, dict[str, list[float]]] = {name: {} for name in recipes}
    for name in subjects(people):
        others = [one for one in people if one.meta["subject"] != name]
        test = judged([one for one in people if one.meta["subject"] == name])
        for method, recipe in recipes.items():
            said = MomentEstimator(recipe).fit(others).predict(test)
            found[method][name] = rms(said.mean[:, 0] - test.targets[:, 0])
    return found


def strides(people: Sequence[Motion], seed: int) -> dict[str, Any]:
    """Held-out strides of the one who has many: half to learn from, a quarter each to calibrate
    and to judge, in blocks of four that share no sample with one another."""
    mine = next(one for one in people if one.meta["recording"] == STRIDER)
    strikes = np.asarray(mine.meta["strikes"]["r"])[::BLOCK]
    blocks = np.column_stack([strikes[:-1], strikes[1:]])
    order = np.random.default_rng(seed).permutation(len(blocks))
    quarter = len(blocks) // 4
    parts = (order[2 * quarter :], order[:quarter], order[quarter : 2 * quarter])
    learn, tune, judge = (_within(mine, blocks[np.sort(part)]) for part in parts)
    others = [one for one in people if one.meta["subject"] != STRIDER]
    fold = MomentEstimator(seed=seed).fit([*others, learn])
    tuning, test = leg_windows(tune), leg_windows(judge)
    said, found = fold.predict(tuning), fold.predict(test)
    error, spread = tuning.targets - said.mean, np.sqrt(said.total)
    factor = conformal_factor(error, spread, LEVEL, np.ones(len(tuning)))
    inside = np.abs(test.targets - found.mean) <= factor * np.sqrt(found.total)
    return {
        "coverage": [float(one) for one in inside.mean(axis=(0, 1))],
        "rmse": rms(found.mean[:, 0] - test.targets[:, 0]),
    }


def _within(motion: Motion, blocks: Array) -> Motion:
    """The motion, trusted only within blocks (k, 2) s, so far inside that no window leaves them."""
    inner = blocks + np.array([APART, -APART])
    return motion.with_meta(trusted={side: inner.tolist() for side in ("r", "l")})


def ship(folder: Path) -> None:
    """Train on everybody, calibrate on people left out, and write the model with its card."""
    people = recordings()
    left_out = []
    for name in subjects(people):
        fold = MomentEstimator().fit([one for one in people if one.meta["subject"] != name])
        test = judged([one for one in people if one.meta["subject"] == name])
        left_out.append((fold.predict(test), test))
    learned = [one for one in people if one.meta["subject"] not in EVALUATION]
    model = MomentEstimator().fit(learned).calibrate(left_out)
    scores = {
        name: rms(said.mean[:, 0] - test.targets[:, 0])
        for name, (said, test) in zip(subjects(people), left_out, strict=True)
    }
    model.save(folder, {
        "command": "benchmarks/moments.py --ship agents/estimators/moments",
        "use": "bioenv learn moments MOTION --out FILE",
        "reads": "qpos of pelvis and legs (bioenv.learn.people.estimate_moments)",
        "gives": "joint_torque of hip, knee, ankle",
        "data": "walking adults of the lab data, their knees bent otherwise, and population.npz",
        "people": subjects(learned),
        "scores": {"rmse of hip, knee, ankle, N*m/kg, each person left out": scores},
        "fitted": fitted(model, people),
    })  # fmt: skip
    print(f"wrote {folder}")


def fitted(model: MomentEstimator, people: Sequence[Motion]) -> dict[str, list[float]]:
    """Errors on the people it learned from: no score, but what a test reproduces."""
    found = {}
    for one in people:
        windows = leg_windows(one, every=10)
        found[str(one.meta["recording"])] = rms(
            model.predict(windows).mean[:, 0] - windows.targets[:, 0]
        )
    return found


if __name__ == "__main__":
    main()
