"""Walks whose joint torques are known, with noisy markers, and what a filter makes of them.

Truth are the dynamically consistent trials after Arnold et al. 2013 (coordinates and forces of a
tracking simulation), bioenv's own optimal walk and a rollout of a shipped policy. Markers are those
of the model; the planar model has none of its own and gets three on every segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.signal import butter, filtfilt

import bioenv
from bioenv import models, paths
from bioenv.commands.trial_files import read_body, read_measured
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.ground import ground_contacts
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.measured import Measured
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.lab.trial import ForcePlate, Markers
from bioenv.models.anatomy import Anatomy, BodyMarker
from bioenv.models.frames import Frames
from bioenv.models.native_anatomy import NativeAnatomy
from bioenv.motion import Motion

Array = NDArray[np.float64]

CUTOFFS = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0)  # Hz
PAIRED = 0.802  # a filter that runs there and back halves the amplitude at cutoff / 0.802
CASES = ("subject01", "subject02", "predict-walk", "WalkImitate-v0")


@dataclass(frozen=True, eq=False)
class Truth:
    """A walk: time (T,) s, q, qd, qdd (T, n), the ground's forces; exact."""

    name: str
    anatomy: Anatomy
    time: Array
    q: Array
    qd: Array
    qdd: Array
    plates: tuple[tuple[ForcePlate, str | None], ...]

    @cached_property
    def external(self) -> list[Contact]:
        """The plates at the frames, on the bodies they act on."""
        found = ground_contacts(self.anatomy, self.q, self.time, self.plates).contacts
        return [Contact(c.body, c.force, c.point, c.moment) for c in found]

    def torque_of(self, q: Array, qd: Array, qdd: Array) -> Array:
        """(T, k) of the independent, unlocked coordinates, under the true forces."""
        tau = generalized_forces(self.anatomy, q, qd, qdd, self.external, like_opensim=False)
        return self.reduced(q, tau)

    def reduced(self, q: Array, tau: Array) -> Array:
        """(T, k) of those coordinates from the forces of all (T, n)."""
        return np.einsum("ti,tij->tj", tau, self.anatomy.reduction(q))[:, self.joints]

    @cached_property
    def joints(self) -> NDArray[np.bool_]:
        """Which independent coordinates have a torque: not the root's."""
        free = self.anatomy.independent
        return (~self.anatomy.root & ~self.anatomy.locked)[free]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of those coordinates."""
        a = self.anatomy
        return tuple(np.array(a.coordinates)[a.independent][self.joints])

    @cached_property
    def torque(self) -> Array:
        """(T, k) N*m, the truth."""
        return self.torque_of(self.q, self.qd, self.qdd)

    @cached_property
    def markers(self) -> Array:
        """(T, M, 3) m, exact."""
        position, rotation = _frames(self.anatomy, self.q)
        return np.stack(
            [position[:, m.body] + rotation[:, m.body] @ m.location for m in self.anatomy.markers],
            axis=1,
        )

    def measured(self, seed: int, noise: float = 2e-3) -> Measured:
        """Markers with white noise (m, along each axis), and the plates."""
        draw = np.random.default_rng(seed).normal(0.0, noise, self.markers.shape)
        names = tuple(m.name for m in self.anatomy.markers)
        rate = 1.0 / float(np.median(np.diff(self.time)))
        markers = Markers(self.time, names, self.markers + draw, rate)
        return Measured(self.name, markers=markers, plates=self.plates)


def load(name: str) -> Truth:
    """One of CASES."""
    if name.startswith("subject"):
        return _arnold(name)
    if name == "predict-walk":
        motion = Motion.load(paths.agent_file("solutions", name, "motion.nc"))
        return _own(name, motion, (-1.0, 99.0))
    motion = bioenv.rollout(bioenv.Policy.load(name), seed=1, seconds=4.0)
    return _own(name, motion, (2.0, 3.1))


def filtered(truth: Truth, measured: Measured) -> dict[float, Array]:
    """Torques (T, k) by cutoff: inverse kinematics, a low-pass, inverse dynamics.

    The low-pass is the better, by hindsight, of OpenSim's (third order, mirrored ends) and scipy's
    filtfilt (second order, twice).
    """
    markers = measured.markers
    assert markers is not None
    found = inverse_kinematics(truth.anatomy, markers.time, markers.names, markers.positions)
    return {cutoff: _best(truth, found.q, cutoff) for cutoff in CUTOFFS}


def _best(truth: Truth, q: Array, cutoff: float) -> Array:
    smooth = opensim_coordinates(truth.time, q, cutoff)
    tries = [[smooth(truth.time, order) for order in range(3)]]
    rate = 1.0 / float(np.median(np.diff(truth.time)))
    b, a = butter(2, 2.0 * cutoff / PAIRED / rate)
    low = filtfilt(b, a, q, axis=0, padlen=min(60, len(q) - 1))
    spline = make_interp_spline(truth.time, low, 5)
    tries.append([low, spline(truth.time, 1), spline(truth.time, 2)])
    made = [truth.torque_of(truth.anatomy.couple(one[0]), *one[1:]) for one in tries]
    return min(made, key=lambda tau: rms(tau - truth.torque))


def rms(error: Array) -> float:
    """Root mean square of everything."""
    return float(np.sqrt(np.mean(error**2)))


def _arnold(name: str) -> Truth:
    folder = lab() / "arnold2013_consistent" / name
    anatomy, _ = read_body(str(folder / f"{name}.osim"))
    trial = read_measured(
        anatomy, markers=None, coordinates=str(folder / "coordinates.mot"),
        forces=str(folder / "grf.mot"), external_loads=None, emg=None,
    )  # fmt: skip
    assert trial.q is not None
    assert trial.time is not None
    spline = make_interp_spline(trial.time, trial.q, 5)
    return Truth(
        name, anatomy, trial.time, trial.q, spline(trial.time, 1), spline(trial.time, 2),
        trial.plates,
    )  # fmt: skip


def _own(name: str, motion: Motion, window: tuple[float, float]) -> Truth:
    """A motion of the planar model between two instants, s."""
    inside = (motion.time >= window[0]) & (motion.time <= window[1])
    anatomy = NativeAnatomy(models.load("walker2d"))
    anatomy.markers = _three_each(anatomy)
    labels = ("r", "l")  # the whole feet, toes included
    turned = "free_moment" in motion
    still = np.zeros((len(motion), 3))
    plates = tuple(
        (
            ForcePlate(
                label, motion.time, motion.column("ground_reaction_force", label),
                motion.column("center_of_pressure", label),
                motion.column("free_moment", label) if turned else still,
            ),
            f"calcn_{label}",
        )
        for label in labels
    )  # fmt: skip
    state = (motion[channel][inside] * anatomy.sign for channel in ("qpos", "qvel", "qacc"))
    return Truth(name, anatomy, motion.time[inside], *state, plates)


def _three_each(anatomy: NativeAnatomy) -> tuple[BodyMarker, ...]:
    mj = anatomy.mj
    places = ((0.04, 0.06, 0.0), (-0.04, 0.06, -0.03), (0.02, 0.06, -0.12))
    return tuple(
        BodyMarker(f"{mj.body(body).name}_{i}", body, np.array(place) * _side(mj.body(body).name))
        for body in range(1, mj.nbody)
        for i, place in enumerate(places)
    )


def _side(name: str) -> Array:
    return np.array([1.0, -1.0 if name.endswith("_r") else 1.0, 1.0])


def _frames(anatomy: Anatomy, q: Array) -> tuple[Array, Array]:
    """(T, nbody, 3) origins and (T, nbody, 3, 3) rotations of bodies."""
    qpos, nbody = anatomy.expand(q).qpos, anatomy.mj.nbody
    position, rotation = np.empty((len(q), nbody, 3)), np.empty((len(q), nbody, 3, 3))
    for part, batch, ids in Frames(anatomy.mj, qpos, None, ("xpos", "xmat")):
        position[part] = batch.bind("xpos")[ids].reshape(-1, nbody, 3)
        rotation[part] = batch.bind("xmat")[ids].reshape(-1, nbody, 3, 3)
    return position, rotation


def lab() -> Path:
    """The folder of the lab data."""
    folder = paths.lab_data()
    if folder is None:
        raise SystemExit("no lab data: set BIOENV_LAB_DATA")
    return folder


def burst_gaps(time: Array, share: float, longest: float, seed: int) -> NDArray[np.bool_]:
    """(T,) frames lost: bursts of a half to all of `longest` s, `share` of all in sum.

    Between two bursts at least half a burst is seen, or they would be one.
    """
    draw, lost = np.random.default_rng(seed), np.zeros(len(time), dtype=bool)
    step = float(np.median(np.diff(time)))
    apart = round(0.5 * longest / step)
    for _ in range(10_000):
        length = max(1, round(draw.uniform(0.5, 1.0) * longest / step))
        start = int(draw.integers(0, len(time) - length + 1))
        if not lost[max(start - apart, 0) : start + length + apart].any():
            lost[start : start + length] = True
        if lost.mean() >= share:
            break
    return lost


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.3g} ± {np.std(values, ddof=1) if len(values) > 1 else 0.0:.2g}"
