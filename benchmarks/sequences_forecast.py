"""Where the legs will be 100, 250 and 500 ms ahead, against what anybody would try first.

    python benchmarks/sequences_forecast.py --part walkers --json FILE
    python benchmarks/sequences_forecast.py --part treadmill --json FILE     # needs the lab data
    python benchmarks/sequences_forecast.py --part walkers --ship agents/estimators/forecast

Simulated walkers: episodes of the shipped policies that no training saw. A measured man: a fifth of
54 treadmill strides in three blocks, others for every seed. The baselines are fitted to the same
windows; ridge and the networks stop and are tuned on the same validation windows.
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
from sequences_walks import TASKS, walks

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
    coverage,
    expected_calibration_error,
    rmse,
)
from bioenv.learn.people import read
from bioenv.learn.sequences import forecast
from bioenv.learn.sequences.baselines import FourierSeries, Persistence, Ridge

Array = NDArray[np.float64]
Told = Callable[[Windows], Array]

AT_MS = (100, 250, 500)
PLAN = Plan(epochs=48, patience=48, batch=64, learning_rate=4e-3, anneal=True)
COMMAND = "python benchmarks/sequences_forecast.py --part walkers --ship agents/estimators/forecast"
TRAIN, VALID, CALIBRATE, TEST = (0, 64), (10_000, 12), (20_000, 24), (30_000, 24)
"""First seed and number of walks of every task."""


def simulated(which: tuple[int, int], every: int) -> dict[str, Windows]:
    """Windows of walks, by task."""
    first, count = which
    return {
        task: Windows.join([forecast.windows(m, every=every) for m in walks(task, count, first)])
        for task in TASKS
    }


def instant(ms: int) -> int:
    """Which offset lies so far ahead."""
    return int(np.argmin(np.abs(np.asarray(forecast.AHEAD_S) - ms / 1000)))


def scored(mean: Array, test: Windows) -> dict[str, float]:
    """RMSE in degrees over the six leg angles at 100, 250, 500 ms."""
    legs = slice(0, forecast.LEGS)
    return {
        f"{ms} ms": float(
            np.rad2deg(rmse(mean[:, instant(ms), legs], test.targets[:, instant(ms), legs]))
        )
        for ms in AT_MS
    }


def told(one: Estimator, test: Windows) -> dict[str, float]:
    """`scored`, and how good the interval is at 250 ms."""
    found, at = one.predict(test), instant(250)
    return {
        **scored(found.mean, test),
        "coverage": coverage(found.lower[:, at], found.upper[:, at], test.targets[:, at]),
        "coverage, all instants": coverage(found.lower, found.upper, test.targets),
        "ECE": expected_calibration_error(
            found.mean[:, at], found.total[:, at], test.targets[:, at]
        ),
    }


def network(train: Windows, seed: int, members: int, trunk: str = "lstm") -> Estimator:
    """The forecast network; simulated angles have no noise, and none is added."""
    return Estimator(
        forecast.settings_for(train, trunk=trunk), members=members, seed=seed, plan=PLAN,
        balance=False,
        novelty=Novelty(components=256, neighbors=1, references=800, usual=0.95),
    )  # fmt: skip


def convolution(seed: int) -> Estimator:
    """The plain temporal convolution that the core offers, as many epochs."""
    return Estimator(
        Settings("convolution", hidden=64), members=1, seed=seed, plan=PLAN, balance=False
    )


def unusual(test: Windows) -> dict[str, Windows]:
    """The test windows with one thing wrong each, and runners."""
    found = {}
    for number in (0, 1, 2, 6):
        inputs = test.inputs.copy()
        inputs[:, :, [number, number + 8]] = 0.0
        found[f"no {forecast.LABELS[number]}"] = replace(test, inputs=inputs)
    order = np.arange(16)
    order[[0, 2, 8, 10]] = [2, 0, 10, 8]
    found["hip and ankle swapped"] = replace(test, inputs=test.inputs[:, :, order])
    order = np.arange(16)
    order[[1, 4, 9, 12]] = [4, 1, 12, 9]
    found["knees of the two legs swapped"] = replace(test, inputs=test.inputs[:, :, order])
    running = [forecast.windows(m, every=10) for m in walks("Run-v0", 8, 40_000, 8.0)]
    found["running"] = Windows.join(running)
    return found


def walkers(
    seeds: int, folder: Path | None, save: Callable[[Mapping[str, Any]], None]
) -> dict[str, list[dict[str, float]]]:
    """Simulated walkers: rows "task: method", one entry per seed. folder: gets the ensemble."""
    rows: dict[str, list[dict[str, float]]] = {}
    by_task = simulated(TRAIN, 10)
    train = Windows.join(list(by_task.values()))
    valid = Windows.join(list(simulated(VALID, 20).values()))
    tuned = Windows.join(list(simulated(CALIBRATE, 20).values()))
    test = simulated(TEST, 20)
    print(len(train), len(valid), len(tuned), {k: len(w) for k, w in test.items()}, flush=True)

    def put(name: str, told_: Callable[[Windows], Mapping[str, float]]) -> None:
        for task, one in test.items():
            rows.setdefault(f"{task}: {name}", []).append(dict(told_(one)))
            print(task, name, {k: round(v, 3) for k, v in rows[f"{task}: {name}"][-1].items()},
                  flush=True)  # fmt: skip

    for name, simple in (("persistence", Persistence()), ("Fourier series", FourierSeries())):
        simple.fit(train)
        put(name, lambda w, s=simple: scored(s.predict(w), w))
    each = {task: Ridge().fit(by_task[task], valid.take(valid.subject == task)) for task in TASKS}
    put("ridge of the task", lambda w: scored(each[w.subject[0]].predict(w), w))
    members: list[Estimator] = []
    for seed in range(seeds):
        members.append(network(train, seed, 1).fit(train, valid, tuned))
        put("LSTM", lambda w: told(members[-1], w))
    whole = members[0]
    whole.networks_, whole.members = [one.networks_[0] for one in members], len(members)
    whole.calibrate(tuned)
    put("LSTM, ensemble", lambda w: told(whole, w))
    if folder is not None:
        ship(whole, folder)
    for task, one in test.items():
        score = whole.predict(one).novelty
        found = {k: auroc(score, whole.predict(w).novelty) for k, w in unusual(one).items()}
        rows.setdefault(f"{task}: AUROC", []).append(found)
        print(task, found, flush=True)
    _long(whole, test, rows)
    for seed in range(seeds):
        save(rows)
        plain = convolution(seed).fit(train, valid, tuned)
        put("temporal convolution", lambda w, p=plain: told(p, w))
    save(rows)
    return rows


def _long(
    one: Estimator, test: Mapping[str, Windows], rows: dict[str, list[dict[str, float]]]
) -> None:
    """Two seconds ahead by feeding back, on walks of their own, beside the Fourier series."""
    for task in test:
        inputs, truth = [], []
        for motion in walks(task, 12, 50_000):
            long = forecast.windows(motion, every=40)
            kept = long.time + 2.0 < motion.time[-1] - 1e-6
            at = np.searchsorted(motion.time, long.time[kept] - 1e-9)
            inputs.append(long.take(kept))
            labels = list(motion.labels("qpos"))
            assert labels == list(forecast.LABELS)
            truth.append(motion["qpos"][at[:, None] + np.array([40, 80])])
        windows, later = Windows.join(inputs), np.concatenate(truth)
        found = forecast.continued(windows.inputs, one, 40)[:, [19, 39]]
        far = replace(windows, offsets_s=(1.0, 2.0), targets=later)
        series = FourierSeries().fit(far).predict(far)
        still = Persistence().fit(far).predict(far)
        for name, mean in (("LSTM fed back", found), ("Fourier series", series),
                           ("persistence", still)):  # fmt: skip
            row = {
                f"{s} s": float(np.rad2deg(rmse(mean[:, k, :6], later[:, k, :6])))
                for k, s in enumerate((1, 2))
            }
            rows.setdefault(f"{task}, long: {name}", []).append(row)
            print(task, name, row, flush=True)


def treadmill(seeds: int) -> dict[str, list[dict[str, float]]]:
    """One measured man: trained on his other strides alone."""
    rows: dict[str, list[dict[str, float]]] = {}
    motion = at_rate(_with_trunk(), forecast.RATE)
    windows = forecast.windows(motion)
    for seed in range(seeds):
        rest, test = by_stride(windows, 0.2, seed, blocks=2)
        rest, tuned = by_stride(rest, 0.25, 100 + seed, blocks=2)
        train, valid = by_stride(rest, 0.15, 200 + seed, blocks=1)
        simple: dict[str, Any] = {
            "persistence": Persistence(), "Fourier series": FourierSeries(), "ridge": Ridge(),
            "ridge, last 0.6 s": Ridge(),
        }  # fmt: skip
        found: dict[str, Any] = {}
        for name, one in simple.items():
            short = 24 if name.endswith("s") and "last" in name else forecast.LENGTH
            model = one.fit(_short(train, short), _short(valid, short))
            found[name] = scored(model.predict(_short(test, short)), test)
        plan = Plan(epochs=30, patience=30, batch=64, learning_rate=4e-3, anneal=True)
        noise = Noise.of(16, white=[0.01] * 8 + [0.1] * 8)
        lstm = Estimator(
            forecast.settings_for(train, hidden=32), members=2, seed=seed, plan=plan, noise=noise,
            novelty=Novelty(components=48, usual=0.95),
        )  # fmt: skip
        found["LSTM, ensemble of 2"] = told(lstm.fit(train, valid, tuned), test)
        plain = Estimator(Settings("convolution", hidden=32), members=1, seed=seed, plan=plan)
        found["temporal convolution"] = told(plain.fit(train, valid, tuned), test)
        for name, row in found.items():
            rows.setdefault(f"treadmill: {name}", []).append(row)
            print(name, {k: round(v, 3) for k, v in row.items()}, flush=True)
    return rows


def _with_trunk() -> Any:
    motion = read("uhlrich2022", filtered=False)
    kept = {name: motion.signals[name] for name in ("qpos", "qvel")}
    return type(motion)(motion.time, kept, motion.model, motion.meta)


def _short(windows: Windows, length: int) -> Windows:
    return replace(windows, inputs=windows.inputs[:, -length:])


def table(rows: Mapping[str, list[dict[str, float]]]) -> str:
    """Mean and standard deviation over the seeds."""
    lines = []
    for name, every in rows.items():
        lines.append(f"{name} ({len(every)})")
        for key in every[0]:
            values = np.array([row[key] for row in every])
            spread = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
            lines.append(f"    {key:35s} {values.mean():8.3f}{spread}")
    return "\n".join(lines)


def ship(one: Estimator, folder: Path) -> None:
    """Judge an ensemble on walks of its own, and write it."""
    small = {
        task: Windows.join([forecast.windows(m, every=20) for m in walks(task, 4, 60_000)])
        for task in TASKS
    }
    scores = {task: told(one, w) for task, w in small.items()}
    one.save(folder, card={
        "title": "angles of both legs and the trunk, 50 to 500 ms ahead",
        "reads": "qpos, qvel of the last 2 s", "gives": "qpos 50 to 500 ms ahead",
        "data": f"{TRAIN[1]} simulated walks each of {', '.join(TASKS)}; nothing measured",
        "command": COMMAND, "use": "bioenv learn forecast MOTION --out FILE",
        "seed": 0, "scores": scores,
        "held_out": "4 walks of every task: walks(task, 4, 60000), a window every 20 samples",
        "limits": "planar walkers of the shipped policies at 0.6-2.0 m/s; a person is flagged",
    })  # fmt: skip
    print(f"wrote {folder}", json.dumps(scores))


def main() -> None:
    """Command line."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--part", choices=("walkers", "treadmill"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--ship", type=Path)
    args = parser.parse_args()

    def save(found: Mapping[str, Any]) -> None:
        if args.json:
            args.json.write_text(json.dumps(found, indent=1) + "\n")

    rows: dict[str, Any] = {}
    if args.part in (None, "walkers"):
        rows.update(walkers(args.seeds, args.ship, save))
    if args.part in (None, "treadmill"):
        rows.update(treadmill(args.seeds))
    print(table(rows))
    save(rows)


if __name__ == "__main__":
    main()
