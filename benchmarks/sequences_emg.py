"""EMG -> activation -> torque of knee and ankle, on strides held out and on a person held out.

    python benchmarks/sequences_emg.py --seeds 5 --json benchmarks/results/sequences_emg.json
    python benchmarks/sequences_emg.py --ship agents/estimators/emg_torque

Needs the lab data (BIOENV_LAB_DATA). One man on a treadmill (Uhlrich et al. 2022), 54 strides: a
fifth is held out in three blocks, another for every seed; windows that touch them are dropped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bioenv import agents, paths
from bioenv.learn.estimators import (
    Estimator,
    Noise,
    Novelty,
    Plan,
    Settings,
    Windows,
    at_rate,
    auroc,
    by_stride,
    correlation,
    coverage,
    expected_calibration_error,
    nrmse,
)
from bioenv.learn.people import read as read_person
from bioenv.learn.people.trials import TRIALS
from bioenv.learn.sequences import emg, recordings
from bioenv.learn.sequences.baselines import MeanStride, Ridge
from bioenv.learn.sequences.geometry import LegGeometry
from bioenv.learn.sequences.muscle_network import DRIVES
from bioenv.models import osim
from bioenv.motion import Motion

Array = NDArray[np.float64]

PERSON, OTHER = "uhlrich2022", "rajagopal2016"
JOINTS = ("knee", "ankle")
PLAN = Plan(epochs=60, patience=15, batch=64, learning_rate=5e-3)
COMMAND = "python benchmarks/sequences_emg.py --ship agents/estimators/emg_torque"


def geometry() -> LegGeometry:
    """Of the measured leg of the treadmill walker."""
    folder = paths.lab_data()
    assert folder is not None, "name the lab data with BIOENV_LAB_DATA"
    trial = TRIALS[PERSON]
    return LegGeometry.of(osim.load(folder / trial.folder / trial.model), "l")


def parts(windows: Windows, seed: int) -> tuple[Windows, Windows, Windows, Windows]:
    """To train, to stop, to calibrate, to test: no window shares a sample with another part's."""
    rest, test = by_stride(windows, 0.2, seed, blocks=3)
    rest, calibration = by_stride(rest, 0.25, 100 + seed, blocks=3)
    train, valid = by_stride(rest, 0.15, 200 + seed, blocks=2)
    return train, valid, calibration, test


def estimator(train: Windows, leg: LegGeometry, seed: int, members: int) -> Estimator:
    """The GRU inside the muscle model."""
    mass = TRIALS[PERSON].mass
    return Estimator(
        emg.settings_for(train, leg, mass, hidden=24), members=members, seed=seed, plan=PLAN,
        noise=augmentation(train), novelty=Novelty(components=48, usual=0.95), degrade=True,
    )  # fmt: skip


def augmentation(train: Windows) -> Noise:
    """Gain of an electrode (5 %: gel and skin within a session), a lost electrode now and then."""
    electrode = np.array([name.startswith("emg/") for name in train.input_names])
    return Noise.of(len(electrode), gain=0.05 * electrode, drop=0.03 * electrode)


def scored(mean: Array, test: Windows) -> dict[str, float]:
    """NRMSE (% of the range) and r of each joint."""
    found = {}
    for k, joint in enumerate(JOINTS):
        truth = test.targets[..., k]
        known = np.isfinite(mean[..., k])
        found[f"{joint} NRMSE %"] = 100 * nrmse(mean[..., k][known], truth[known])
        found[f"{joint} r"] = correlation(mean[..., k][known], truth[known])
    return found


def told(one: Estimator, test: Windows) -> dict[str, float]:
    """`scored`, and how good the interval is."""
    found = one.predict(test)
    return {
        **scored(found.mean, test),
        "coverage": coverage(found.lower, found.upper, test.targets),
        "ECE": expected_calibration_error(found.mean, found.total, test.targets),
    }


