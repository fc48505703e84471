"""Mean gait cycles of measured people, cut from laboratory trials of the lab data.

Coordinates and moments are those that the laboratories published (inverse kinematics and dynamics
by OpenSim); powers are moment times angular velocity. `assets/reference` holds the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.lab import sto
from bioenv.lab.cycles import foot_events, reference_of
from bioenv.lab.filters import butterworth
from bioenv.lab.reference import PERCENT, Curve, Reference, periodic
from bioenv.lab.sto import Table
from bioenv.motion import Motion

Array = NDArray[np.float64]

_CUTOFF = 6.0  # Hz, that of the published moments
_UHLRICH_EMG = {
    "soleus_l_activation": "soleus_l",
    "gasmed_l_activation": "gastrocnemius_medialis_l",
    "gaslat_l_activation": "gastrocnemius_lateralis_l",
    "vasmed_l_activation": "vastus_medialis_l",
    "vaslat_l_activation": "vastus_lateralis_l",
    "recfem_l_activation": "rectus_femoris_l",
}
_RAJAGOPAL_EMG = {
    "soleus": "soleus_r",
    "gastrocnemius": "gastrocnemius_medialis_r",
    "tibialis_anterior": "tibialis_anterior_r",
    "medial_hamstrings": "hamstrings_medialis_r",
    "biceps_femoris": "hamstrings_lateralis_r",
    "vastus_lateralis": "vastus_lateralis_r",
    "vastus_medius": "vastus_medialis_r",
    "rectus_femoris": "rectus_femoris_r",
    "gluteus_medius": "glut_med_r",
}


class _Trial(NamedTuple):
    """Files of one trial of a model of Rajagopal's family (knee flexion positive)."""

    coordinates: str
    moments: str
    forces: str
    feet: Mapping[str, str]
    mass: float
    belt: float = 0.0  # m/s


def uhlrich2022(folder: Path) -> Reference:
    """Uhlrich et al. 2022: one man, 53 treadmill strides at 1.25 m/s (Apache-2.0)."""
    trial = _Trial(
        "results_ik.sto", "results_id.sto", "walking_baseline1_forces.mot",
        {"r": "ground_force_", "l": "1_ground_force_"}, 86.04, 1.25,
    )  # fmt: skip
    motion = _with_emg(_motion(folder, trial), folder / "EMG_allMuscles.sto", _UHLRICH_EMG)
    return _named(
        reference_of(motion, "uhlrich2022"), "one healthy man, 26 years, treadmill, right leg "
        "(EMG: left leg), mean of 53 strides",
        "Uhlrich SD, Jackson RW, Seth A, Kolesar JA, Delp SL (2022) Sci Rep 12:9842; "
        "github.com/stanfordnmbl/MatlabStaticOptimization, TestData",
        "Apache-2.0", "ground forces low-passed and at 50 Hz as published: landing peaks are blunt",
    )  # fmt: skip


def rajagopal2016(folder: Path) -> Reference:
    """Rajagopal et al. 2016: one man, one overground stride at 1.24 m/s (Apache-2.0).

    Coordinates begin 0.18 s after the stride does; the beginning of the next stride stands there.
    """
    trial = _Trial(
        "coordinates_plain.mot", "id_walk.sto", "grf_walk.mot",
        {"r": "ground_force_r_", "l": "ground_force_l_"}, 85.27,
    )  # fmt: skip
    forces = _forces(sto.read(folder / trial.forces), trial)
    first, second = foot_events(forces, "r").strikes[:2]
    emg = _with_emg(forces, folder / "electromyography_envelopes.sto", _RAJAGOPAL_EMG)
    motion = _shifted(_motion(folder, trial), first, second)
    return _named(
        reference_of(_joined(motion, emg), "rajagopal2016"),
        "one healthy man, one overground stride, right leg",
        "Rajagopal A, Dembia CL, DeMers MS, Delp DD, Hicks JL, Delp SL (2016) IEEE Trans Biomed "
        "Eng 63:2068; github.com/opensim-org/opensim-core, Examples/Moco/example3DWalking",
        "Apache-2.0", "one stride: there is no spread; its first 16 % are the next stride's",
    )  # fmt: skip


