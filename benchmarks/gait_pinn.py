"""Gait networks against filters, and against force plates that they are not shown.

    .venv/bin/python benchmarks/gait_pinn.py torque [--seeds 5] [--cases subject01 ...]
    .venv/bin/python benchmarks/gait_pinn.py ablate [--seeds 5] [--cases ...] [--parts highest ...]
    .venv/bin/python benchmarks/gait_pinn.py gaps | plates | masses

``torque``: RMS error of all joint torques from markers with 2 mm noise along each axis. The rival
filters the coordinates of inverse kinematics; its cutoff is the best of ten by hindsight, for all
joints together and, as a harder rival, for each joint by itself. Both get the true forces.
``plates``: measured trials without their forces: vertical force in % of body weight and knee moment
in N m/kg against what the plates say (6 Hz low-pass, inverse dynamics).
"""

from __future__ import annotations

import argparse
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from gait_truth import CASES, Array, Truth, burst_gaps, filtered, lab, load, rms, spread

from bioenv.commands.listing import table
from bioenv.commands.trial_files import read_body, read_measured
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.ground import ground_contacts
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.learn.gait import GaitPINN
from bioenv.learn.gait_mass import mass_groups, with_masses


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=sorted(WHAT))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--parts", nargs="+", choices=sorted(ABLATIONS), help="of ablate")
    args = parser.parse_args()
    WHAT[args.what](args)


def torque(args: argparse.Namespace) -> None:
    """Torques against truth."""
    rows = [["case", "filter, best cutoff", "Hz", "each joint's best", "network", "less",
             "95 % holds", "CPU s"]]  # fmt: skip
    joints: list[list[str]] = []
    for name in args.cases or CASES:
        truth = load(name)
        got: dict[str, list[float]] = {}
        errors, rivals = [], []
        for seed in range(args.seeds):
            trial = truth.measured(seed)
            by_cutoff = {c: tau - truth.torque for c, tau in filtered(truth, trial).items()}
            best = min(by_cutoff, key=lambda c: rms(by_cutoff[c]))
            each = [min(rms(e[:, j]) for e in by_cutoff.values()) for j in range(len(truth.names))]
            pinn, seconds = fit({"seed": seed}, truth.anatomy, trial)
            error = truth.reduced(pinn.q_, pinn.torque_) - truth.torque
            held = np.abs(error) < 1.96 * pinn.torque_deviation_[:, _columns(pinn, truth)]
            for key, value in (
                ("filter", rms(by_cutoff[best])), ("cutoff", best), ("each", rms(np.array(each))),
                ("network", rms(error)), ("less", 100 * (1 - rms(error) / rms(by_cutoff[best]))),
                ("held", 100 * held.mean()), ("s", seconds),
            ):  # fmt: skip
                got.setdefault(key, []).append(value)
            errors.append(error)
            rivals.append(by_cutoff[best])
            _status(name, seed, pinn)
        rows.append(
            [
                name,
                *(
                    spread(got[key])
                    for key in ("filter", "cutoff", "each", "network", "less", "held", "s")
                ),
            ]
        )
        joints += _by_joint(truth, rivals, errors)
    print(table(rows, numbers=range(1, 8)))
    print(table([["case", "joint", "filter N m", "network N m"], *joints], numbers=(2, 3)))


def fit(settings: dict[str, Any], *args: Any, **window: Any) -> tuple[GaitPINN, float]:
    """A fitted network and the CPU seconds it took, which do not depend on the machine's load."""
    begin = clock.process_time()
    pinn = GaitPINN(muscles=False, **settings).fit(*args, **window)
    return pinn, clock.process_time() - begin


def _columns(pinn: GaitPINN, truth: Truth) -> list[int]:
    return [pinn.fitted_.index(name) for name in truth.names]


def _by_joint(truth: Truth, rivals: list[Array], errors: list[Array]) -> list[list[str]]:
    """RMS error of every joint of the right leg and the trunk over all seeds."""
    rival, own = np.concatenate(rivals), np.concatenate(errors)
    return [
        [truth.name, name, f"{rms(rival[:, j]):.2f}", f"{rms(own[:, j]):.2f}"]
        for j, name in enumerate(truth.names)
        if not name.endswith("_l") and not name.startswith(("arm", "pro", "elbow"))
    ]


def _status(name: str, seed: int, pinn: GaitPINN) -> None:
    print(f"{name} seed {seed}: {pinn.status_}, {pinn.message_}; {pinn.seconds_:.1f} s", flush=True)


