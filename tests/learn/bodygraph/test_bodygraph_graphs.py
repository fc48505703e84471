"""Graphs hold the physics: Newton-Euler on their numbers alone is MuJoCo's inverse dynamics."""

from __future__ import annotations

from dataclasses import fields, replace

import mujoco
import numpy as np
import pytest
import torch
from body_graphs import newton_euler, turned_world

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact, inverse_dynamics
from bioenv.learn.bodygraph import Bodies, Graphs, Skeleton, States, around_gait, graphs_of
from bioenv.learn.bodygraph.measured import Measurement, as_measured
from bioenv.models import Subject

BODIES = ("walker2d", "walker2d_elastic", "legs3d", "arm26", "elbow")

FREE = """
<mujoco><worldbody><body name="trunk" pos="0 0 1"><freejoint name="root"/>
<inertial pos="0.1 0 0.2" mass="3" diaginertia="0.2 0.3 0.25"/>
<body name="arm" pos="0.1 0.2 0.3" quat="0.9 0.1 0.3 0.2">
<joint name="shoulder" type="ball" pos="0 0.05 0"/>
<inertial pos="0 0.1 -0.2" quat="0.7 0.2 0.1 0.4" mass="1" diaginertia="0.02 0.03 0.025"/>
<body name="hand" pos="0 0 -0.4"><joint name="wrist" type="slide" axis="0 0.6 0.8"/>
<inertial pos="0 0 -0.1" mass="0.5" diaginertia="0.004 0.003 0.002"/></body></body></body>
</worldbody></mujoco>"""


def drawn(name: str, count: int = 6, seed: int = 0) -> States:
    rng = np.random.default_rng(seed)
    return around_gait(Bodies().draw(name, rng), count, rng)


@pytest.fixture(scope="module")
def free() -> States:
    """A body with a free, a ball and a slide joint, and a force on its hand."""
    mj = mujoco.MjModel.from_xml_string(FREE)
    rng, count = np.random.default_rng(1), 5
    qpos = rng.normal(size=(count, mj.nq))
    for start in (3, 7):
        qpos[:, start : start + 4] /= np.linalg.norm(qpos[:, start : start + 4], axis=1)[:, None]
    qvel, qacc = rng.normal(size=(2, count, mj.nv))
    contact = Contact("hand", *rng.normal(size=(3, count, 3)))
    torque = np.zeros((count, mj.nv))
    data = mujoco.MjData(mj)
    for t in range(count):
        data.qpos, data.qvel, data.qacc = qpos[t], qvel[t], qacc[t]
        mujoco.mj_inverse(mj, data)
        moved = np.zeros(mj.nv)
        hand = mj.body("hand").id
        mujoco.mj_applyFT(
            mj, data, contact.force[t], contact.moment[t], contact.point[t], hand, moved
        )
        torque[t] = data.qfrc_inverse - moved
    return States(Skeleton(mj, "free"), qpos, qvel, qacc, torque, (contact,))


@pytest.mark.parametrize("name", BODIES)
def test_newton_euler_on_the_graph_is_mujocos_inverse_dynamics(name: str) -> None:
    made = drawn(name).graphs()
    np.testing.assert_allclose(newton_euler(made), made.torque, atol=1e-7)


def test_free_and_ball_joints_are_degrees_of_freedom_like_others(free: States) -> None:
    made = free.graphs()
    np.testing.assert_allclose(newton_euler(made), made.torque, atol=1e-12)
    assert free.skeleton.coordinates[:2] == ("root_0", "root_1")
    assert free.skeleton.coordinates[-1] == "wrist"
    assert free.skeleton.root.tolist() == [0, 1, 2, 3, 4, 5]


def test_carried_inertia_is_the_mass_matrix_diagonal() -> None:
    states = drawn("legs3d", 2)
    mj, units = states.skeleton.mj, states.skeleton.units
    data, mass = mujoco.MjData(mj), np.zeros((mj.nv, mj.nv))
    data.qpos = states.qpos[1]
    mujoco.mj_forward(mj, data)
    mujoco.mj_fullM(mj, data, mass)
    unit = np.where(states.skeleton.turns, units.inertia, units.mass)
    np.testing.assert_allclose(
        states.graphs().carried.numpy()[mj.nv :] * unit, mass.diagonal(), rtol=1e-10
    )


@pytest.mark.parametrize("name", ["legs3d", "arm26"])
def test_the_graph_does_not_change_when_the_world_is_turned_and_moved(name: str) -> None:
    states = drawn(name)
    other = turned_world(states)
    assert np.abs(other.skeleton.gravity - states.skeleton.gravity).max() > 5.0
    here, there = states.graphs(), other.graphs()
    for one in fields(Graphs):
        a, b = getattr(here, one.name), getattr(there, one.name)
        np.testing.assert_allclose(a, b, atol=1e-8, err_msg=one.name)


def test_a_body_of_another_size_and_the_same_shape_has_the_same_graph() -> None:
    """Dynamic similarity: lengths by L, times by sqrt(L/g), forces by mass."""
    small, large = (models.load("walker2d", Subject(m, h)) for m, h in ((50.0, 1.5), (90.0, 1.8)))
    one = Skeleton(small)
    other = Skeleton(large)
    ratio = other.units.length / one.units.length
    assert ratio == pytest.approx(1.2)
    rng = np.random.default_rng(0)
    states = around_gait(small, 4, rng)
    long = np.where(one.turns, 1.0, ratio)
    made = graphs_of(
        other, states.qpos * long, states.qvel * long / ratio**0.5, states.qacc * long / ratio
    )
    same = graphs_of(one, states.qpos, states.qvel, states.qacc)
    for name in ("mass", "inertia", "motion", "offset", "axis", "velocity", "acceleration"):
        a, b = getattr(made, name), getattr(same, name)
        np.testing.assert_allclose(a, b, atol=1e-9, err_msg=name)


