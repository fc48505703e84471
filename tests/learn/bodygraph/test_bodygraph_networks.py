"""Networks of bodies: blind to the world's frame, and able to hold the physics exactly."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest
import torch
from body_graphs import turned_world
from scipy.spatial.transform import Rotation
from torch import nn

from bioenv.inverse.dynamics import Contact
from bioenv.learn.bodygraph import (
    ArticulatedNetwork,
    Bodies,
    GenericNetwork,
    Graphs,
    Skeleton,
    States,
    WrenchNetwork,
    around_gait,
    collect,
    graphs_of,
)
from bioenv.learn.bodygraph.passing import Schedule, twist_to_child, wrench_to_parent
from bioenv.learn.bodygraph.training import coefficients_first, error

NETWORKS = {
    "wrench": WrenchNetwork,
    "articulated": ArticulatedNetwork,
    "generic torque": GenericNetwork,
    "generic acceleration": lambda: GenericNetwork("acceleration", rounds=2),
}


def drawn(*names: str, count: int = 4, seed: int = 2) -> list[States]:
    rng = np.random.default_rng(seed)
    return [around_gait(Bodies().draw(name, rng), count, rng) for name in names]


def made(kind: str) -> nn.Module:
    """A network of random weights, float64."""
    torch.manual_seed(0)
    return NETWORKS[kind]().double().requires_grad_(False)


@pytest.fixture(scope="module")
def states() -> list[States]:
    return drawn("walker2d", "legs3d", "arm26")


def batch(states: list[States]) -> Graphs:
    return Graphs.join([one.graphs() for one in states])


@pytest.mark.parametrize("kind", NETWORKS)
def test_turning_and_moving_the_world_changes_nothing(kind: str, states: list[States]) -> None:
    network = made(kind)
    here = network(batch(states))
    there = network(batch([turned_world(one) for one in states]))
    for one, two in zip(here, there, strict=True):
        assert float((one - two).abs().max()) <= 1e-6 * max(1.0, float(one.abs().max()))


@pytest.mark.parametrize("kind", ["wrench", "articulated"])
def test_a_free_bodys_world_vectors_turn_with_it_about_the_vertical(kind: str) -> None:
    """The six numbers of a free root are a force in the world's axes and a moment in its own."""
    rng = np.random.default_rng(0)
    mj = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body name="a"><freejoint/><inertial pos=".1 0 .2" mass="3" '
        'diaginertia=".2 .3 .25"/><body name="b" pos=".1 .2 .3"><joint axis="0 1 0"/>'
        '<inertial pos="0 .1 -.2" mass="1" diaginertia=".02 .03 .025"/></body></body></worldbody>'
        "</mujoco>"
    )
    count, turn = 6, Rotation.from_euler("z", 1.1)
    q, contact = rng.normal(size=(count, 8)), rng.normal(size=(3, count, 3))
    q[:, 3:7] /= np.linalg.norm(q[:, 3:7], axis=1, keepdims=True)
    v, a, tau = rng.normal(size=(3, count, 7))
    p, u, b, force = q.copy(), v.copy(), a.copy(), tau.copy()
    shift = np.array([5.0, -3.0, 2.0])
    p[:, :3] = turn.apply(q[:, :3]) + shift
    own = Rotation.from_quat(q[:, 3:7], scalar_first=True)
    p[:, 3:7] = (turn * own).as_quat(scalar_first=True)
    for old, new in ((v, u), (a, b), (tau, force)):
        new[:, :3] = turn.apply(old[:, :3])
    moved = [turn.apply(contact[0]), turn.apply(contact[1]) + shift]
    skeleton, network = Skeleton(mj), made(kind)
    one = graphs_of(skeleton, q, v, a, torque=tau, contacts=[Contact("b", *contact)])
    two = graphs_of(
        skeleton, p, u, b, torque=force, contacts=[Contact("b", *moved, turn.apply(contact[2]))]
    )
    one, two = network(one), network(two)
    first, second = (x.mean.numpy().reshape(count, 7) for x in (one, two))
    np.testing.assert_allclose(turn.apply(first[:, :3]), second[:, :3], atol=1e-8)
    np.testing.assert_allclose(first[:, 3:], second[:, 3:], atol=1e-8)
    assert np.abs(first[:, :3] - second[:, :3]).max() > 1e-3
    np.testing.assert_allclose(one.log_variance, two.log_variance, atol=1e-8)


