"""TRC files: round trip, damage, headers that lie, published files."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import trc
from bioenv.lab.axes import OPENSIM, detect, from_world, matrix, to_world
from bioenv.lab.checks import check_markers, check_time
from bioenv.lab.trial import Markers

LAB = paths.lab_data()
needs_lab = pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")

HEAD = (
    "PathFileType\t4\t(X/Y/Z)\tx.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
    "OrigNumFrames\n100\t100\t2\t2\tmm\t100\t1\t2\n"
    "Frame#\tTime\tHeel\t\t\tToe\t\t\n\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n\n"
)
ROWS = "1\t0\t100\t20\t-30\t300\t10\t-30\n2\t0.01\t101\t20\t-30\t301\t10\t-30\n"


@pytest.fixture
def markers() -> Markers:
    rng = np.random.default_rng(0)
    positions = rng.uniform(-1, 2, (12, 4, 3))
    positions[3:6, 2] = np.nan
    positions[:, 3] = np.nan
    return Markers(0.25 + np.arange(12) / 120, ("a", "B b", "c.1", "d"), positions, 120.0)


@pytest.mark.parametrize("units", ["mm", "m"])
@pytest.mark.parametrize("axes", [OPENSIM, ("-x", "-y", "z")])
def test_markers_return_as_they_left(markers, tmp_path, units, axes):
    path = trc.write(tmp_path / "x.trc", markers, units=units, axes=axes)
    back = trc.read(path, axes=axes)
    assert back.names == markers.names
    assert back.rate == pytest.approx(120)
    np.testing.assert_allclose(back.time, markers.time, atol=1e-9)
    np.testing.assert_allclose(back.positions, markers.positions, atol=1e-8)


def read(tmp_path, text, **more):
    path = tmp_path / "x.trc"
    path.write_text(text)
    return trc.read(path, **more)


def test_millimetres_and_y_up_become_metres_and_z_up(tmp_path):
    found = read(tmp_path, HEAD + ROWS)
    np.testing.assert_allclose(found.position("Heel"), [[0.1, 0.03, 0.02], [0.101, 0.03, 0.02]])
    assert found.findings == ()
    np.testing.assert_allclose(read(tmp_path, HEAD + ROWS, units="cm").positions[0, 0, 0], 1.0)


@pytest.mark.parametrize(
    ("old", "new", "kind", "severity"),
    [
        ("100\t100\t2\t2", "100\t100\t99\t2", "row_count", "warning"),
        ("100\t100\t2\t2", "100\t100\t1\t2", "row_count", "note"),
        ("100\t100\t2\t2", "100\t100\t2\t7", "column_count", "warning"),
        ("100\t100\t2\t2", "50\t100\t2\t2", "sampling", "warning"),
        ("\tmm\t", "\tparsec\t", "length_unit", "warning"),
        ("\t300\t10\t-30\n2", "\t0\t0\t0\n2", "occlusion", "note"),
    ],
)
def test_what_contradicts_the_rows_is_a_finding(tmp_path, old, new, kind, severity):
    text = (HEAD + ROWS).replace(old, new)
    found = read(tmp_path, text)
    assert [(f.kind, f.severity) for f in found.findings] == [(kind, severity)]
    assert found.positions.shape == (2, 2, 3)


def test_unseen_markers_are_nan_in_whole(tmp_path):
    for cells in ("\t\t\t\n2", "\t \t \t \n2", "\tnan\t1\t1\n2", "\t\t10\t-30\n2"):
        found = read(tmp_path, (HEAD + ROWS).replace("\t300\t10\t-30\n2", cells))
        assert np.isnan(found.positions[0, 1]).all()
        assert np.isfinite(found.positions[1]).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\n" * 9, "line 1: expected a .trc file"),
        (HEAD.replace("DataRate", "Nonsense"), "line 2: expected 'DataRate"),
        (HEAD.replace("Frame#", "Bild"), "line 4: expected 'Frame#'"),
        (HEAD.replace("Toe", "Heel") + ROWS, "line 4: markers named twice: Heel"),
        (HEAD, "no rows"),
        (HEAD + ROWS.replace("\t301\t10\t-30\n", "\n"), "line 8: 5 columns, expected 8"),
        (HEAD + ROWS.replace("301", "3o1"), "line 8: '3o1' is no number"),
        (HEAD + ROWS.replace("101", "1,01"), "a point, not a comma"),
        (HEAD + ROWS.replace("101", "1e999"), "line 8 column 3 holds an infinite"),
        (HEAD + ROWS.replace("0.01", "0"), "row 2 of the table: time does not increase.*repeats"),
        (HEAD + ROWS.replace("0.01", "-1"), "goes back to -1"),
        (HEAD + ROWS.replace("0.01", ""), "row 2 of the table: time is missing"),
    ],
)
def test_damage_is_named(tmp_path, text, words):
    with pytest.raises(BioenvError, match=words) as caught:
        read(tmp_path, text)
    assert "x.trc" in str(caught.value)


def test_wrong_units_and_axes_are_refused(tmp_path, markers):
    for units in ("bananas", ""):
        with pytest.raises(BioenvError, match="unknown unit of length"):
            trc.write(tmp_path / "x.trc", markers, units=units)
    with pytest.raises(BioenvError, match=r"right-handed.*did you mean"):
        matrix(("x", "z", "y"))
    with pytest.raises(BioenvError, match="expected three of"):
        matrix(("x", "y"))
    with pytest.raises(BioenvError, match="unknown unit of length"):
        read(tmp_path, HEAD + ROWS, units="bananas")


def person(forward=1.2, frames=50):
    """(T, 5, 3) markers of someone who walks along x, z up, toes before heels."""
    way = np.linspace(0, forward, frames)[:, None, None] * np.array([1.0, 0.0, 0.0])
    body = np.array([[0, 0, 1.7], [0.2, 0.1, 0], [0, 0.1, 0.02], [0.2, -0.1, 0], [0, -0.1, 0.02]])
    return body + way, ("head", "RToe", "RHeel", "LToe", "LHeel")


@pytest.mark.parametrize("axes", [OPENSIM, ("-x", "-y", "z"), ("y", "-x", "z"), ("z", "x", "y")])
@pytest.mark.parametrize("forward", [1.2, 0.0, -1.2])
def test_axes_are_detected_walking_standing_and_backward(axes, forward):
    positions, names = person(forward)
    found = detect(names, from_world(positions, axes))
    assert found.axes == axes
    assert [f.kind for f in found.findings] == (["axes"] if forward < 0 else [])
    np.testing.assert_allclose(
        to_world(from_world(positions, axes), found.axes), positions, atol=1e-12
    )


def test_what_cannot_be_detected_is_said():
    found = detect(("a", "b", "c"), np.tile(np.eye(3), (9, 1, 1)))
    assert len(found.findings) == 2
    assert detect((), np.empty((4, 0, 3))).axes[2] == "z"
    assert detect(("a", "b", "c"), np.full((4, 3, 3), np.nan)).axes[2] == "z"


def test_a_z_up_file_read_as_y_up_is_an_error(tmp_path):
    positions, names = person()
    path = trc.write(
        tmp_path / "z.trc", Markers(np.arange(50) / 50, names, positions, 50.0),
        axes=("x", "y", "z"),
    )  # fmt: skip
    found = trc.read(path).findings
    assert [(f.kind, f.severity) for f in found] == [("axes", "error")]
    assert trc.read(path, axes=("x", "y", "z")).findings == ()


PUBLISHED = {
    "opensim_gait_subject01/subject01_walk1.trc": (60, 151, 41),
    "opensim_gait_subject01/subject01_static.trc": (60, 300, 49),
    "rajagopal2016_walk/markers_walk.trc": (100, 238, 41),
    "arnold2013_consistent/subject01/markers_synthetic.trc": (200, 223, 64),
    "grand_challenge5_PS/PS_ngait_og_ss1.trc": (120, 132, 36),
    "grand_challenge5_PS/PS_ngait_og_ss8.trc": (120, 129, 39),
}


@pytest.mark.lab
@needs_lab
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_markers(name):
    rate, frames, count = PUBLISHED[name]
    found = trc.read(LAB / name)
    assert found.rate == pytest.approx(rate, rel=1e-6)
    assert found.positions.shape == (frames, count, 3)
    top = np.nanmax(found.positions[..., 2]) - np.nanmin(found.positions[..., 2])
    assert 1.2 < top < 2.0
    assert {f.kind for f in (*found.findings, *check_markers(found))} <= {"header", "occlusion"}
    if "ss1" in name:
        lost = {n: s for n, s in zip(found.names, 1 - found.seen().mean(axis=0), strict=True) if s}
        assert lost == {"RMidfootSuperior": pytest.approx(62 / 132)}
    if "rajagopal" in name:
        # Its header has doubled tabs: read by position, the unit would be 238.
        assert found.findings[0].kind == "header"
        assert (found.positions[-1] - found.positions[0])[:, 0].mean() > 2
    if "subject01_" in name:
        stamps = check_time(found.time, "markers")
        assert "rounded" in stamps[0].message
        assert stamps[0].severity == "note"
