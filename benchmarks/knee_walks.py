"""Three walks with an instrumented knee prosthesis, read up to the sharing of torque among muscles.

Subject PS of the Grand Challenge (Fregly et al. 2012, J Orthop Res 30:503), left leg. See
``knee_load.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv import paths
from bioenv.inverse.analysis import Settings
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.electromyography import hear
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.ground import contact_at
from bioenv.inverse.measured import coordinates_of
from bioenv.inverse.muscles import SharingProblem
from bioenv.inverse.muscles.contact_cost import ContactLoad, contact_load
from bioenv.inverse.reaction import joint_reaction
from bioenv.inverse.sharing_task import sharing_problem
from bioenv.lab import sto
from bioenv.lab.filters import butterworth
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.lab.trial import ForcePlate
from bioenv.lab.trial_files import read_forces, read_trial
from bioenv.models import osim
from bioenv.models.anatomy import MuscleGeometry
from bioenv.models.osim.description import Muscle

Array = NDArray[np.float64]

WALKS = ("ss1", "ss8", "ss9")
KNEE = "walker_knee_l"
FEET = ("calcn_l", "calcn_r", "calcn_r")  # of plates 1, 2, 3
CUTOFF = 6.0  # Hz, of the coordinates
LANDING = 0.15  # s after heel strike


@dataclass(frozen=True, eq=False)
class Walk:
    """One walk of the left leg: its torques, what muscles can do, how they load the knee.

    percent, total, medial, lateral (101,): the measured load, N. frontal (T,): moment about the
    forward axis at the knee without muscles, N*m. angles: of hip, knee and ankle, degrees.
    published: (T,) N, OpenSim 3.3's.
    """

    name: str
    problem: SharingProblem
    contact: ContactLoad
    geometry: MuscleGeometry
    muscles: tuple[Muscle, ...]
    angles: dict[str, Array]
    frontal: Array
    total: Array
    medial: Array
    lateral: Array
    published: Array

    @property
    def percent(self) -> Array:
        """(T,) % of the cycle."""
        time = self.problem.time
        return 100 * (time - time[0]) / (time[-1] - time[0])

    @property
    def duration(self) -> float:
        return float(self.problem.time[-1] - self.problem.time[0])

    def load(self, force: Array) -> Array:
        """(T,) N, size of the knee's contact force under muscle forces (T, m)."""
        return self.contact.resultant(force)[:, 0]

    @cached_property
    def delay(self) -> float:
        """s by which the prosthesis shows the frontal moment of landing later than the plates."""
        fine = np.arange(0.0, LANDING, 0.001)
        clock = np.linspace(0, self.duration, len(self.total))
        shown = np.interp(fine, clock, self.medial - self.lateral)
        made = np.interp(fine, self.problem.time, self.frontal)
        return float(fine[shown.argmin()] - fine[made.argmin()])

    @cached_property
    def emg(self) -> tuple[Array, dict[str, tuple[str, ...]]]:
        """(T, e) envelopes and the muscles below them; channels that never rest are left out."""
        data = paths.lab_data()
        assert data is not None
        trial = read_trial(data / "grand_challenge5_PS" / f"PS_ngait_og_{self.name}.c3d")
        assert trial.emg is not None
        strike = next(e.time for e in trial.events if e.name == "foot strike" and e.side == "l")
        heard = hear(trial.emg, self.problem.muscles, "l")
        at = heard.at(self.problem.time + strike)
        on = [e for e in heard.electrodes if at[e.channel].min() < 0.5 * at[e.channel].max()]
        return np.column_stack([at[e.channel] for e in on]), {e.channel: e.muscles for e in on}