def timing(one: Estimator, test: Windows) -> dict[str, float]:
    """Range of all activations, and the smallest r of an activation with its own envelope.

    The envelope is taken up to 100 ms earlier (electromechanical delay), the best of six lags.
    """
    active, _, muscles = emg.activations(one, test.inputs)
    worst = 1.0
    for number, muscle in enumerate(muscles):
        if muscle in DRIVES:
            column = test.input_names.index(f"emg/{DRIVES[muscle]}_r")
            r = [correlation(active[:, number], test.inputs[:, -1 - k, column]) for k in range(6)]
            worst = min(worst, max(r))
    return {
        "activation min": float(active.min()),
        "activation max": float(active.max()),
        "timing r (worst muscle)": worst,
    }


def unusual(test: Windows, motion: Motion) -> dict[str, Windows]:
    """The test windows with one thing wrong each."""
    found = {}
    for number in range(len(recordings.SITES)):
        inputs = test.inputs.copy()
        inputs[:, :, number] = 0.0
        found[f"no {recordings.SITES[number]}"] = replace(test, inputs=inputs)
    for a, b in ((0, 1), (0, 4), (0, 2), (1, 3), (2, 3)):
        inputs = test.inputs.copy()
        inputs[:, :, [a, b]] = inputs[:, :, [b, a]]
        found[f"swapped {recordings.SITES[a]}, {recordings.SITES[b]}"] = replace(
            test, inputs=inputs
        )
    other = _other_leg(motion)
    kept = np.isin(np.round(other.time, 4), np.round(test.time, 4))
    found["angles of the other leg"] = other.take(kept)
    found["running (simulated)"] = running(test)
    return found


def _other_leg(motion: Motion) -> Windows:
    """Windows of the right leg's angles with the left leg's electrodes."""
    both = read_person(PERSON, filtered=False)
    right = recordings.one_leg(recordings.thinned(both), "r")
    for channel in ("qpos", "qvel"):
        labels = motion.labels(channel)
        values = np.column_stack([right.column(channel, label) for label in labels])
        motion = motion.add(channel, values, labels=labels, source="computed")
    return emg.windows(motion)


def running(like: Windows) -> Windows:
    """The shipped runner's excitations as envelopes, with its angles."""
    one = at_rate(agents.rollout(agents.Policy.load("Run-v0"), seed=3, seconds=8.0), like.rate)
    muscles = {
        "soleus": "soleus_r", "gastrocnemius_medialis": "gastroc_r", "vastus_medialis": "vasti_r",
        "vastus_lateralis": "vasti_r", "rectus_femoris": "rect_fem_r",
    }  # fmt: skip
    share = recordings.normalized(
        np.column_stack([one.column("activation", muscles[site]) for site in recordings.SITES])
    )
    one = one.add("emg", share, labels=[f"{s}_r" for s in recordings.SITES], source="simulated")
    angles = [one.column(c.split("/")[0], c.split("/")[1]) for c in like.input_names[5:]]
    seen = np.column_stack([share, *angles])
    index = np.arange(like.length - 1, len(seen), 3)[:, None] + np.arange(1 - like.length, 1)
    windows = like.take(np.zeros(len(index), dtype=int))
    return replace(windows, inputs=seen[index])


def held_out_strides(seeds: int, members: int) -> dict[str, list[dict[str, float]]]:
    """Every row of the table, by seed."""
    leg, motion = geometry(), recordings.read(PERSON)
    strikes = motion.meta["strikes"]["l"]
    rows: dict[str, list[dict[str, float]]] = {}

    def put(name: str, row: Mapping[str, float]) -> None:
        rows.setdefault(name, []).append(dict(row))
        print(name, {k: round(v, 3) for k, v in row.items()}, flush=True)

    for seed in range(seeds):
        train, valid, calibration, test = parts(emg.windows(motion), seed)
        bare = parts(emg.windows(motion, angles=False), seed)
        one = estimator(train, leg, seed, members).fit(train, valid, calibration)
        put("GRU in the muscle model", {**told(one, test), **timing(one, test)})
        score = one.predict(test).novelty
        put("AUROC", {k: auroc(score, one.predict(w).novelty)
                      for k, w in unusual(test, motion).items()})  # fmt: skip
        lost = [one.predict(test, missing=(name,)) for name in test.input_names[:5]]
        put("one electrode missing, declared", {
            "coverage": float(np.mean([coverage(p.lower, p.upper, test.targets) for p in lost])),
            "knee NRMSE %": float(np.mean([scored(p.mean, test)["knee NRMSE %"] for p in lost])),
            "ankle NRMSE %": float(np.mean([scored(p.mean, test)["ankle NRMSE %"] for p in lost])),
        })  # fmt: skip
        alone = estimator(bare[0], leg, seed, members).fit(*bare[:3])
        put("GRU in the muscle model, electrodes alone",
            {**told(alone, bare[3]), **timing(alone, bare[3])})  # fmt: skip
        for kind in ("gru", "convolution"):
            plain = Estimator(Settings(kind, hidden=24), members=1, seed=seed, plan=PLAN)
            put(f"plain {kind}", told(plain.fit(train, valid, calibration), test))
        put("ridge", scored(Ridge().fit(train, valid).predict(test), test))
        put("ridge, electrodes alone", scored(Ridge().fit(*bare[:2]).predict(bare[3]), bare[3]))
        put("mean stride at the true phase", scored(MeanStride(strikes).fit(train).predict(test),
                                                   test))  # fmt: skip
    return rows


