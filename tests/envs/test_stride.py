"""A motion becomes a reference: what is accepted, what is refused and why, what comes out."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv import models
from bioenv.envs.stride import ROWS, stride_reference
from bioenv.errors import BioenvError
from bioenv.models import Subject
from bioenv.motion import Motion

WALKER = models.load("walker2d")
PERIOD, SPEED = 1.1, 1.2  # s, m/s


def stride(samples: int = 101, strides: float = 1.0, **shift: float) -> Motion:
    """A made-up stride: hips swing in opposition, activation and excitation follow the phase.

    ``shift`` adds to a coordinate's last sample.
    """
    time = np.linspace(0.0, strides * PERIOD, samples)
    angle = 2 * np.pi * time / PERIOD
    qpos, qvel = np.tile(WALKER.home, (samples, 1)), np.zeros((samples, WALKER.mj.nv))
    qpos[:, WALKER.coordinate_index("pelvis_tx")] = 3.0 + SPEED * time
    qvel[:, WALKER.coordinate_index("pelvis_tx")] = SPEED
    for name, sign in (("hip_flexion_r", 1.0), ("hip_flexion_l", -1.0)):
        i = WALKER.coordinate_index(name)
        qpos[:, i] += sign * 0.4 * np.cos(angle)
        qvel[:, i] = -sign * 0.4 * 2 * np.pi / PERIOD * np.sin(angle)
    for name, value in shift.items():
        qpos[-1, WALKER.coordinate_index(name)] += value
    active = 0.3 + 0.2 * np.sin(angle[:, None] + np.arange(len(WALKER.muscles)))
    force = np.zeros((samples, 3, 3))
    force[:, :, 2] = WALKER.body_weight * np.array([0.6, 0.4, 0.1])
    motion = Motion(time, model="walker2d", meta={"mass_kg": WALKER.mass})
    motion = motion.add("qpos", qpos, labels=WALKER.coordinates, source="optimized")
    motion = motion.add("qvel", qvel, labels=WALKER.coordinates, source="optimized")
    motion = motion.add("activation", active, labels=WALKER.muscles, source="optimized")
    motion = motion.add("excitation", active / 2, labels=WALKER.muscles, source="optimized")
    # toes come first, so that feet must be found by their names
    return motion.add(
        "ground_reaction_force", force[:, [2, 0, 1]], labels=("toes_r", "r", "l"),
        source="optimized",
    )  # fmt: skip


def test_the_table_is_the_motion_at_every_phase():
    motion = stride()
    reference = stride_reference(motion, WALKER)
    follow = reference.on(WALKER)
    assert reference.cycle_s == pytest.approx(PERIOD)
    assert reference.speed == pytest.approx(SPEED)
    assert len(follow.qpos.values) == ROWS
    phase = np.array([0.0, 0.123, 0.5, 0.77, 0.9999])
    hip = WALKER.coordinate_index("hip_flexion_r")
    expected = WALKER.home[hip] + 0.4 * np.cos(2 * np.pi * phase)
    np.testing.assert_allclose(follow.qpos.at(phase)[:, hip], expected, atol=1e-4)
    np.testing.assert_allclose(follow.vertical_force.at(phase), [[0.6, 0.4]] * 5, rtol=1e-12)
    np.testing.assert_allclose(
        follow.activation.at(phase), 2 * follow.excitation.at(phase), rtol=1e-12
    )
    np.testing.assert_allclose(
        follow.activation.at(phase)[:, 0], 0.3 + 0.2 * np.sin(2 * np.pi * phase), atol=1e-3
    )


def test_what_travels_does_not_repeat_but_its_speed_does():
    follow = stride_reference(stride(), WALKER).on(WALKER)
    travel = WALKER.coordinate_index("pelvis_tx")
    np.testing.assert_array_equal(follow.qpos.values[:, travel], 0.0)
    np.testing.assert_allclose(follow.qvel.values[:, travel], SPEED)
    ends = follow.qpos.at(np.array([0.0, 1.0 - 1e-12]))
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)


def test_velocities_are_found_when_the_motion_has_none():
    motion = stride()
    bare = Motion(motion.time, {"qpos": motion.signals["qpos"]}, "walker2d")
    follow, known = (stride_reference(m, WALKER).on(WALKER) for m in (bare, motion))
    np.testing.assert_allclose(follow.qvel.values, known.qvel.values, atol=2e-3)
    assert follow.activation is follow.excitation is follow.vertical_force is None


def test_samples_may_lie_unevenly_and_columns_in_any_order():
    even, dense = stride(), stride(401)
    keep = np.sort(np.random.default_rng(0).choice(np.arange(1, 400), 150, replace=False))
    rows = [0, *keep, 400]
    order = np.roll(np.arange(WALKER.mj.nq), 5)
    uneven = Motion(dense.time[rows], model="walker2d").add(
        "qpos", dense["qpos"][rows][:, order],
        labels=[WALKER.coordinates[i] for i in order], source="measured",
    )  # fmt: skip
    a, b = (stride_reference(m, WALKER).on(WALKER).qpos.values for m in (even, uneven))
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_small_gap_at_the_end_is_spread_over_the_stride():
    follow = stride_reference(stride(knee_angle_r=0.02), WALKER).on(WALKER)
    knee = follow.qpos.values[:, WALKER.coordinate_index("knee_angle_r")]
    assert np.abs(np.diff([*knee, knee[0]])).max() < 0.01


@pytest.mark.parametrize(
    ("motion", "why"),
    [
        (stride(knee_angle_r=0.2), r"knee_angle_r ends \+0.200 .*motion.between"),
        (stride(strides=0.5), r"hip_flexion_r ends -0.800"),
        (stride(strides=2.0), "repeats itself 2 times"),
        (stride(strides=3.0), "repeats itself 3 times"),
        (stride(samples=12), "12 samples, at least 20"),
        (stride(pelvis_tx=-SPEED * PERIOD), "pelvis_tx advances 0.00 m"),
        (Motion(stride().time, stride().signals, "arm26"), "it is a motion of arm26"),
        (Motion(stride().time, {}, "walker2d"), r"no channel qpos \(it has none\)"),
    ],
)
def test_what_is_no_stride_is_refused_with_the_reason(motion, why):
    with pytest.raises(BioenvError, match=f"one whole stride of walker2d.*{why}"):
        stride_reference(motion, WALKER)


def test_a_missing_coordinate_or_muscle_is_named():
    motion = stride()
    fewer = Motion(motion.time, model="walker2d").add(
        "qpos", motion["qpos"][:, :-1], labels=WALKER.coordinates[:-1], source="measured"
    )
    with pytest.raises(BioenvError, match="its qpos lacks mtp_angle_l"):
        stride_reference(fewer, WALKER)
    weak = motion.add(
        "activation", motion["activation"][:, 1:], labels=WALKER.muscles[1:], source="measured"
    )
    with pytest.raises(BioenvError, match="its activation lacks hamstrings_r"):
        stride_reference(weak, WALKER)


def test_on_a_taller_body_the_pelvis_rises_with_the_legs():
    reference = stride_reference(stride(), WALKER)
    tall = models.load("walker2d", Subject(mass=80.0, height=1.95))
    own, other = reference.on(WALKER).qpos.values, reference.on(tall).qpos.values
    height = WALKER.coordinate_index("pelvis_tz")
    rise = other[:, height] - own[:, height]
    assert (rise > 0.05).all()
    np.testing.assert_array_equal(np.delete(own, height, 1), np.delete(other, height, 1))
    assert reference.on(tall) is reference.on(tall)  # built once: it is asked at every step
