"""A measured minute of treadmill walking, scored like any other motion."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv import paths
from bioenv.evaluate import Evaluation, evaluate
from bioenv.lab import sto

LAB = paths.lab_data()
FOLDER = LAB / "uhlrich2022_treadmill" if LAB is not None else None
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        FOLDER is None or not FOLDER.is_dir(), reason="no measured data: set BIOENV_LAB_DATA"
    ),
]


@pytest.fixture(scope="module")
def walk() -> Evaluation:
    """86.04 kg, belt at 1.25 m/s, 50 Hz, knee flexion positive, plate 0 right and plate 1 left."""
    assert FOLDER is not None
    motion = sto.coordinates(sto.read(FOLDER / "results_ik.sto"), knee="positive")
    ground = sto.ground_reaction(
        sto.read(FOLDER / "walking_baseline1_forces.mot"),
        {"r": "ground_force_", "l": "1_ground_force_"},
    )
    force = np.stack(
        [
            [np.interp(motion.time, ground.time, ground["ground_reaction_force"][:, f, a])
             for f in range(2)]
            for a in range(3)
        ]
    ).transpose(2, 1, 0)  # fmt: skip
    motion = motion.add("ground_reaction_force", force, labels="rl", source="measured")
    return evaluate(motion.with_meta(mass_kg=86.04, belt_speed=1.25, label="uhlrich"))


def test_stated_figures_are_found(walk):
    assert walk.score("strides_found").value / 2 == pytest.approx(53, abs=1)  # 54 and one skipped
    assert walk.score("stride_time").value == pytest.approx(1.112, abs=0.003)
    assert walk.score("stride_time_sd").value == pytest.approx(0.016, abs=0.003)
    assert walk.score("speed").value == pytest.approx(1.25, abs=0.01)
    # single strides peak at 1.16 to 1.20 body weights, the mean of all peaks lies below
    assert 1.05 < walk.score("peak_vertical_grf").value < 1.16


def test_a_measured_walk_obeys_newton(walk):
    assert walk.score("vertical_impulse").ok
    assert walk.score("fore_aft_impulse").value == pytest.approx(0, abs=0.02)


def test_a_healthy_walk_looks_like_one(walk):
    assert 0.6 < walk.score("duty_factor").value < 0.68
    assert walk.score("left_right_difference").ok
    assert walk.score("foot_pitch_at_landing").ok
    assert walk.score("joint_angle_r").value > 0.9
    assert walk.score("grf_vertical_r").value > 0.95
    assert walk.score("grf_fore_aft_r").value > 0.95