ABLATIONS: dict[str, list[dict[str, Any]]] = {
    "physics_weight": [{"physics_weight": w} for w in (0.0, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)],
    "highest": [{"highest": h} for h in (6.0, 10.0, 15.0, 20.0, 25.0, 30.0)],
    "highest without physics": [
        {"physics_weight": 0.0, "highest": h} for h in (3.0, 4.0, 5.0, 6.0, 8.0)
    ],
    "collocation": [{"collocation": c} for c in (50.0, 60.0, 80.0, 100.0, 150.0, 200.0)],
    "hidden": [{"hidden": n} for n in (0, 10, 20)],
    "torque_time": [{"torque_time": t} for t in (0.03, 0.06, 0.1, 0.2)],
}


def ablate(args: argparse.Namespace) -> None:
    """One part at a time."""
    rows = [["case", "part", "value", "RMS N m", "CPU s"]]
    for name in args.cases or CASES[:1]:
        truth = load(name)
        trials = [truth.measured(seed) for seed in range(args.seeds)]
        for part in args.parts or ABLATIONS:
            for one in ABLATIONS[part]:
                errors, seconds = [], []
                for seed, trial in enumerate(trials):
                    pinn, spent = fit({"seed": seed, **one}, truth.anatomy, trial)
                    errors.append(rms(truth.reduced(pinn.q_, pinn.torque_) - truth.torque))
                    seconds.append(spent)
                told = ", ".join(f"{value:g}" for value in one.values())
                rows.append([name, part, told, spread(errors), spread(seconds)])
                print(*rows[-1], flush=True)
    print(table(rows, numbers=(2, 3, 4)))


def gaps(args: argparse.Namespace) -> None:
    """Angles where 30 % of the frames are lost."""
    rows = [["case", "bursts up to, s", "angle RMS deg", "in the gaps", "torque RMS N m"]]
    for name in args.cases or CASES:
        truth = load(name)
        free = np.flatnonzero(truth.anatomy.rotational & truth.anatomy.independent
                              & ~truth.anatomy.locked)  # fmt: skip
        for longest in (0.1, 0.2):
            angle, inside, torques = [], [], []
            for seed in range(args.seeds):
                trial = truth.measured(seed)
                assert trial.markers is not None
                lost = burst_gaps(truth.time, 0.3, longest, seed)
                seen = np.where(lost[:, None, None], np.nan, trial.markers.positions)
                trial = replace(trial, markers=replace(trial.markers, positions=seen))
                pinn, _ = fit({"seed": seed}, truth.anatomy, trial)
                error = np.degrees(pinn.q_ - truth.q)[:, free]
                angle.append(rms(error))
                inside.append(rms(error[lost]))
                torques.append(rms(truth.reduced(pinn.q_, pinn.torque_) - truth.torque))
            rows.append([name, f"{longest:g}", spread(angle), spread(inside), spread(torques)])
            print(*rows[-1], flush=True)
    print(table(rows, numbers=range(1, 5)))


class Trial(NamedTuple):
    """Files of a measured trial, the window s, and when each side's plate is to be believed."""

    model: str
    coordinates: str
    forces: str
    window: tuple[float | None, float | None]
    markers: str | None = None
    believed: Mapping[str, tuple[float, float]] = {}


TRIALS = {
    "falisse2019": Trial(
        "falisse2019_subject1/subject1.osim", "falisse2019_subject1/IK_gait_1.mot",
        "falisse2019_subject1/GRF_gait_1.mot", (None, None),
        believed={"r": (3.75, 4.43), "l": (3.20, 3.89)},
    ),
    "gait2392": Trial(
        "opensim_gait_subject01/gait2392/subject01_simbody.osim",
        "opensim_gait_subject01/gait2392/subject01_walk1_ik.mot",
        "opensim_gait_subject01/subject01_walk1_grf.mot", (0.5, 2.4),
    ),
    "rajagopal2016": Trial(
        "rajagopal2016_walk/subject_walk_scaled.osim", "rajagopal2016_walk/coordinates_plain.mot",
        "rajagopal2016_walk/grf_walk.mot", (0.45, 1.79), "rajagopal2016_walk/markers_walk.trc",
    ),
    "uhlrich2022": Trial(
        "uhlrich2022_treadmill/Rajagopal_scaled_Sub1_gasAvoid.osim",
        "uhlrich2022_treadmill/results_ik.sto",
        "uhlrich2022_treadmill/walking_baseline1_forces.mot", (10.0, 11.6),
    ),
}  # fmt: skip


