"""When feet touch, what the ground may do there, and how it is put together."""

import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.analysis import GroundContact
from bioenv.learn.gait_basis import Basis
from bioenv.learn.gait_body import GaitBody, Load
from bioenv.learn.gait_feet import FootPoint, foot_points, touch, unmeasured
from bioenv.learn.gait_ground import GroundSettings, ground_at
from bioenv.learn.gait_result import contacts_of
from bioenv.models import osim
from bioenv.models.native_anatomy import NativeAnatomy

TIME = np.linspace(0.0, 1.0, 101)
POINTS = tuple(FootPoint(side, 1, 1, np.zeros(3), 0.0) for side in "rl")


def feet(belt: float = 0.0) -> np.ndarray:
    """(T, 2, 3) m: each foot stands for 0.6 s, then swings 4 cm high and 1 m on; the left one half
    a second later."""
    out = np.zeros((len(TIME), 2, 3))
    for foot in range(2):
        phase = np.mod(TIME + 0.5 * foot, 1.0)
        swing = np.clip((phase - 0.6) / 0.4, 0.0, 1.0)
        out[:, foot, 0] = swing - 0.5 * np.sin(2 * np.pi * swing) / np.pi + (TIME + 0.5 * foot) // 1
        out[:, foot, 2] = 0.02 * (1 - np.cos(2 * np.pi * swing)) + 0.1
    out[:, :, 0] -= belt * TIME[:, None]
    return out


@pytest.mark.parametrize("belt", [0.0, 1.2])
def test_a_foot_carries_while_it_stands(belt: float) -> None:
    found = touch(TIME, feet(belt), POINTS)
    assert found.belt == pytest.approx(belt, abs=0.02)
    for foot in range(2):
        phase = np.mod(TIME + 0.5 * foot, 1.0)
        assert found.gate[(phase > 0.02) & (phase < 0.58), foot].min() > 0.9
        assert found.gate[(phase > 0.7) & (phase < 0.93), foot].max() < 0.05


def test_a_toe_that_passes_close_to_the_floor_does_not_carry() -> None:
    place = feet()
    place[:, :, 2] = 0.1  # it drags: only its speed tells
    gate = touch(TIME, place, POINTS).gate
    swinging = np.mod(TIME, 1.0)
    assert gate[(swinging > 0.7) & (swinging < 0.93), 0].max() < 0.05


def test_only_steps_that_no_plate_felt_are_unknown() -> None:
    gate = touch(TIME, feet(), POINTS).gate
    right = np.asarray(gate[:, 0] > 0.5)
    nothing = unmeasured(TIME, gate, POINTS, {"r": right, "l": np.asarray(gate[:, 1] > 0.5)})
    assert nothing.max() == 0.0
    late = right & (TIME > 0.05)  # felt a little late: the same step
    assert unmeasured(TIME, gate, POINTS, {"r": late})[:, 0].max() == 0.0
    left = unmeasured(TIME, gate, POINTS, {"r": right})[:, 1]
    np.testing.assert_allclose(left, gate[:, 1], atol=1.1e-3)


def test_soles_of_the_planar_walker_lie_on_the_floor() -> None:
    anatomy = NativeAnatomy(models.load("walker2d"))
    points = foot_points(anatomy)
    assert [point.side for point in points] == ["r"] * 3 + ["l"] * 3
    body = GaitBody(anatomy, np.arange(12))
    still = np.zeros((1, 3))
    loads = [Load(p.carrier, still, None, None, p.local, p.drop, p.body) for p in points]
    height = body.points(anatomy.default[None], loads)[0, :, 2]
    assert np.abs(height).max() < 0.01


def test_a_body_without_feet_says_so() -> None:
    with pytest.raises(BioenvError, match="calcn_r"):
        foot_points(NativeAnatomy(models.load("arm26")))


def test_landmarks_of_an_opensim_foot_scale_with_it(files) -> None:
    anatomy = osim.load(files["two.osim"])
    points = foot_points(anatomy)
    assert [point.side for point in points] == ["r"] * 4 + ["l"] * 4
    heel, outer, inner, toes = (point.local for point in points[:4])
    assert heel[0] < 0.02 < inner[0] < toes[0]
    assert outer[2] > 0 > inner[2]  # outward is to the right, z in OpenSim
    assert points[5].local[2] == -outer[2]


