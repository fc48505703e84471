"""Segments and forces in the sagittal plane, the features made of them, and bends of the knees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.people.features import NAMES, rows_of
from bioenv.learn.people.legs import GRAVITY, Build, Pose, lever, loads, places
from bioenv.learn.people.measured_people import LEGS, RATE, with_rates
from bioenv.learn.people.posture import bent, resized
from bioenv.learn.people.simulated_people import population
from bioenv.motion import Motion

Array = NDArray[np.float64]
BUILD = Build(0.42, 0.43)
STEP = 0.01


def still(thigh: float = 0.0, shank: float = 0.0, foot: float = 0.0, count: int = 40) -> Pose:
    ones = np.ones((count, 2))
    hip = np.column_stack([np.zeros(count), np.full(count, 0.9)])
    return Pose(np.zeros(count), thigh * ones, shank * ones, foot * ones, hip)


def walker(number: int = 3) -> Motion:
    return population()[number]


def shifted(motion: Motion, **angle: float) -> Motion:
    q, labels = motion["qpos"].copy(), motion.labels("qpos")
    for name, by in angle.items():
        for i, label in enumerate(labels):
            if label == name or label[:-2] == name:
                q[:, i] += by
    return motion.add("qpos", q, labels=labels, source="computed")


def test_a_body_at_rest_is_carried_and_a_falling_one_is_not() -> None:
    found = loads(still(), BUILD, STEP)
    np.testing.assert_allclose(found.ground, [[0.0, GRAVITY]] * 40, atol=1e-9)
    time = np.arange(40) * STEP
    pose = still()
    falling = replace(pose, hip=pose.hip - np.column_stack([0 * time, GRAVITY / 2 * time**2]))
    np.testing.assert_allclose(loads(falling, BUILD, STEP).ground[2:-2], 0.0, atol=1e-6)


def test_a_leg_held_forward_is_carried_by_its_hip() -> None:
    """Weight of thigh, shank and foot times their horizontal distance from the hip (Winter)."""
    angle = 0.4
    found = loads(still(thigh=angle, shank=angle, foot=angle), BUILD, STEP)
    joint, sole = places(still(thigh=angle, shank=angle, foot=angle), BUILD)
    hip, knee, ankle = joint[0, 0, :, 0]
    middle = [hip + 0.433 * (knee - hip), knee + 0.433 * (ankle - knee), sole[0, 0, :, 0].mean()]
    wanted = GRAVITY * np.dot([0.100, 0.0465, 0.0145], np.array(middle) - hip)
    np.testing.assert_allclose(found.swing[:, :, 0], wanted, rtol=1e-9)


def test_a_force_under_the_toes_extends_the_ankle_and_none_through_a_joint_turns_it() -> None:
    joint = places(still(), BUILD)[0][0, 0]
    ahead = joint[2] + np.array([0.12, -BUILD.ankle])
    moment = lever(ahead, np.array([0.0, 10.0]), joint)
    np.testing.assert_allclose(moment[2], -1.2)  # plantarflexion is negative
    np.testing.assert_allclose(moment[1], 1.2)  # the knee's flexors hold against being extended
    for at in range(3):
        assert lever(joint[at], np.array([3.0, 7.0]), joint)[at] == pytest.approx(0.0, abs=1e-12)


def test_the_pressure_centre_of_somebody_at_rest_lies_under_the_mass_centre() -> None:
    found = loads(still(), BUILD, STEP)
    # upright and symmetrical but for the feet, whose centres lie ahead of the ankles
    wanted = 2 * 0.0145 * GRAVITY * (0.5 - 0.25) * BUILD.foot
    np.testing.assert_allclose(found.spin, wanted, rtol=1e-9)


def test_newton_finds_the_ground_force_of_the_simulated_people() -> None:
    """Seven segments of Winter against MuJoCo's bodies: within 6 % of body weight."""
    for number in (0, 30, 60, 85, 110):
        motion = walker(number)
        rows = rows_of(motion)
        force = motion["ground_reaction_force"].sum(axis=1)[:, [0, 2]] / motion.meta["mass_kg"]
        error = np.sqrt(((rows.loads.ground - force)[20:-20] ** 2).mean(axis=0))
        assert error.max() < 0.06 * GRAVITY


@pytest.mark.parametrize(
    "moved",
    [{"ankle_angle": 0.1}, {"pelvis_tilt": 0.07, "hip_flexion": -0.07, "lumbar_extension": -0.07},
     {"lumbar_extension": 0.2}, {"pelvis_tx": 5.0}, {"pelvis_tz": 0.3}],
)  # fmt: skip
def test_zero_poses_and_places_of_the_laboratory_do_not_matter(moved: dict[str, float]) -> None:
    motion = walker().with_meta(hip_m=[0.0, 0.0])
    np.testing.assert_allclose(
        rows_of(shifted(motion, **moved)).values, rows_of(motion).values, atol=1e-7
    )


def test_the_left_leg_is_the_right_leg_of_the_mirrored_person() -> None:
    motion = walker()
    labels = motion.labels("qpos")
    swap = {"r": "l", "l": "r"}
    other = [n[:-1] + swap[n[-1]] if n in LEGS else n for n in labels]
    mirrored = motion.add("qpos", motion["qpos"], labels=other, source="computed")
    there, here = rows_of(mirrored).values, rows_of(motion).values
    np.testing.assert_allclose(there[::-1], here, atol=1e-9)