def test_batches_of_different_bodies_are_taken_apart_and_put_together() -> None:
    parts = [drawn(name, 3).graphs() for name in ("walker2d", "legs3d", "elbow")]
    whole = Graphs.join(parts)
    assert len(whole) == 9
    assert whole.nodes.tolist() == [10] * 3 + [12] * 3 + [1] * 3
    order = torch.tensor([8, 0, 4, 4])
    picked = whole.take(order)
    np.testing.assert_allclose(newton_euler(picked), picked.torque, atol=1e-7)
    last = picked.take(torch.tensor([2]))
    single = parts[1].take(torch.tensor([1]))
    for one in fields(Graphs):
        assert torch.equal(getattr(last, one.name), getattr(single, one.name)), one.name


def test_contact_edges_come_and_go() -> None:
    states = drawn("walker2d", 40)
    loaded = np.stack([np.isfinite(c.point).all(axis=1) for c in states.contacts], 1)
    made = states.graphs()
    assert made.contacts.tolist() == loaded.sum(axis=1).tolist()
    assert {0, 1, 2} >= set(made.contacts.tolist())
    assert 0 < int(made.contacts.sum()) < 80
    bare = replace(states, contacts=()).graphs()
    assert len(bare.wrench) == 0
    assert len(bare.take(torch.arange(3))) == 3


def test_states_are_seeded_and_obey_newton_up_to_a_small_residual() -> None:
    one, two = drawn("walker2d", 50, 4), drawn("walker2d", 50, 4)
    np.testing.assert_array_equal(one.torque, two.torque)
    root, units = one.skeleton.root, one.skeleton.units
    assert np.abs(one.torque[:, root[:2]]).mean() < 0.05 * units.force
    assert np.abs(one.torque).max() > 50.0


def test_measured_states_differ_by_the_noise_that_was_asked_for() -> None:
    states = drawn("legs3d", 400)
    assumed = Skeleton(models.load("legs3d"))
    seen = as_measured(states, assumed, np.random.default_rng(1), Measurement(angle=0.03))
    turns = states.skeleton.turns
    assert np.std((seen.qpos - states.qpos)[:, turns]) == pytest.approx(0.03, rel=0.05)
    np.testing.assert_array_equal(seen.torque, states.torque)
    assert seen.skeleton is assumed
    absent = np.isnan(states.contacts[0].point).any(axis=1)
    assert absent.any()
    assert (seen.contacts[0].force[absent] == 0).all()


def test_drawn_bodies_keep_their_mass_and_stay_inside_their_ranges() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        body = Bodies().draw("walker2d", rng)
        assert body.subject is not None
        assert 1.55 <= body.subject.height <= 1.85
        assert 19.0 <= body.subject.mass / body.subject.height**2 <= 29.0
        assert body.mass == pytest.approx(body.subject.mass)
        index = {body.mj.body(i).name: i for i in range(body.mj.nbody)}
        right, left = index["tibia_r"], index["tibia_l"]
        assert body.mj.body_mass[right] == pytest.approx(body.mj.body_mass[left])


def test_torques_of_drawn_states_are_the_inverse_modules() -> None:
    states = drawn("walker2d", 4)
    tau = inverse_dynamics(
        states.skeleton.mj, states.qpos, states.qvel, states.qacc, contacts=states.contacts,
        net=True,
    )  # fmt: skip
    np.testing.assert_array_equal(tau, states.torque)


MASSLESS = """
<mujoco><compiler boundmass="0" boundinertia="0"/><worldbody><body name="base">
<joint name="one" axis="0 1 0"/><inertial pos="0 0 -0.1" mass="1" diaginertia="0.1 0.1 0.1"/>
<body name="empty"><joint name="two" axis="0 1 0" armature="0.01"/>
<inertial pos="0 0 0" mass="1" diaginertia="0.1 0.1 0.1"/></body></body></worldbody></mujoco>"""


def test_a_joint_that_moves_no_mass_is_refused_by_name() -> None:
    mj = mujoco.MjModel.from_xml_string(MASSLESS)
    mj.body_mass[2] = mj.body_subtreemass[2] = 0.0
    mj.dof_armature[1] = 0.0
    with pytest.raises(BioenvError, match=r"joints move no mass: empty.*mass \(kg\)"):
        Skeleton(mj, "toy")


def test_wrong_shapes_and_values_are_named() -> None:
    skeleton = Skeleton(models.load("elbow"))
    with pytest.raises(BioenvError, match=r"qpos must have shape \(T, 1\), got \(3, 2\)"):
        graphs_of(skeleton, np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(BioenvError, match="qvel must be finite; frame 1 is not"):
        graphs_of(skeleton, np.zeros((3, 1)), [[0.0], [np.nan], [0.0]])
    contact = Contact("foot", np.zeros((3, 3)), np.zeros((3, 3)))
    with pytest.raises(BioenvError, match=r"unknown moving body 'foot'.*forearm"):
        graphs_of(skeleton, np.zeros((3, 1)), np.zeros((3, 1)), contacts=[contact])
