"""Force plates: the center of pressure in closed form, drift, contacts, filter and clock."""

from dataclasses import replace

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab.plates import (
    baseline,
    center_of_pressure,
    condition,
    contacts,
    from_wrench,
    within,
)
from bioenv.lab.trial import ForcePlate

RATE = 1000.0
TIME = np.arange(3001) / RATE
SPANS = [(0.5, 1.2), (1.8, 2.4)]


def stance():
    """Two steps: half-sine force, point rolling 20 cm forward, a free moment."""
    force, point, moment = (np.zeros((len(TIME), 3)) for _ in range(3))
    point[:] = np.nan
    for start, stop in SPANS:
        inside = (start < TIME) & (stop > TIME)
        share = (TIME[inside] - start) / (stop - start)
        push = np.sin(np.pi * share)
        force[inside] = np.stack([-80 * np.cos(np.pi * share) * push, 15 * push, 800 * push], 1)
        point[inside] = np.stack([0.3 + 0.2 * share, 0.1 + 0.01 * share, 0 * share], 1)
        moment[inside, 2] = 4 * push
    return ForcePlate("1", TIME, force, point, moment)


def test_center_of_pressure_in_closed_form():
    rng = np.random.default_rng(0)
    force = rng.normal(size=(40, 3)) * [60, 30, 10] + [0, 0, 700]
    point = rng.uniform(-0.3, 0.3, size=(40, 3)) * [1, 1, 0] + [0, 0, 0.02]
    free = np.zeros((40, 3))
    free[:, 2] = rng.normal(size=40) * 5
    origin = np.array([0.1, -0.2, -0.04])  # the sensors lie below the top
    moment = np.cross(point - origin, force) + free
    found, twist = center_of_pressure(force, moment, origin, surface=0.02)
    np.testing.assert_allclose(found, point, atol=1e-12)
    np.testing.assert_allclose(twist, free, atol=1e-9)


def test_no_point_without_load():
    force = np.array([[0.0, 0.0, 19.0], [1.0, 0.0, 21.0], [0.0, 0.0, -5.0]])
    found, twist = center_of_pressure(force, np.ones((3, 3)))
    np.testing.assert_array_equal(np.isnan(found[:, 0]), [True, False, True])
    np.testing.assert_array_equal(twist[[0, 2]], 0.0)
    plate = from_wrench("1", [0.0, 0.1, 0.2], force, np.ones((3, 3)))
    np.testing.assert_array_equal(plate.force[[0, 2]], 0.0)


def test_unfiltered_plate_comes_back_as_it_was():
    plate = stance()
    out = condition(plate)
    kept = plate.force[:, 2] > 21
    np.testing.assert_allclose(out.plate.force[kept], plate.force[kept], atol=1e-9)
    np.testing.assert_allclose(out.plate.point[kept], plate.point[kept], atol=1e-9)
    np.testing.assert_allclose(out.plate.moment[kept], plate.moment[kept], atol=1e-9)
    np.testing.assert_allclose(out.contacts, SPANS, atol=0.01)
    assert out.notes == ()


def test_filter_and_marker_clock_keep_impulse_and_point():
    plate = stance()
    clock = np.arange(300) / 100
    out = condition(plate, cutoff=20.0, onto=clock)
    assert out.plate.time.shape == (300,)
    impulse = plate.force[:, 2].sum() / RATE
    assert abs(out.plate.force[:, 2].sum() / 100 / impulse - 1) < 0.01
    heavy = out.plate.force[:, 2] > 200
    expected = np.stack([np.interp(clock, TIME, np.nan_to_num(p)) for p in plate.point.T], 1)
    np.testing.assert_allclose(out.plate.point[heavy], expected[heavy], atol=2e-3)
    assert np.isnan(out.plate.point[~within(clock, out.contacts)]).all()
    assert (out.plate.force[~within(clock, out.contacts)] == 0).all()


def test_filtered_force_alone_would_put_the_point_elsewhere():
    # Filtering the point itself smears it across the edge of contact; the quotient does not.
    plate = stance()
    out = condition(plate, cutoff=20.0)
    early = (TIME > 0.52) & (TIME < 0.6)
    np.testing.assert_allclose(out.plate.point[early], plate.point[early], atol=0.01)


def test_drift_is_found_and_removed():
    plate = stance()
    noise = np.random.default_rng(1).normal(size=(len(TIME), 3))
    drift = np.outer(TIME / 3, [5.0, -3.0, 25.0]) + np.array([2.0, 1.0, -12.0])
    drifting = ForcePlate("1", TIME, plate.force + drift + noise, plate.point, plate.moment)
    out = condition(drifting)
    np.testing.assert_allclose(out.drift, drift[[0, -1]], atol=0.5)
    assert "removed as drift" in out.notes[0]
    np.testing.assert_allclose(out.contacts, SPANS, atol=0.012)
    loaded = out.plate.force[:, 2] > 100
    np.testing.assert_allclose(out.plate.force[loaded], plate.force[loaded], atol=6.0)


def test_standing_on_the_plate_is_no_drift():
    still = np.tile([0.0, 0.0, 350.0], (1000, 1))
    fitted, notes = baseline(TIME[:1000], still)
    np.testing.assert_array_equal(fitted, 0.0)
    assert notes == ("the plate is never empty: drift was not removed",)


def test_contacts_cut_by_the_trial_begin_and_end_with_it():
    vertical = np.full(len(TIME), 700.0)
    vertical[1000:2000] = 0.0
    np.testing.assert_allclose(contacts(TIME, vertical), [[0.0, 1.0], [2.0, 3.0]], atol=2e-3)
    np.testing.assert_allclose(contacts(TIME, np.full(len(TIME), 700.0)), [[0.0, 3.0]])
    assert contacts(TIME, np.zeros(len(TIME))).shape == (0, 2)
    assert not within(TIME, np.empty((0, 2))).any()


def test_an_impact_is_not_folded_without_being_asked():
    plate = stance()
    force = plate.force.copy()
    force[505:515, 2] += 1500 * np.hanning(10)
    plate = replace(plate, force=force)
    with pytest.raises(BioenvError, match="remove=True"):
        condition(plate, onto=50.0)
    assert condition(plate, onto=50.0, remove=True).plate.time.shape == (151,)


def test_wrong_sign_and_gaps_are_refused():
    plate = stance()
    upside = ForcePlate("A", TIME, -plate.force, plate.point, plate.moment)
    with pytest.raises(BioenvError, match=r"plate A points down .* change its sign"):
        condition(upside)
    force = plate.force.copy()
    force[3] = np.nan
    with pytest.raises(BioenvError, match="force of plate 1 has 3 NaN"):
        condition(replace(plate, force=force))
    with pytest.raises(BioenvError, match=r"give \(T, 3\)"):
        center_of_pressure(np.zeros((3, 3)), np.zeros((3, 2)))