def read(name: str, cutoff: float | None = CUTOFF, floor: bool = False) -> Walk:
    """A walk with ground forces low-passed at `cutoff` Hz, None: as measured.

    floor: activation keeps above the 1 % of the model's file (OpenSim 4.6), else above 0 (the
    published results, OpenSim 3.3).
    """
    data = paths.lab_data()
    if data is None:
        raise SystemExit("no lab data: set BIOENV_LAB_DATA")
    folder = data / "grand_challenge5_PS"
    anatomy = osim.load(folder / "GC5_FemAntev12Deg.osim")
    base = folder / f"PS_ngait_og_{name}"
    table = sto.read(f"{base}_kinematics.mot")
    smooth = opensim_coordinates(table.time, coordinates_of(anatomy, table)[0], CUTOFF)
    time, q, qd, qdd = smooth.time, anatomy.couple(smooth.value), smooth.first, smooth.second
    plates, _ = read_forces(f"{base}_kinetics.mot")
    external = [
        ground_force(plate, body, time, cutoff) for plate, body in zip(plates, FEET, strict=True)
    ]
    torque = generalized_forces(anatomy, q, qd, qdd, external)
    geometry = anatomy.muscle_geometry(q, qd)
    whole = sharing_problem(
        anatomy, time, q, torque, geometry, anatomy.muscle_capacity(geometry), Settings(reserve=0.0)
    )
    problem, m = left_leg(whole if floor else replace(whole, lower=0.0 * whole.lower))
    contact = contact_load(anatomy, q, qd, qdd, external, [KNEE])
    load = np.genfromtxt(f"{base}_eTibia.csv", delimiter=",", names=True)
    net = joint_reaction(anatomy, q, qd, qdd, None, external, [KNEE])
    return Walk(
        name, problem, replace(contact, pull=contact.pull[:, m]),
        MuscleGeometry(geometry.length[:, m], geometry.moment_arm[:, m], geometry.velocity[:, m]),
        tuple(anatomy.description.muscles[i] for i in m),
        {c: np.degrees(q[:, anatomy.coordinates.index(f"{c}_l")])
         for c in ("hip_flexion", "knee_angle", "ankle_angle")},
        net.moment[:, 0, 0],
        load["F_total_magnitude_N"], load["F_medial_N"], load["F_lateral_N"],
        published(Path(f"{base}_JointReaction_ReactionLoads.sto"), time),
    )  # fmt: skip


def published(path: Path, time: Array) -> Array:
    """(T,) N, size of the knee's contact force as published."""
    table = sto.read(path)
    parts = [table.column(f"{KNEE}_on_tibia_l_in_tibia_l_f{axis}") for axis in "xyz"]
    return np.interp(time, table.time, np.linalg.norm(parts, axis=0))


def ground_force(plate: ForcePlate, body: str, time: Array, cutoff: float | None) -> Contact:
    """A plate's force at `time`. Filtered, it reaches a little beyond the contact, as the filtered
    accelerations of the foot do; cut at the contact's end it would pass for a jump of torque."""
    if cutoff is None:
        found = contact_at(plate, body, time)
        return Contact(body, found.force, found.point, found.moment)
    wrench = np.column_stack([np.nan_to_num(plate.force), plate.moment_about()])
    wrench = butterworth(wrench, plate.rate, cutoff)
    at = np.column_stack([np.interp(time, plate.time, column) for column in wrench.T])
    return Contact(body, at[:, :3], np.zeros((len(time), 3)), at[:, 3:])


def left_leg(whole: SharingProblem) -> tuple[SharingProblem, list[int]]:
    """The problem of the left leg alone, and which muscles it has."""
    m = [i for i, name in enumerate(whole.muscles) if name.endswith("_l")]
    k = [i for i, name in enumerate(whole.coordinates) if name.endswith("_l")]
    part = replace(
        whole,
        torque=whole.torque[:, k], moment_arm=whole.moment_arm[:, m][:, :, k],
        active=whole.active[:, m], passive=whole.passive[:, m],
        max_isometric_force=whole.max_isometric_force[m],
        lower=whole.lower[m], upper=whole.upper[m], reserve=whole.reserve[k],
        muscles=tuple(whole.muscles[i] for i in m),
        coordinates=tuple(whole.coordinates[i] for i in k),
    )  # fmt: skip
    return part, m