@pytest.mark.parametrize("kind", ["wrench", "articulated"])
def test_how_a_segments_own_frame_lies_does_not_matter(kind: str, states: list[States]) -> None:
    """Another modeller may turn every segment's axes: wrenches and twists do not mind."""
    one = batch(states)
    turns = torch.tensor(Rotation.random(len(one.parent), rng=1).as_matrix())
    above = torch.where(
        (one.parent < 0)[:, None, None], torch.eye(3).double(), turns[one.parent.clamp(min=0)]
    )

    def moved(vector: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
        parts = vector.unflatten(-1, (-1, 3)) @ frame.transpose(-1, -2)
        return parts.flatten(-2)

    two = replace(
        one,
        rotation=above @ one.rotation @ turns.transpose(-1, -2),
        offset=moved(one.offset, above),
        inertia=turns @ one.inertia @ turns.transpose(-1, -2),
        **{n: moved(getattr(one, n), turns) for n in ("center", "spin", "motion", "drift", "down")},
        axis=moved(one.axis, turns[one.dof_node]),
        wrench=moved(one.wrench, turns[one.contact_node]),
    )
    network = made(kind)
    a, b = network(one), network(two)
    torch.testing.assert_close(a.mean, b.mean, atol=1e-8, rtol=1e-7)
    torch.testing.assert_close(a.log_variance, b.log_variance, atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_sample_does_not_see_its_neighbours(kind: str, states: list[States]) -> None:
    network, whole = made(kind), batch(states)
    every = network(whole).mean
    alone = network(whole.take(torch.tensor([5]))).mean
    before = int(whole.dofs[:5].sum())
    torch.testing.assert_close(every[before : before + len(alone)], alone, atol=1e-10, rtol=1e-9)


def exact_wrench() -> WrenchNetwork:
    """The factors that make the wrench network recursive Newton-Euler."""
    network = WrenchNetwork(channels=1).double().requires_grad_(False)
    for p in network.parameters():
        p.zero_()
    network.force[0, 0] = network.moment[0, 0] = network.moment[0, 1] = 1.0
    network.touch[0], network.read[0] = -1.0, 1.0
    network.rotor.fill_(1.0)
    return network


def exact_articulated() -> ArticulatedNetwork:
    """The factors that make the articulated network Featherstone's algorithm."""
    network = ArticulatedNetwork().double().requires_grad_(False)
    for p in network.parameters():
        p.zero_()
    network.weight[4] = 1.0
    network.pass_on[:] = torch.tensor([20.0, 1.0, 1.0])
    network.touch[:] = 1.0
    return network


def test_newton_euler_is_one_of_the_wrench_networks(states: list[States]) -> None:
    whole = batch(states)
    torch.testing.assert_close(exact_wrench()(whole).mean, whole.torque, atol=1e-7, rtol=0)


def test_articulated_bodies_are_one_of_the_articulated_networks(states: list[States]) -> None:
    """Truth: accelerations from which MuJoCo's inverse dynamics made the torques."""
    whole = batch(states)
    found = exact_articulated()(whole).mean
    torch.testing.assert_close(found, whole.acceleration, atol=1e-5, rtol=1e-5)


def test_wrenches_and_twists_are_dual() -> None:
    """Power does not depend on the frame: wrench . twist is the same above and below a bone."""
    rng = np.random.default_rng(0)
    rotation = torch.tensor(Rotation.random(7, rng=2).as_matrix())
    offset, wrench, twist = (
        torch.tensor(rng.normal(size=s)) for s in ((7, 3), (7, 2, 6), (7, 2, 6))
    )
    above = (wrench_to_parent(rotation, offset, wrench) * twist).sum(-1)
    below = (wrench * twist_to_child(rotation, offset, twist)).sum(-1)
    torch.testing.assert_close(above, below)


def test_sweeps_add_up_subtrees_and_paths(states: list[States]) -> None:
    whole = batch(states)
    schedule = Schedule(whole)
    one = torch.ones(len(whole.parent), 1)
    below = schedule.up(one, lambda nodes, values: values)
    above = schedule.down(one, lambda nodes, values: values)
    roots = whole.parent < 0
    assert float(below[roots].sum()) == len(whole.parent)
    torch.testing.assert_close(above[:, 0], whole.depth + 1.0)


def test_the_first_steps_of_training_find_newton_and_euler() -> None:
    """A few people suffice for the factors that hold everywhere; other people are as good."""
    few = ["walker2d"] * 3
    train, test = (collect(drawn(*few, count=20, seed=s)).graphs for s in (3, 4))
    torch.manual_seed(0)
    network = WrenchNetwork(hidden=8)
    before = error(network, test)
    coefficients_first(network, train, 80, 16, seed=0)
    assert error(network, test) < 0.4 * before
