"""Gap filling: rigid bodies exactly, repeated movements nearly, and nothing invented unmarked."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab.gap_sources import rigid_fit
from bioenv.lab.gaps import LOW_RANK, MISSING, RIGID, SEEN, SPLINE, fill, runs

LAB = paths.lab_data()
TIME = np.arange(300) / 100


def rigid_plate(rng, markers=5):
    """A plate that tumbles and flies: no two frames alike, nothing repeats."""
    shape = rng.normal(scale=0.1, size=(markers, 3))
    angles = np.cumsum(rng.normal(scale=0.2, size=(len(TIME), 3)), axis=0)
    turn = Rotation.from_euler("xyz", angles).as_matrix()
    path = np.cumsum(rng.normal(scale=0.02, size=(len(TIME), 3)), axis=0)
    return np.einsum("tij,kj->tki", turn, shape) + path[:, None]


def walk(rng, markers=12):
    """Markers that follow two harmonics of one stride, and a steady progression."""
    phase = 2 * np.pi * TIME
    waves = np.stack([np.sin(phase), np.cos(phase), np.sin(2 * phase), np.cos(2 * phase)], axis=1)
    home = rng.uniform(-0.5, 0.5, size=(markers, 3))
    moving = np.einsum("tw,wki->tki", waves, rng.normal(scale=0.08, size=(4, markers, 3)))
    return home + moving + np.multiply.outer(TIME, [1.3, 0.0, 0.0])[:, None]


def test_rigid_fit_recovers_any_pose_from_the_points_seen():
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(5, 3))
    turn = Rotation.random(50, rng=rng).as_matrix()
    shift = rng.normal(size=(50, 3))
    points = np.einsum("tij,kj->tki", turn, shape) + shift[:, None]
    weight = np.ones((50, 5))
    weight[:, 4], points[:, 4] = 0.0, np.nan
    rotation, translation = rigid_fit(shape, points, weight)
    np.testing.assert_allclose(rotation, turn, atol=1e-9)
    np.testing.assert_allclose(translation, shift, atol=1e-9)
    # A flat shape allows a mirror image; a rotation is wanted.
    flat = shape * [1, 1, 0]
    points = np.einsum("tij,kj->tki", turn, flat)
    rotation, _ = rigid_fit(flat, points, np.ones((50, 5)))
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=1e-9)


def test_long_gap_of_a_rigid_body_is_filled_exactly():
    truth = rigid_plate(np.random.default_rng(1))
    holed = truth.copy()
    holed[100:220, 2] = np.nan
    holed[150:160, 4] = np.nan  # a neighbour is lost as well for a while
    holed[0:20, 0] = np.nan  # an end of the trial: placed by the others, not extrapolated
    filled = fill(TIME, holed, spline_s=0.05)
    np.testing.assert_allclose(filled.positions, truth, atol=1e-9)
    assert (filled.method[100:220, 2] == RIGID).all()
    np.testing.assert_array_equal(filled.invented, np.isnan(holed).any(axis=2))
    assert "marker 2: unseen 1 to 2.19 s, filled, rigid" in filled.notes


def test_long_gap_in_a_repeated_movement_is_filled_from_the_other_markers():
    truth = walk(np.random.default_rng(2))
    holed = truth.copy()
    holed[120:200, 3] = np.nan
    filled = fill(TIME, holed)
    assert (filled.method[120:200, 3] == LOW_RANK).all()
    error = np.linalg.norm(filled.positions - truth, axis=2)[120:200, 3]
    by_time = fill(TIME, holed, spline_s=9.0)
    worse = np.linalg.norm(by_time.positions - truth, axis=2)[120:200, 3]
    assert error.max() < 0.01
    assert worse.max() > 10 * error.max()


def test_short_gap_is_bridged_in_time_exactly_for_a_cubic():
    curve = np.stack([TIME**3 - TIME, 2 * TIME**2, 1 + 0 * TIME], axis=1)[:, None]
    holed = curve.copy()
    holed[50:58] = np.nan
    filled = fill(TIME, holed, names=["RKNE"])
    np.testing.assert_allclose(filled.positions, curve, atol=1e-9)
    assert (filled.method[50:58, 0] == SPLINE).all()
    assert filled.notes == ("RKNE: 1 short gaps, 8 frames, spline in time",)


def test_what_nobody_knows_stays_open():
    rng = np.random.default_rng(3)
    lonely = np.cumsum(rng.normal(scale=0.01, size=(300, 2, 3)), axis=0)
    lonely[:5, 0] = np.nan  # short, but at the end of the trial
    lonely[100:150, 0] = np.nan
    lonely[:, 1] = np.nan
    filled = fill(TIME, lonely, names=["A", "B"])
    assert (filled.method[:5, 0] == MISSING).all()
    assert np.isnan(filled.positions[100:150, 0]).all()
    assert np.isnan(filled.positions[:, 1]).all()
    assert "A: unseen 1 to 1.49 s, left open" in filled.notes
    assert "B: unseen 0 to 2.99 s, left open" in filled.notes
    assert not filled.invented.any()


def test_markers_on_a_line_do_not_place_one_beside_it():
    rng = np.random.default_rng(4)
    truth = rigid_plate(rng, 4)
    line = truth[:, :1] + np.multiply.outer(np.arange(3), truth[:, 1] - truth[:, 0]).swapaxes(0, 1)
    beside = np.concatenate([line, truth[:, 3:]], axis=1)
    beside[100:150, 3] = np.nan
    assert (fill(TIME, beside).method[100:150, 3] != RIGID).all()


def test_seen_samples_are_never_touched():
    truth = walk(np.random.default_rng(5))
    holed = truth.copy()
    holed[np.random.default_rng(6).random(truth.shape[:2]) < 0.1] = np.nan
    filled = fill(TIME, holed)
    seen = filled.method == SEEN
    np.testing.assert_array_equal(filled.positions[seen], truth[seen])
    np.testing.assert_array_equal(seen, ~np.isnan(holed).any(axis=2))


def test_runs():
    assert runs([1, 1, 0, 0, 1]) == [slice(0, 2), slice(4, 5)]
    assert runs([]) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"positions": np.zeros((300, 3))}, r"give \(T,\) and \(T, M, 3\)"),
        ({"positions": np.full((300, 2, 3), np.nan)}, "no marker is seen"),
        ({"positions": np.full((300, 2, 3), np.inf)}, "mark unseen markers with NaN"),
        ({"names": ["A"]}, "1 names for 2 markers"),
        ({"time": np.zeros(300)}, "increase from frame to frame"),
    ],
)
def test_bad_input(change, words):
    given = {"time": TIME, "positions": np.zeros((300, 2, 3)), "names": None} | change
    with pytest.raises(BioenvError, match=words):
        fill(**given)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_hidden_markers_of_a_walking_person_are_found_again():
    path = LAB / "rajagopal2016_walk" / "markers_walk.trc"
    table = np.genfromtxt(path, skip_header=6, delimiter="\t")
    time, truth = table[:, 1], table[:, 2:125].reshape(-1, 41, 3) / 1000
    errors = []
    for marker in range(0, 41, 4):
        holed = truth.copy()
        holed[100:140, marker] = np.nan
        filled = fill(time, holed)
        errors.append(np.linalg.norm(filled.positions - truth, axis=2)[100:140, marker])
    assert np.median(errors) < 0.002  # m, over gaps of 0.4 s
    assert np.percentile(errors, 95) < 0.009