def unseen_person(seeds: int) -> dict[str, list[dict[str, float]]]:
    """Trained on the treadmill walker alone, judged on the other man's 0.8 s of one stride."""
    leg = geometry()
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        for angles in (True, False):
            one, other = (
                emg.windows(recordings.read(n), angles=angles, length=25) for n in (PERSON, OTHER)
            )
            train, valid = by_stride(one, 0.2, seed)
            noise = Noise.of(
                len(train.input_names), gain=[0.3] * 5 + [0.0] * (6 * angles),
                offset=[0.02] * 5 + ([0.08] * 3 + [0.2] * 3) * angles,
            )  # fmt: skip
            settings = emg.settings_for(train, leg, TRIALS[PERSON].mass, hidden=24)
            model = Estimator(settings, members=1, seed=seed, plan=PLAN, noise=noise)
            found = model.fit(train, valid).predict(other)
            name = f"unseen person, {'angles too' if angles else 'electrodes alone'}"
            flagged = {"flagged": float(found.flag.mean())}
            rows.setdefault(name, []).append({**told(model, other), **flagged})
            ridge = Ridge().fit(train, valid).predict(other)
            rows.setdefault(f"{name}, ridge", []).append(scored(ridge, other))
            print(name, rows[name][-1], rows[f"{name}, ridge"][-1], flush=True)
    return rows


def table(rows: Mapping[str, list[dict[str, float]]]) -> str:
    """Mean and standard deviation over the seeds."""
    lines = []
    for name, every in rows.items():
        lines.append(f"{name} ({len(every)} seeds)")
        for key in every[0]:
            values = np.array([row[key] for row in every])
            lines.append(f"    {key:45s} {values.mean():8.3f} ± {values.std(ddof=1):.3f}")
    return "\n".join(lines)


def ship(folder: Path) -> None:
    """Train on four fifths of the strides, judge on the rest, and write the estimator."""
    motion = recordings.read(PERSON)
    train, valid, calibration, test = parts(emg.windows(motion), 0)
    one = estimator(train, geometry(), 0, 2).fit(train, valid, calibration)
    scores = {**told(one, test), **timing(one, test)}
    print(json.dumps(scores, indent=1))
    one.save(folder, card={
        "title": "knee and ankle torque and muscle activation from five electrodes and angles",
        "reads": "emg, qpos, qvel of a leg", "gives": "joint_torque, activation of the leg",
        "data": "Uhlrich et al. 2022 (Apache-2.0): one man, treadmill, 1.25 m/s, left leg",
        "command": COMMAND, "use": "bioenv learn emg MOTION --out FILE",
        "seed": 0, "scores": scores,
        "held_out": "a fifth of 54 strides in three blocks: parts(seed=0) of the script",
        "limits": "one person at one speed: another person's torques are flagged, see docs",
    })  # fmt: skip
    print(f"wrote {folder}")


def main() -> None:
    """Command line."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--part", choices=("strides", "person"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--ship", type=Path)
    args = parser.parse_args()
    if args.ship:
        ship(args.ship)
        return
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "strides": lambda: held_out_strides(args.seeds, args.members),
        "person": lambda: unseen_person(args.seeds),
    }
    rows: dict[str, Any] = {}
    for name, run in runs.items():
        if args.part in (None, name):
            rows.update(run())
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
