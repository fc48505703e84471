"""Scaling of imported models: OpenSim's numbers, identity, doubling, masses and mistakes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.models.osim import parse, scale
from bioenv.models.osim.anatomy import OsimAnatomy

TOY = Path(__file__).with_name("toy.osim")
LAB = paths.lab_data()


@pytest.fixture(scope="module")
def toy():
    return parse(TOY)


def names(description):
    return [body.name for body in description.bodies]


def markers_and_lengths(description, q):
    """World positions of markers and of bodies that hang from the pelvis, and muscle lengths."""
    anatomy = OsimAnatomy(description)
    q = anatomy.couple(q)
    position, rotation = anatomy.body_frames(q)
    markers = [position[:, m.body] + rotation[:, m.body] @ m.location for m in anatomy.markers]
    held = {j.child for j in description.joints if j.parent == "ground"} - {"pelvis"}
    person = [i for i, name in enumerate(anatomy.body_names) if name not in held]
    return np.array(markers), position[:, person], anatomy.muscle_geometry(q).length


def posture(description):
    anatomy = OsimAnatomy(description)
    q = np.tile(anatomy.default, (3, 1))
    return q + np.random.default_rng(0).uniform(-0.1, 0.1, q.shape) * anatomy.rotational


def test_scaling_by_one_changes_nothing(toy):
    same = scale(toy, dict.fromkeys(names(toy), 1.0))
    q = posture(toy)
    for before, after in zip(
        markers_and_lengths(toy, q), markers_and_lengths(same, q), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    for before, after in zip(toy.muscles, same.muscles, strict=True):
        assert after.optimal_fiber_length == before.optimal_fiber_length
    for before, after in zip(toy.bodies, same.bodies, strict=True):
        np.testing.assert_allclose(after.inertia, before.inertia, rtol=1e-14)


def test_twice_the_size_is_twice_as_long(toy):
    double = scale(toy, dict.fromkeys(names(toy), 2.0), preserve_mass_distribution=False)
    q = posture(toy)
    doubled = q.copy()
    doubled[:, ~OsimAnatomy(toy).rotational] *= 2.0  # a coordinate that is a length is no part
    for before, after in zip(
        markers_and_lengths(toy, q), markers_and_lengths(double, doubled), strict=True
    ):
        np.testing.assert_allclose(after, 2.0 * before, rtol=1e-9, atol=1e-12)
    for before, after in zip(toy.muscles, double.muscles, strict=True):
        assert after.optimal_fiber_length == pytest.approx(2 * before.optimal_fiber_length)
        assert after.tendon_slack_length == pytest.approx(2 * before.tendon_slack_length)
        assert after.max_isometric_force == before.max_isometric_force
    for before, after in zip(toy.bodies, double.bodies, strict=True):
        assert after.mass == pytest.approx(8 * before.mass)
        np.testing.assert_allclose(after.inertia, 32 * before.inertia)
    assert double.contacts[0].location == pytest.approx(2 * toy.contacts[0].location)


def test_mass_is_shared_as_before_or_by_volume(toy):
    first = names(toy)[1]
    kept = scale(toy, {first: [1.0, 2.0, 1.0]}, mass=50.0)
    grown = scale(toy, {first: [1.0, 2.0, 1.0]}, mass=50.0, preserve_mass_distribution=False)
    assert kept.mass == pytest.approx(50.0)
    assert grown.mass == pytest.approx(50.0)
    old = np.array([body.mass for body in toy.bodies])
    np.testing.assert_allclose([b.mass for b in kept.bodies], old * 50.0 / old.sum())
    old[1] *= 2.0
    np.testing.assert_allclose([b.mass for b in grown.bodies], old * 50.0 / old.sum())


def test_a_cylinder_keeps_being_one(toy):
    """Unequal factors: a slender cylinder along y, whose inertia is known."""
    mass, radius, length = 3.0, 0.1, 0.8
    across = mass * (length**2 / 12 + radius**2 / 4)
    body = replace(
        toy.bodies[0], mass=mass, inertia=np.diag([across, mass * radius**2 / 2, across])
    )
    model = replace(toy, bodies=(body, *toy.bodies[1:]))
    stretched = scale(model, {body.name: [1.2, 1.5, 1.2]}).bodies[0].inertia
    across = mass * ((1.5 * length) ** 2 / 12 + (1.2 * radius) ** 2 / 4)
    np.testing.assert_allclose(
        stretched, np.diag([across, mass * (1.2 * radius) ** 2 / 2, across]), atol=1e-15
    )


def test_mistakes_are_named(toy):
    with pytest.raises(BioenvError, match="unknown body 'pelvs'; did you mean 'pelvis'"):
        scale(toy, {"pelvs": 1.0})
    for factor in (0.0, -1.0, np.nan, [1.0, 2.0]):
        with pytest.raises(BioenvError, match="positive number or three"):
            scale(toy, {"pelvis": factor})
    with pytest.raises(BioenvError, match="mass must be a positive number"):
        scale(toy, {}, mass=0.0)


# OpenSim 4.6: Model::scale with factors 0.8 + 0.05 ((3 axis + body) mod 9), 70 kg, masses by
# volume. Sums of: |inertia|, fiber lengths, tendon lengths, sizes of wrap surfaces, |joint
# translations| and |moving points| over coordinates -1 to 1, |places of markers and joints|.
OPENSIM = {
    "opensim_reference/gait2354/model.osim": (
        5.073623972414706, 6.659288060634659, 8.235041347933622, 0.0,
        13.151294491716476, 2.085379699402535, 14.434437228016002,
    ),
    "opensim_reference/rajagopal80_walk/model.osim": (
        4.057319938125344, 9.005277288177712, 16.859610922613964, 7.094469529953814,
        9.878989252090195, 0.0, 25.741433288984194,
    ),
}  # fmt: skip


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no lab data (BIOENV_LAB_DATA)")
@pytest.mark.parametrize("model", OPENSIM)
def test_numbers_are_those_of_opensim(model):
    generic = parse(LAB / model)
    factors = {
        body.name: 0.8 + 0.05 * ((np.arange(3) * 3 + i) % 9)
        for i, body in enumerate(generic.bodies)
    }
    found = scale(generic, factors, 70.0, preserve_mass_distribution=False)
    q = np.linspace(-1, 1, 5)
    points = [point for muscle in found.muscles for point in muscle.points if point.motion]
    sums = (
        sum(np.abs(body.inertia).sum() for body in found.bodies),
        sum(muscle.optimal_fiber_length for muscle in found.muscles),
        sum(muscle.tendon_slack_length for muscle in found.muscles),
        sum(wrap.radius + wrap.length + wrap.dimensions.sum() for wrap in found.wraps),
        sum(np.abs(t.function.value(q)).sum() for j in found.joints for t in j.translations),
        sum(np.abs(one[1].value(q)).sum() for point in points for one in point.motion if one),
        sum(np.abs(marker.location).sum() for marker in found.markers)
        + sum(
            np.abs(pose.position).sum()
            for joint in found.joints
            for pose in (joint.parent_pose, joint.child_pose)
        ),
    )
    np.testing.assert_allclose(sums, OPENSIM[model], rtol=1e-9)
