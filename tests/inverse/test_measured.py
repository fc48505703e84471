"""Coordinates of a file for a model: units, signs, missing and foreign columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from two_legs import COORDINATES, ROTATIONAL, Walk
from two_legs_model import write_model

from bioenv.errors import BioenvError
from bioenv.inverse.measured import Measured, coordinates_of
from bioenv.lab.sto import Table
from bioenv.models import osim

TOY = Path(__file__).parents[1] / "models" / "osim" / "toy.osim"


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return osim.load(write_model(tmp_path_factory.mktemp("measured") / "two.osim"))


def table(values=None, degrees=True, labels=COORDINATES):
    walk = Walk()
    factor = np.where(ROTATIONAL, 180 / np.pi if degrees else 1.0, 1.0)
    values = walk.q * factor if values is None else values
    return Table(("time", *labels), np.column_stack([walk.time, values]), degrees)


@pytest.mark.parametrize("degrees", [True, False])
def test_units_follow_the_header(body, degrees):
    q, notes = coordinates_of(body, table(degrees=degrees))
    np.testing.assert_allclose(q, Walk().q, atol=1e-12)
    assert notes == ()


@pytest.mark.parametrize(
    ("degrees", "message"),
    [(True, "give --angles degrees"), (False, "give --angles radians")],
)
def test_a_header_that_lies_is_refused(body, degrees, message):
    right = table(degrees=degrees)
    wrong = Table(right.labels, right.values, not degrees)
    with pytest.raises(BioenvError, match=message):
        coordinates_of(body, wrong)


def test_one_column_in_other_units_is_refused(body):
    values = table().values[:, 1:].copy()
    values[:, 3] = np.radians(values[:, 3])
    with pytest.raises(BioenvError, match=r"hip_flexion_r.*bring all columns to one unit"):
        coordinates_of(body, table(values))


def test_millimetres_are_refused(body):
    values = table().values[:, 1:].copy()
    values[:, 1:3] *= 1000
    with pytest.raises(BioenvError, match=r"pelvis_ty reaches 940 m: is it in millimetres"):
        coordinates_of(body, table(values))


def test_angles_of_a_top_are_refused(body):
    values = table().values[:, 1:].copy()
    values[5, 4] = 1e30
    with pytest.raises(BioenvError, match=r"knee_angle_r reaches 1\.745e\+28 rad"):
        coordinates_of(body, table(values))


def test_gaps_are_refused_by_name(body):
    values = table().values[:, 1:].copy()
    values[7, 4] = np.nan
    with pytest.raises(BioenvError, match=r"gaps \(NaN\) in knee_angle_r"):
        coordinates_of(body, table(values))


def test_flexion_counted_the_other_way_is_told(body):
    values = table().values[:, 1:].copy()
    values[:, [4, 7]] *= -1
    _, notes = coordinates_of(body, table(values))
    assert notes[0].startswith("error: knee_angle_r, knee_angle_l lie outside")


def test_missing_and_foreign_columns_are_told(body):
    labels = tuple(name if name != "ankle_angle_l" else "arm_flex_l" for name in COORDINATES)
    q, notes = coordinates_of(body, table(labels=labels))
    assert (q[:, COORDINATES.index("ankle_angle_l")] == 0).all()
    assert any("no column for ankle_angle_l: the model's default" in note for note in notes)
    assert "columns that are no coordinate of two_legs: arm_flex_l" in notes


def test_a_file_of_another_model_is_refused(body):
    with pytest.raises(BioenvError, match="holds none of the model's coordinates"):
        coordinates_of(body, table(labels=tuple(f"c{i}" for i in range(9))))


def test_a_coupled_column_follows_its_function():
    body = osim.load(TOY)
    follower = int(np.flatnonzero(~body.independent)[0])
    time = np.arange(20) / 100
    values = np.tile(body.default, (20, 1))
    values[:, follower] += 0.5
    units = np.where(body.rotational, 180 / np.pi, 1.0)
    made = Table(("time", *body.coordinates), np.column_stack([time, values * units]), True)
    q, notes = coordinates_of(body, made)
    np.testing.assert_allclose(q, body.couple(values), atol=1e-12)
    name = body.coordinates[follower]
    assert any(f"column {name} contradicts the model's coupling" in note for note in notes)


def test_a_trial_has_markers_or_coordinates():
    with pytest.raises(BioenvError, match="neither markers nor coordinates"):
        Measured("empty")