def _motion(folder: Path, trial: _Trial) -> Motion:
    """Coordinates, their speeds, moments and ground forces on the coordinates' clock."""
    motion = sto.coordinates(sto.read(folder / trial.coordinates), knee="positive")
    table, forces = sto.read(folder / trial.moments), sto.read(folder / trial.forces)
    ground = _forces(forces, trial)
    start = max(motion.time[0], table.time[0], ground.time[0])
    stop = min(motion.time[-1], table.time[-1], ground.time[-1])
    motion = motion.between(start, stop)
    rate = (len(motion) - 1) / motion.duration
    speed = np.gradient(butterworth(motion["qpos"], rate, _CUTOFF, 4), motion.time, axis=0)
    names = [n for n in motion.labels("qpos") if f"{n}_moment" in table.labels]
    moment = [np.interp(motion.time, table.time, table.column(f"{n}_moment")) for n in names]
    motion = motion.add("qvel", speed, labels=motion.labels("qpos"), source="computed")
    motion = motion.add("joint_torque", np.column_stack(moment), labels=names, source="computed")
    force = _on_clock(ground, "ground_reaction_force", motion.time)
    return motion.add(
        "ground_reaction_force", force, labels=tuple(trial.feet), source="measured"
    ).with_meta(mass_kg=trial.mass, belt_speed=trial.belt)  # fmt: skip


def _forces(table: Table, trial: _Trial) -> Motion:
    return sto.ground_reaction(table, trial.feet).with_meta(mass_kg=trial.mass)


def _on_clock(motion: Motion, channel: str, time: Array) -> Array:
    """A channel (T, ...) at other instants, linearly."""
    values = motion[channel]
    flat = values.reshape(len(values), -1)
    columns = [np.interp(time, motion.time, one) for one in flat.T]
    return np.column_stack(columns).reshape(len(time), *values.shape[1:])


def _with_emg(motion: Motion, path: Path, sites: Mapping[str, str]) -> Motion:
    """The motion with envelopes on its clock, labelled by electrode site and side."""
    table = sto.read(path)
    columns = [np.interp(motion.time, table.time, table.column(name)) for name in sites]
    return motion.add(
        "emg", np.maximum(np.column_stack(columns), 0.0), labels=tuple(sites.values()),
        source="measured",
    )  # fmt: skip


def _shifted(motion: Motion, first: float, second: float) -> Motion:
    """The stride from `first` to `second` s of a motion that begins after `first`.

    What is missing at its beginning is taken one stride later.
    """
    period = second - first
    step = float(np.median(np.diff(motion.time)))
    # A little more at both ends: the strikes that bound the stride must be seen.
    time = np.arange(first - 0.05, second + 0.05, step)
    at = np.where(time < motion.time[0], time + period, time)
    qpos = _on_clock(motion, "qpos", at)
    ahead = motion.labels("qpos").index("pelvis_tx")
    progress = np.interp(motion.time[0] + period, motion.time, motion["qpos"][:, ahead])
    qpos[:, ahead] -= (at > time) * (progress - motion["qpos"][0, ahead])
    moved = Motion(time, model=motion.model, meta=motion.meta)
    moved = moved.add("qpos", qpos, labels=motion.labels("qpos"), source="measured")
    for name in ("qvel", "joint_torque"):
        values = _on_clock(motion, name, at)
        moved = moved.add(name, values, labels=motion.labels(name), source="computed")
    return moved


def _joined(motion: Motion, measured: Motion) -> Motion:
    """The motion with ground forces and EMG of another one, on its own clock."""
    for name in ("ground_reaction_force", "emg"):
        values = _on_clock(measured, name, motion.time)
        motion = motion.add(name, values, labels=measured.labels(name), source="measured")
    return motion


def _named(one: Reference, people: str, source: str, licence: str, note: str) -> Reference:
    """A reference of its own right: smooth at the ends of its cycle, with source and licence."""
    curves = {
        name: Curve(periodic(curve.mean, PERCENT), curve.sd, curve.unit)
        for name, curve in one.curves.items()
        if np.ptp(curve.mean) > 0  # a joint that the model welds was not measured
    }
    notes = (impulse_note(curves["grf_vertical"]), note)
    return replace(
        one, curves=curves, people=people, source=source, licence=licence, notes=notes
    )  # fmt: skip


def impulse_note(vertical: Curve) -> str:
    """How far the vertical force of both feet is from carrying the body over the cycle."""
    both = 2 * float(np.mean(vertical.mean[:-1]))
    return (
        f"mean vertical force of both feet over the cycle is {both:.3f} body weights "
        f"(1.000 would carry the body): {100 * (both - 1):+.1f} %"
    )