def test_columns_have_names_and_finite_values() -> None:
    values = rows_of(walker()).values
    assert values.shape == (2, len(walker()), len(NAMES))
    assert np.isfinite(values).all()


def test_a_bend_and_its_opposite_cancel() -> None:
    motion = walker()
    back = bent(bent(motion, (0.1, -0.05)), (-0.1, 0.05))
    for name in ("qpos", "joint_torque"):
        np.testing.assert_allclose(back[name], motion[name], atol=1e-9)


def test_a_bend_moves_the_knee_across_the_force_and_leaves_the_ankle() -> None:
    """Quasi-static part: the knee moment changes by the ground force times the knee's way."""
    motion, angle = walker(), 0.08
    other = bent(motion, (angle, angle))
    change = (other["joint_torque"] - motion["joint_torque"]) / motion.meta["mass_kg"]
    at = {n: motion.labels("joint_torque").index(n) for n in LEGS}
    stance = motion["ground_reaction_force"][:, 0, 2] > 0.8 * GRAVITY * motion.meta["mass_kg"]
    stance[:10] = stance[-10:] = False
    knee = change[stance, at["knee_angle_r"]]
    # Forward, by thigh length times the angle: the force then passes behind the knee.
    wanted = -GRAVITY * motion.meta["thigh_m"] * angle
    assert np.mean(knee) == pytest.approx(wanted, rel=0.15)
    assert np.abs(change[stance, at["ankle_angle_r"]]).max() < 0.01
    assert other["qpos"][0, motion.labels("qpos").index("knee_angle_r")] > motion["qpos"][
        0, motion.labels("qpos").index("knee_angle_r")]  # fmt: skip


def test_what_is_missing_is_named() -> None:
    motion = walker()
    keep = [i for i, n in enumerate(motion.labels("qpos")) if n != "ankle_angle_l"]
    names = [motion.labels("qpos")[i] for i in keep]
    with pytest.raises(BioenvError, match="ankle_angle_l"):
        rows_of(motion.add("qpos", motion["qpos"][:, keep], labels=names, source="measured"))
    with pytest.raises(BioenvError, match="height_m"):
        rows_of(motion.with_meta(thigh_m=None, shank_m=None))
    by_height = rows_of(motion.with_meta(thigh_m=None, shank_m=None, height_m=1.75))
    assert np.isfinite(by_height.values).all()
    with pytest.raises(BioenvError, match=r"0\.5 rad"):
        bent(motion, (0.6, 0.0))


def test_the_population_is_walkers_of_many_kinds() -> None:
    people = population()
    assert len(people) > 100
    mass = np.array([one.meta["mass_kg"] for one in people])
    assert mass.min() < 50
    assert mass.max() > 100
    for one in people[::9]:
        load = one["ground_reaction_force"][:, :, 2].sum(axis=1).mean() / one.meta["mass_kg"]
        assert load == pytest.approx(GRAVITY, rel=0.06)
        ankle = one.column("joint_torque", "ankle_angle_r") / one.meta["mass_kg"]
        assert -2.2 < ankle.min() < -1.0
        assert (len(one) - 1) / one.duration == pytest.approx(RATE)


def test_rates_are_derivatives() -> None:
    time = np.arange(300) / RATE
    q = np.column_stack([np.sin(3 * time), time])
    motion = with_rates(Motion(time).add("qpos", q, labels=("a", "b"), source="measured"))
    inside = slice(50, -50)
    np.testing.assert_allclose(motion["qvel"][inside, 0], 3 * np.cos(3 * time)[inside], atol=5e-3)
    np.testing.assert_allclose(motion["qacc"][inside, 0], -9 * np.sin(3 * time)[inside], atol=2e-2)


def test_a_resized_walk_obeys_newton() -> None:
    """Forces per weight and moments per weight and length stay, at similar instants.

    Forces differ by what the 6 Hz filter takes off once more: 4 % of body weight.
    """
    motion, size = walker(), 1.21
    other = resized(motion, size)
    here, there = rows_of(motion), rows_of(other)
    time = here.time * np.sqrt(size)
    inside = (there.time > 0.3) & (there.time < there.time[-1] - 0.3)

    def like(values: Array) -> Array:
        return np.interp(there.time[inside], time, values)

    np.testing.assert_allclose(
        there.loads.ground[inside, 1], like(here.loads.ground[:, 1]), atol=0.4
    )
    np.testing.assert_allclose(
        there.loads.swing[inside, 0, 0], size * like(here.loads.swing[:, 0, 0]), atol=0.03
    )
    mass = size**3 * motion.meta["mass_kg"]
    assert other.meta["mass_kg"] == pytest.approx(mass)
    np.testing.assert_allclose(
        other["joint_torque"][inside, 2] / mass,
        size * like(motion["joint_torque"][:, 2] / motion.meta["mass_kg"]), rtol=1e-9,
    )  # fmt: skip
    with pytest.raises(BioenvError, match="size"):
        resized(motion, 5.0)
