"""Windows of legs: what surrounds an instant of one leg, and its moments at that instant.

A window is nine rows of `bioenv.learn.people.features`, 40 ms apart, centred on its instant: the
estimate looks 0.16 s ahead. It is made for measured trials that are analysed afterwards, not for
control in real time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.learn.estimators import Windows
from bioenv.learn.people.cycles import cycle_names, read_cycle
from bioenv.learn.people.features import NAMES, rows_of
from bioenv.learn.people.measured_people import JOINTS, RATE, SIDES, names, read, trusted
from bioenv.learn.people.posture import bent, resized
from bioenv.learn.people.simulated_people import population
from bioenv.motion import Motion

Array = NDArray[np.float64]

SPACING = 4  # frames of 10 ms between the rows of a window
LENGTH = 9  # rows
REACH = SPACING * (LENGTH // 2)  # frames before and after the instant
SETTLED = 20  # frames at either end of a recording whose filtered accelerations are not believed
INPUTS = tuple(name for name, _ in NAMES)
TARGETS = tuple(f"{joint} moment" for joint in JOINTS)
CROWD = "crowd_"
BENT = ", bent"  # marks recordings that were made from measured ones by another bend of the knees


def leg_windows(motion: Motion, *, every: int = 1, sides: Sequence[str] = SIDES) -> Windows:
    """Windows of both legs at the frames whose moments may be believed (`trusted`).

    motion: at 100 Hz with low-passed qpos, as `read` gives it; without joint_torque the targets are
    NaN. every: frames from one window to the next.
    """
    rows = rows_of(motion)
    parts = [_side(motion, rows.values[SIDES.index(side)], side, every) for side in sides]
    return Windows.join(parts)


def measured(folder: Path | None = None, *, every: int = 1) -> Windows:
    """Windows of every measured person: all trials and mean cycles of the lab data."""
    return Windows.join([leg_windows(one, every=every) for one in recordings(folder)])


def recordings(folder: Path | None = None) -> list[Motion]:
    """Every recording of the lab data, trials first. Raises BioenvError without the lab data."""
    root = folder if folder is not None else paths.lab_data()
    if root is None:
        raise BioenvError(
            "the lab data are not here; name their folder with the environment variable "
            "BIOENV_LAB_DATA"
        )
    trials = [read(name, root) for name in names()]
    return trials + [read_cycle(name, root) for name in cycle_names()]


def varied(
    motions: Sequence[Motion], copies: int, bend: float, size: float, seed: int, every: int
) -> Windows:
    """Windows of measured people with other bends of the knees (`bent`) and sizes (`resized`).

    bend, size: standard deviations of a copy's angle, rad, and of its size as a share.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for motion in motions:
        for _ in range(copies):
            angle = np.clip(bend * rng.standard_normal(2), -0.3, 0.3)
            one = bent(motion, (float(angle[0]), float(angle[1])))
            if size:
                one = resized(one, float(np.exp(size * rng.standard_normal())))
            found = leg_windows(one, every=every)
            parts.append(replace(found, recording=np.char.add(found.recording, BENT)))
    return Windows.join(parts)


def simulated(
    *, bend: float, seed: int, every: int, crowds: int, path: Path | None = None
) -> Windows:
    """Windows of the simulated people, in `crowds` groups that count as one person each."""
    rng = np.random.default_rng(seed + 10_007)
    parts = []
    for number, motion in enumerate(population(path)):
        angle = np.clip(bend * rng.standard_normal(2), -0.3, 0.3)
        one = bent(motion, (float(angle[0]), float(angle[1])))
        found = leg_windows(one, every=every)
        crowd = np.full(len(found), f"{CROWD}{number % crowds}")
        parts.append(replace(found, subject=crowd))
    return Windows.join(parts)


def _side(motion: Motion, rows: Array, side: str, every: int) -> Windows:
    step = motion.duration / (len(motion) - 1)
    if abs(step * RATE - 1) > 1e-3:
        raise BioenvError(
            f"legs are estimated at {RATE:g} Hz, this motion has {1 / step:.4g} Hz: resample it "
            "(bioenv.learn.estimators.at_rate)"
        )
    if len(motion) <= 2 * SETTLED:
        raise BioenvError(
            f"the motion lasts {motion.duration:.2f} s; moments need more than "
            f"{2 * SETTLED / RATE:g} s: the first and last {SETTLED / RATE:g} s give none"
        )
    good = trusted(motion, side)
    good[:SETTLED] = good[-SETTLED:] = False
    at = np.flatnonzero(good)
    at = at[at % every == 0]
    around = at[:, None] + SPACING * np.arange(-(LENGTH // 2), LENGTH // 2 + 1)
    targets = np.full((len(at), 1, len(JOINTS)), np.nan)
    if "joint_torque" in motion:
        mass = float(motion.meta["mass_kg"])
        for j, joint in enumerate(JOINTS):
            targets[:, 0, j] = motion.column("joint_torque", f"{joint}_{side}")[at] / mass
    time = motion.time[at] + REACH / RATE  # of the last row
    strikes = np.asarray(motion.meta.get("strikes", {}).get(side, []), dtype=np.float64)
    stride = np.searchsorted(strikes, motion.time[at], side="right") - 1
    return Windows(
        rows[around], targets, INPUTS, TARGETS, tuple(unit for _, unit in NAMES),
        ("N*m/kg",) * len(JOINTS), RATE / SPACING, (-REACH / RATE,),
        np.full(len(at), str(motion.meta.get("subject", ""))),
        np.full(len(at), f"{motion.meta.get('recording', '')} {side}"),
        stride.astype(np.int64), time,
    )  # fmt: skip
