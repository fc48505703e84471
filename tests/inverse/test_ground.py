"""Forces at the frames of a movement: wrenches kept, feet found, belts and gaps noticed."""

from __future__ import annotations

import numpy as np
import pytest
from two_legs import Walk, force_columns, write_table
from two_legs_model import write_model

from bioenv.errors import BioenvError
from bioenv.inverse.ground import (
    belt_speed,
    contact_at,
    covered,
    filtered,
    foot_positions,
    ground_contacts,
)
from bioenv.lab.external_loads import forces_of
from bioenv.lab.trial import ForcePlate
from bioenv.models import osim


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    """The walk, its body, and plates (right, left) that name no foot."""
    folder, walk = tmp_path_factory.mktemp("ground"), Walk()
    body = osim.load(write_model(folder / "two.osim"))
    file = write_table(folder / "grf.mot", force_columns(walk, named=False))
    return walk, body, [(load.plate, None) for load in forces_of(file)]


def plate(force, point, moment=None, rate=100.0, name="plate"):
    time = np.arange(len(force)) / rate
    return ForcePlate(name, time, force, point, np.zeros_like(force) if moment is None else moment)


def wrench(contact):
    """Force, and moment about the origin."""
    return contact.force, np.cross(np.nan_to_num(contact.point), contact.force) + contact.moment


def test_the_wrench_of_a_plate_is_kept():
    rng = np.random.default_rng(0)
    force = rng.normal(size=(40, 3)) + np.array([0, 0, 20])
    one = plate(force, rng.normal(size=(40, 3)) * [1, 1, 0], rng.normal(size=(40, 3)) * [0, 0, 1])
    at = contact_at(one, "calcn_r", one.time)
    assert (at.name, at.body) == ("plate", "calcn_r")
    np.testing.assert_allclose(at.force, force, atol=1e-9)
    np.testing.assert_allclose(wrench(at)[1], one.moment_about(), atol=1e-9)
    np.testing.assert_allclose(at.point, one.point, atol=1e-9)
    np.testing.assert_allclose(at.moment[:, :2], 0.0, atol=1e-9)


def test_between_samples_the_wrench_is_smooth_and_the_point_its_quotient():
    time = np.arange(60) / 100
    force = np.column_stack([0 * time, 0 * time, 500 + 200 * np.sin(9 * time)])
    point = np.column_stack([0.1 * time, 0 * time, 0 * time])
    later = time[5:-5] + 0.004
    at = contact_at(plate(force, point), "calcn_r", later)
    np.testing.assert_allclose(at.force[:, 2], 500 + 200 * np.sin(9 * later), atol=1e-2)
    np.testing.assert_allclose(at.point[:, 0], 0.1 * later, atol=1e-5)


def test_an_empty_plate_exerts_nothing():
    force = np.zeros((30, 3))
    force[10:20, 2] = 700.0
    force[20:] = 3.0  # noise without a point
    point = np.where(force[:, 2:] > 100, [[0.2, 0.1, 0.0]], np.nan)
    one = plate(force, point)
    at = contact_at(one, "calcn_r", one.time)
    empty = np.r_[:10, 20:30]
    assert (at.force[empty] == 0).all()
    assert np.isnan(at.point[empty]).all()
    assert (at.moment[empty] == 0).all()
    np.testing.assert_allclose(at.point[10:20], [[0.2, 0.1, 0.0]] * 10, atol=1e-9)


def test_a_push_sideways_keeps_its_point():
    force = np.tile([50.0, 10.0, 0.0], (30, 1))
    point = np.tile([0.1, 0.2, 1.3], (30, 1))
    one = plate(force, point)
    at = contact_at(one, "torso", one.time)
    np.testing.assert_allclose(at.point, point, atol=1e-12)
    np.testing.assert_allclose(at.moment, 0.0, atol=1e-9)


def test_frames_that_every_plate_covers():
    time = np.arange(100) / 100
    force = np.tile([0.0, 0.0, 100.0], (60, 1))
    early = plate(force, np.zeros((60, 3)), name="early")
    part, notes = covered([(early, None)], time)
    assert part == slice(0, 61)  # one sample beyond the last is still known
    assert "forces cover 0 to 0.6 s of 0 to 0.99 s" in notes[0]
    assert covered([(early, None)], time[:50]) == (slice(0, 50), ())
    part, notes = covered([(early, None)], time + 7)
    assert part == slice(0, 0)
    assert "do the clocks start together?" in notes[0]