def plates(args: argparse.Namespace) -> None:
    """Measured trials without forces, against their plates."""
    rows = [["trial", "data", "foot", "vertical % BW", "fore-aft", "lateral", "knee N m/kg",
             "of it bias", "CPU s", "status"]]  # fmt: skip
    for name in args.cases or TRIALS:
        trial = TRIALS[name]
        for source in ("coordinates", "markers") if trial.markers else ("coordinates",):
            rows += _against_plates(name, trial, source)
            for row in rows[-2:]:
                print(*row, flush=True)
    print(table(rows, numbers=range(3, 9)))


def _against_plates(name: str, trial: Trial, source: str) -> list[list[str]]:
    root = lab()
    anatomy, _ = read_body(str(root / trial.model))
    files = {"forces": str(root / trial.forces), "external_loads": None, "emg": None}
    full = read_measured(anatomy, markers=None, coordinates=str(root / trial.coordinates), **files)
    data = full
    if source == "markers":
        assert trial.markers is not None
        data = read_measured(anatomy, markers=str(root / trial.markers), coordinates=None, **files)
    elif full.time is not None and full.q is not None and np.diff(full.time).mean() < 4e-3:
        data = replace(full, time=full.time[::10], q=full.q[::10])
    start, stop = trial.window
    pinn, seconds = fit({}, anatomy, replace(data, plates=()), start=start, stop=stop)
    assert full.time is not None
    smooth = opensim_coordinates(full.time, full.q, 6.0)
    seen = (pinn.time_ >= full.time[0]) & (pinn.time_ <= full.time[-1])
    time = pinn.time_[seen]
    q = anatomy.couple(smooth(time))
    contacts = ground_contacts(anatomy, q, time, full.plates).contacts
    external = [Contact(c.body, c.force, c.point, c.moment) for c in contacts]
    tau = generalized_forces(anatomy, q, smooth(time, 1), smooth(time, 2), external)
    out = []
    for side in "rl":
        low, high = trial.believed.get(side, (-np.inf, np.inf))
        part = (time >= low) & (time <= high)
        sums = [
            sum((c.force for c in many if c.body.endswith(f"_{side}")), np.zeros((len(t), 3)))
            for many, t in ((pinn.contacts_, pinn.time_), (contacts, time))
        ]
        gap = 100 * (sums[0][seen] - sums[1])[part] / anatomy.body_weight
        knee = anatomy.coordinates.index(f"knee_angle_{side}")
        miss = (pinn.torque_[seen] - tau)[part, knee] / anatomy.mass
        out.append([
            name, source, side, f"{rms(gap[:, 2]):.1f}", f"{rms(gap[:, 0]):.1f}",
            f"{rms(gap[:, 1]):.1f}", f"{rms(miss):.3f}", f"{miss.mean():+.3f}",
            f"{seconds:.0f}", str(pinn.status_),
        ])  # fmt: skip
    return out


def masses(args: argparse.Namespace) -> None:
    """Segment masses of a model that is wrong, found from a trial of the right one."""
    rows = [["case", "segment", "true kg", "model kg", "found kg", "95 % half width", "holds"]]
    for name in args.cases or ("subject01", "predict-walk"):
        truth = load(name)
        segments, groups = mass_groups(truth.anatomy)
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for seed in range(args.seeds):
            wrong = np.random.default_rng(100 + seed).normal(0.0, 0.1, len(segments)) @ groups
            anatomy = with_masses(truth.anatomy, 1.0 + wrong)
            pinn, _ = fit({"masses": 0.15, "seed": seed}, anatomy, truth.measured(seed))
            for segment, row in zip(segments, groups, strict=True):
                if segment not in pinn.mass_:
                    continue  # too light to be weighed, in this wrong model
                body = int(np.flatnonzero(row)[0])
                real, model = (float(a.mj.body_mass[body]) for a in (truth.anatomy, anatomy))
                low, high = pinn.mass_interval_[segment]
                found.setdefault(segment, []).append(
                    (real, model, pinn.mass_[segment], (high - low) / 2)
                )
            _status(name, seed, pinn)
        for segment, many in found.items():
            real, model, kg, half = np.array(many).T
            rows.append([
                name, segment, f"{real[0]:.2f}", f"off by {rms(model - real):.2f}",
                f"off by {rms(kg - real):.2f}", spread(half),
                f"{int((np.abs(kg - real) < half).sum())} of {len(many)}",
            ])  # fmt: skip
    print(table(rows, numbers=range(2, 7)))


WHAT: dict[str, Callable[[argparse.Namespace], None]] = {
    "torque": torque, "ablate": ablate, "gaps": gaps, "plates": plates, "masses": masses,
}  # fmt: skip


if __name__ == "__main__":
    main()
