"""The equation of motion in fitted coordinates, against inverse dynamics and differences."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.learn.gait_body import GaitBody, Load
from bioenv.learn.gait_mass import mass_groups, with_masses
from bioenv.models import osim

LAB = paths.lab_data()


@pytest.fixture(scope="module")
def case(files):
    """A body, states (6, 9) of it, and loads on its feet: one fixed in the world, one moving."""
    anatomy = osim.load(files["two.osim"])
    body = GaitBody(anatomy, np.arange(9))
    draw = np.random.default_rng(2)
    z = files.walk.q[10:70:10] + 0.0
    v, a = draw.normal(0, 1, z.shape), draw.normal(0, 5, z.shape)
    heel = {side: anatomy.body_id(f"calcn_{side}") for side in "rl"}
    force, moment = draw.normal(0, 200, (6, 3)), draw.normal(0, 20, (6, 3))
    loads = [
        Load(heel["r"], force, moment, point=draw.normal(0, 0.3, (6, 3))),
        Load(heel["l"], force[::-1].copy(), None, local=np.array([0.1, -0.03, 0.02]), drop=0.01),
    ]
    return body, (z, v, a), loads


def contacts(body, z, loads):
    names = [body.anatomy.mj.body(i).name for i in range(body.anatomy.mj.nbody)]
    place = body.points(z, loads)
    return [
        Contact(names[one.body], one.force, place[:, i], one.moment) for i, one in enumerate(loads)
    ]


def test_torques_are_those_of_inverse_dynamics(case) -> None:
    body, state, loads = case
    expected = generalized_forces(
        body.anatomy, *state, contacts(body, state[0], loads), like_opensim=False
    )
    np.testing.assert_allclose(body.torque(*state, loads), expected, atol=1e-8)


def test_slopes_are_those_of_differences(case) -> None:
    body, state, loads = case
    found = body.equation(*state, loads)
    np.testing.assert_allclose(found.tau, body.torque(*state, loads), atol=1e-10)
    h = 1e-5
    for which, slope in enumerate(found[1:]):
        for column in range(9):
            ends = []
            for sign in (1, -1):
                moved = [part.copy() for part in state]
                moved[which][:, column] += sign * h
                ends.append(body.torque(*moved, loads))
            difference = (ends[0] - ends[1]) / (2 * h)
            np.testing.assert_allclose(slope[:, :, column], difference, atol=1e-4)


def test_pushes_are_the_slopes_by_force_and_moment(case) -> None:
    body, state, loads = case
    force, moment = body.pushes(state[0], loads)
    before = body.torque(*state, loads)
    for i, load in enumerate(loads):
        for axis in range(3):
            unit = np.zeros_like(load.force)
            unit[:, axis] = 1.0
            old = np.zeros_like(unit) if load.moment is None else load.moment
            for kind, push in ((0, force), (1, moment)):
                more = Load(
                    load.body, load.force + unit * (kind == 0), old + unit * (kind == 1),
                    load.point, load.local, load.drop,
                )  # fmt: skip
                after = body.torque(*state, [more if k == i else x for k, x in enumerate(loads)])
                np.testing.assert_allclose(before - after, push[:, :, i, axis], atol=1e-8)


def test_masses_count_in_proportion(case) -> None:
    body, state, _ = case
    names, groups = mass_groups(body.anatomy)
    assert set(names) == {"pelvis", "femur", "tibia", "calcn"}
    shares = body.by_mass(*state, groups)
    np.testing.assert_allclose(shares.sum(axis=2), body.torque(*state, []), atol=1e-8)
    scale = 1.0 + np.array([0.1, -0.2, 0.3, 0.05]) @ groups
    heavier = body.torque(*state, [], scale)
    np.testing.assert_allclose(
        heavier, body.torque(*state, []) + shares @ np.array([0.1, -0.2, 0.3, 0.05]), atol=1e-8
    )
    other = with_masses(body.anatomy, scale)
    np.testing.assert_allclose(
        generalized_forces(other, *state, like_opensim=False), heavier, atol=1e-8
    )
    assert other.mass == pytest.approx(body.anatomy.mj.body_mass @ scale)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_a_knee_that_rolls_and_a_patella_that_follows() -> None:
    assert LAB is not None
    anatomy = osim.load(LAB / "arnold2013_consistent/subject01/subject01.osim")
    free = np.flatnonzero(anatomy.independent & ~anatomy.locked)
    body = GaitBody(anatomy, free)
    draw = np.random.default_rng(0)
    z = anatomy.default[free] + draw.uniform(0.05, 0.4, (4, len(free)))
    v, a = draw.normal(0, 2, z.shape), draw.normal(0, 20, z.shape)
    q, qd, qdd = body.coordinates(z, v, a)
    np.testing.assert_allclose(anatomy.couple(q), q, atol=1e-9)
    tau = generalized_forces(anatomy, q, qd, qdd, like_opensim=False)
    independent = np.flatnonzero(anatomy.independent)
    kept = np.searchsorted(independent, free)
    expected = np.einsum("ti,tij->tj", tau, anatomy.reduction(q))[:, kept]
    np.testing.assert_allclose(body.torque(z, v, a, []), expected, atol=1e-3)