def test_frames_beside_lost_samples_are_not_covered():
    force = np.tile([0.0, 0.0, 100.0], (100, 1))
    force[30:33] = np.nan
    one = plate(force, np.zeros((100, 3)))
    part, _ = covered([(one, None)], one.time)
    assert part == slice(33, 100)


def test_feet_stand_on_their_plates(walker):
    walk, body, plates = walker
    ground = ground_contacts(body, walk.q, walk.time, plates)
    assert [one.body for one in ground.contacts] == ["calcn_r", "calcn_l"]
    turned = ground_contacts(body, walk.q, walk.time, plates[::-1])
    assert [one.body for one in turned.contacts] == ["calcn_l", "calcn_r"]
    assert not any(note.startswith(("warning", "error")) for note in ground.notes)


def test_a_plate_under_both_feet_is_divided_in_time(walker):
    walk, body, _ = walker
    # A step of the right foot on a plate, then one of the left.
    time, x = walk.time, np.empty_like(walk.time)
    force, side = np.zeros((len(time), 3)), np.zeros_like(time)
    for foot, start, stop in (("r", 0.1, 0.5), ("l", 0.8, 1.2)):
        mine = (time > start) & (time < stop)
        force[mine] = np.insert(walk.ground[foot][0][mine], 1, 0.0, axis=1)
        x[mine], side[mine] = walk.ground[foot][1][mine], -0.09 if foot == "r" else 0.09
    known = np.where(force[:, 2:] > 0, np.column_stack([x, side, 0 * x]), np.nan)
    both = plate(force, known)
    ground = ground_contacts(body, walk.q, time, [(both, None)])
    assert "plate plate is stepped on by both feet: divided in time" in ground.notes
    by_body = {one.body: one.force for one in ground.contacts}
    early = (time < 0.65)[:, None]
    np.testing.assert_allclose(by_body["calcn_r"], np.where(early, force, 0.0), atol=1e-6)
    np.testing.assert_allclose(by_body["calcn_l"], np.where(early, 0.0, force), atol=1e-6)


def test_a_plate_nobody_stands_on_is_left_out(walker):
    walk, body, plates = walker
    far = plate(np.tile([0, 0, 700.0], (260, 1)), np.tile([5.0, 0, 0], (260, 1)), name="far")
    ground = ground_contacts(body, walk.q, walk.time, [*plates, (far, None)])
    assert len(ground.contacts) == 2
    note = next(note for note in ground.notes if "plate far" in note)
    assert note.startswith("warning")
    assert note.endswith("it is left out")


def test_a_body_that_does_not_exist_is_named(walker):
    walk, body, plates = walker
    with pytest.raises(BioenvError, match=r"plate .* acts on an unknown body 'foot_r'"):
        ground_contacts(body, walk.q, walk.time, [(plates[0][0], "foot_r")])


def test_the_belts_speed_is_that_of_flat_feet(walker):
    walk, body, plates = walker
    ground = ground_contacts(body, walk.q, walk.time, plates)
    heels = foot_positions(body, walk.q)
    assert ground.belt_speed == pytest.approx(0.77, abs=0.05)
    # Over ground the same person moves forward as fast as the belt would carry the feet back.
    moving = {side: path + np.outer(0.77 * walk.time, [1, 0, 0]) for side, path in heels.items()}
    assert belt_speed(walk.time, moving, ground.contacts) == 0.0


def test_a_filter_is_used_only_when_asked_for():
    time = np.arange(200) / 100
    force = np.column_stack([0 * time, 0 * time, 600 + 50 * np.sin(2 * np.pi * 30 * time)])
    noisy = plate(force, np.zeros_like(force))
    assert filtered([(noisy, None)], None) == ([(noisy, None)], ())
    [(smooth, body)], _ = filtered([(noisy, "calcn_r")], 6.0)
    assert body == "calcn_r"
    assert np.abs(smooth.force[50:150, 2] - 600).max() < 1.0


def test_a_plate_that_ends_early_is_refused_here():
    one = plate(np.ones((10, 3)), np.zeros((10, 3)))
    with pytest.raises(BioenvError, match=r"covers 0 to 0\.09 s"):
        contact_at(one, "calcn_r", np.arange(50) / 100)
