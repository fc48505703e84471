"""Measured people in one convention: signs, units, clocks, and which frames may be believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import sto
from bioenv.learn.people.cycles import cycle_names, read_cycle
from bioenv.learn.people.leg_data import leg_windows
from bioenv.learn.people.measured_people import LEGS, names, read, trusted
from bioenv.learn.people.trials import TRIALS

LAB = paths.lab_data()
lab = [
    pytest.mark.lab,
    pytest.mark.skipif(LAB is None, reason="the lab data are not here"),
]


def test_unknown_people_and_missing_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(BioenvError, match="did you mean 'uhlrich2022'"):
        read("uhlrich2023")
    with pytest.raises(BioenvError, match="BIOENV_LAB_DATA"):
        read("uhlrich2022", tmp_path)
    with pytest.raises(BioenvError, match="BIOENV_LAB_DATA"):
        read_cycle("csu_leg2d", tmp_path)
    with pytest.raises(BioenvError, match="Available"):
        read_cycle("nobody", tmp_path)


@pytest.mark.parametrize("name", names())
class TestTrials:
    pytestmark = lab

    def test_signs_and_sizes(self, name: str) -> None:
        motion = read(name)
        mass = motion.meta["mass_kg"]
        for side in ("r", "l"):
            knee = np.degrees(motion.column("qpos", f"knee_angle_{side}"))
            assert knee.min() > -8
            assert 45 < knee.max() < 80
            good = trusted(motion, side)
            assert good.any()
            ankle = motion.column("joint_torque", f"ankle_angle_{side}")[good] / mass
            assert -2.0 < ankle.min() < -1.1
            assert ankle.max() < 0.4
            load = motion["ground_reaction_force"][:, ("r", "l").index(side), 2] / (9.81 * mass)
            assert load.min() > -0.05
            assert 0.9 < load.max() < 1.3
        assert motion.labels("joint_torque") == LEGS
        path = motion.column("qpos", "pelvis_tx")
        assert 0.9 < (path[-1] - path[0]) / motion.duration < 1.4  # overground, belt or not
        assert 0.38 < motion.meta["thigh_m"] < 0.48
        assert 0.38 < motion.meta["shank_m"] < 0.50

    def test_moments_are_the_published_ones(self, name: str) -> None:
        """Unfiltered, at the file's own instants."""
        assert LAB is not None
        trial = TRIALS[name]
        table = sto.read(LAB / trial.folder / trial.moments)
        motion = read(name, filtered=False)
        sign = -1.0 if trial.knee == "negative" else 1.0
        good = trusted(motion, "l")
        for joint, factor in (("hip_flexion", 1.0), ("knee_angle", sign), ("ankle_angle", 1.0)):
            time = motion.time[good]
            if trial.repeats:
                time = table.time[0] + (time - table.time[0]) % (table.time[-1] - table.time[0])
            wanted = np.interp(time, table.time, factor * table.column(f"{joint}_l_moment"))
            have = motion.column("joint_torque", f"{joint}_l")[good]
            limit = 1e-6 if not trial.repeats else 0.05 * motion.meta["mass_kg"]
            np.testing.assert_allclose(have[:-1], wanted[:-1], atol=limit)


@pytest.mark.parametrize("name", cycle_names())
class TestCycles:
    pytestmark = lab

    def test_only_the_measured_leg_is_trusted(self, name: str) -> None:
        assert LAB is not None
        motion = read_cycle(name, LAB)
        assert trusted(motion, "r").any()
        assert not trusted(motion, "l").any()
        windows = leg_windows(motion)
        assert set(windows.subject) == {motion.meta["subject"]}
        ankle = motion.column("joint_torque", "ankle_angle_r")[trusted(motion, "r")]
        assert -2.0 < ankle.min() / motion.meta["mass_kg"] < -1.3
        assert any("left leg" in note for note in motion.meta["notes"])


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
def test_only_frames_with_known_forces_are_trusted() -> None:
    """Falisse's feet stand on one plate each, once; the plates of PS miss the second landing."""
    falisse = read("falisse2019_trial")
    load = falisse["ground_reaction_force"][:, :, 2]
    for i, side in enumerate(("r", "l")):
        inside = trusted(falisse, side)
        assert load[inside, i].max() > 500.0
        assert not inside[0]
        assert not inside[-1]
    assert trusted(read("uhlrich2022"), "r").mean() > 0.99
    windows = leg_windows(falisse)
    assert np.isfinite(windows.targets).all()
    assert len(windows) < trusted(falisse, "r").sum() + trusted(falisse, "l").sum()
