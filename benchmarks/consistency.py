"""How far motions are from physics: measured trials, policies, the optimized walk, forged motions.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/consistency.py

A table of `bioenv.check`, each motion with its ground forces and without them. Measured trials are
those of the lab data (left out where these are not): coordinates and forces as their authors give
them, coordinates low-passed at 6 Hz. Seconds are of one core.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import bioenv
from bioenv import paths
from bioenv.cli import main as bioenv_command
from bioenv.models import osim
from bioenv.models.anatomy import Anatomy
from bioenv.motion import Motion

_GRF = "ground_reaction_force"
TRIALS = {
    "arnold2013 (consistent)": (
        "arnold2013_consistent/subject01",
        ("subject01.osim", "coordinates.mot", "grf.mot"),
        ("--cutoff", "0"),
    ),
    "rajagopal2016 (residuals reduced)": (
        "rajagopal2016_walk",
        ("subject_walk_scaled.osim", "coordinates_plain.mot", "grf_walk.mot"),
        ("--start", "0.5", "--stop", "1.7"),
    ),
    "uhlrich2022, 10 s": (
        "uhlrich2022_treadmill",
        ("Rajagopal_scaled_Sub1_gasAvoid.osim", "results_ik.sto", "walking_baseline1_forces.mot"),
        ("--start", "10", "--stop", "20"),
    ),
    "subject01, gait2392": (
        "opensim_gait_subject01",
        ("gait2392/subject01_simbody.osim", "gait2392/subject01_walk1_ik.mot",
         "subject01_walk1_grf.mot"),
        ("--stop", "2.45"),
    ),
    "subject01, planar model": (
        "opensim_gait_subject01",
        ("gait10dof18musc/subject01.osim", "gait10dof18musc/subject01_walk_IK.mot",
         "subject01_walk1_grf.mot"),
        (),
    ),
    "falisse2019, one trial": (
        "falisse2019_subject1",
        ("subject1.osim", "IK_gait_1.mot", "GRF_gait_1.mot"),
        (),
    ),
}  # fmt: skip


def measured(folder: Path) -> Iterator[tuple[str, Motion, Anatomy | None]]:
    """Lab trials as motions."""
    lab = paths.lab_data()
    if lab is None:
        print("measured trials left out: the lab data are not here")
        return
    for name, (place, (model, coordinates, forces), more) in TRIALS.items():
        where, out = lab / place, folder / str(len(list(folder.iterdir())))
        words = ["inverse", "--model", where / model, "--coordinates", where / coordinates,
                 "--forces", where / forces, "--no-report", "--out", out, *more]  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            code = bioenv_command([str(word) for word in words])
        if code:
            print(f"{name}: bioenv inverse failed")
            continue
        yield name, Motion.load(out / "motion.nc"), osim.load(where / model)


def predicted() -> Iterator[tuple[str, Motion, Anatomy | None]]:
    """The shipped optimized walk and ten seconds of every shipped walking policy."""
    yield "optimized walk", optimized(), None
    for name in ("Walk-v0", "WalkImitate-v0", "WalkOptimal-v0"):
        policy = bioenv.Policy.load(name)
        yield f"policy {name}", bioenv.rollout(policy, seed=1, seconds=10.0), None


def optimized() -> Motion:
    """The shipped walk."""
    return Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))


def forged() -> Iterator[tuple[str, Motion, Anatomy | None]]:
    """The optimized walk with something wrong."""
    walk = optimized()

    def with_(name: str, values: np.ndarray) -> Motion:
        return replace(
            walk, signals={**walk.signals, name: replace(walk.signals[name], values=values)}
        )

    up = np.array(walk.labels("qpos")) == "pelvis_tz"
    yield "forces 10 % too large", with_(_GRF, 1.1 * walk[_GRF]), None
    yield "forces 30 % too large", with_(_GRF, 1.3 * walk[_GRF]), None
    yield "no forces: hovers", with_(_GRF, 0.0 * walk[_GRF]), None
    yield "5 cm above the floor", with_("qpos", walk["qpos"] + 0.05 * up), None
    for factor in (1.2, 1.5, 2.0):
        rates = {"qvel": factor, "qacc": factor**2}
        signals = {
            n: replace(s, values=s.values * rates.get(n, 1.0)) for n, s in walk.signals.items()
        }
        yield (
            f"played {factor:g} times as fast",
            Motion(walk.time / factor, signals, walk.model, walk.meta),
            None,
        )


def main() -> None:
    """Print the table."""
    head = f"{'motion':34}{'score':>8}{'< 3':>7}{'residual N':>12}{'no forces':>11}{'s':>6}"
    print(f"{head}  verdict")
    with tempfile.TemporaryDirectory() as folder:
        for name, motion, body in (*measured(Path(folder)), *predicted(), *forged()):
            found = bioenv.check(motion, body)
            kept = {n: s for n, s in motion.signals.items() if n in ("qpos", "qvel", "qacc")}
            alone = bioenv.check(replace(motion, signals=kept), body)
            print(
                f"{name:34}{found.overall:>8.3f}{100 * found.share:>5.0f} %"
                f"{found.residual_rms:>12.1f}{alone.overall:>11.3f}{found.seconds:>6.1f}"
                f"  {found.status}"
            )


if __name__ == "__main__":
    main()