def ground(files, contacts=()):
    body = GaitBody(osim.load(files["two.osim"]), np.arange(9))
    time = files.walk.time[20:140:2]
    basis = Basis(time[0], time[-1], 6.0)(time).value
    settings = GroundSettings()
    z = files.walk.q[20:140:2]
    return body, z, ground_at(body, time, z, contacts, basis, settings)


def test_columns_are_what_the_unknown_functions_do(files) -> None:
    body, z, found = ground(files)
    count = found.channels.load.size
    assert count > 0
    draw = np.random.default_rng(1)
    w = draw.normal(0, 50, (found.basis.shape[1], count))
    still = np.zeros_like(z)
    before = body.torque(z, still, still, found.loaded(np.zeros_like(w)))
    after = body.torque(z, still, still, found.loaded(w))
    expected = np.einsum("tks,ts->tk", found.columns(body, z), found.basis @ w)
    np.testing.assert_allclose(after - before, expected, atol=1e-7)


def test_a_planar_body_has_no_sideways_unknowns(files) -> None:
    _, _, found = ground(files)
    assert 1 not in found.channels.axis
    assert (found.channels.push[:, 1] == -1).all()


def test_the_prior_of_unknown_forces_is_about_the_bodys_weight(files) -> None:
    body, _, found = ground(files)
    prior, shape = found.prior, found.prior.slope.shape
    flat = prior.precision.reshape(prior.slope.size, -1)
    np.testing.assert_allclose(flat, flat.T, atol=1e-9)
    best = np.linalg.lstsq(flat, -prior.slope.ravel(), rcond=None)[0].reshape(shape)
    assert prior.cost(best) < prior.cost(np.zeros(shape))
    upward = found.pushes(best)[:, :, 2].sum(axis=1)
    standing = found.channels.amplitude.sum(axis=1) > 2.0
    assert np.median(upward[standing]) == pytest.approx(body.anatomy.body_weight, rel=0.2)
    nudge = np.random.default_rng(0).normal(0, 1, shape)
    slope = (prior.cost(best + 1e-4 * nudge) - prior.cost(best - 1e-4 * nudge)) / 2e-4
    assert slope == pytest.approx(float((prior.gradient(best) * nudge).sum()), abs=1e-6)


def test_a_plates_error_costs_its_noise(files) -> None:
    time = files.walk.time[20:140:2]
    force = np.tile([0.0, 0.0, 700.0], (len(time), 1))
    zero = np.zeros_like(force)
    contacts = [GroundContact(f"p{s}", f"calcn_{s}", force / 2, zero, zero) for s in "rl"]
    _, _, found = ground(files, contacts)
    assert not found.channels.push.size
    w = np.zeros(found.prior.slope.shape)
    vertical = int(np.flatnonzero((found.channels.kind == 0) & (found.channels.axis == 2))[0])
    w[0, vertical] = 5.0  # N, constant: one standard deviation at 100 nodes per s
    assert found.prior.cost(w) == pytest.approx(0.5 * 100 * 0.02 * len(time), rel=0.02)


def test_contacts_keep_force_and_moment() -> None:
    draw = np.random.default_rng(3)
    frames = 5
    force = draw.normal((0, 0, 400), 50, (2, frames, 3))
    moment, place = draw.normal(0, 5, (2, frames, 3)), draw.normal(0, 0.1, (frames, 2, 3))
    place[:, :, 2] = 0.0
    loads = [Load(1, force[i], moment[i], place[:, i]) for i in range(2)]
    (contact,) = contacts_of(loads, place, ("world", "calcn_r"), ())
    np.testing.assert_allclose(contact.force, force.sum(axis=0))
    total = sum(moment[i] + np.cross(place[:, i], force[i]) for i in range(2))
    np.testing.assert_allclose(contact.moment + np.cross(contact.point, contact.force), total)
    np.testing.assert_allclose(contact.moment[:, :2], 0.0, atol=1e-9)  # a pressure center
    assert contact.body == "calcn_r"


def test_an_unloaded_foot_has_no_pressure_center() -> None:
    zero = np.zeros((3, 3))
    (contact,) = contacts_of([Load(1, zero, zero, zero)], zero[:, None], ("world", "calcn_l"), ())
    assert np.isnan(contact.point).all()
    assert not contact.force.any()
