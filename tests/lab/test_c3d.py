"""C3D files: built byte by byte, compared with ezc3d and with closed forms."""

import struct
from dataclasses import replace

import ezc3d
import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab import c3d, c3d_write
from bioenv.lab.c3d_plates import Plate, wrench
from bioenv.lab.events import Event
from bioenv.lab.trial import Emg, ForcePlate, Markers, Trial

CORNERS = np.array([[0.4, 0.9, 0], [0.4, 0.3, 0], [0.0, 0.3, 0], [0.0, 0.9, 0]]) * 1000
ORDERS = {84: "<", 85: "<", 86: ">"}


def floats(values, processor):
    """32-bit floats as Intel, DEC (exponent + 2, words swapped) or MIPS wrote them."""
    values = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if processor == 85:
        words = (values * 4).astype("<f4").view("<u2").reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(words).tobytes()
    return values.astype(ORDERS[processor] + "f4").tobytes()


def record(name, group, kind, dimensions, content, processor):
    """One parameter of the chain."""
    body = struct.pack("bB", kind, len(dimensions)) + bytes(dimensions) + content + b"\0"
    head = struct.pack("bb", len(name), group) + name.encode()
    return head + struct.pack(ORDERS[processor] + "H", len(body) + 2) + body


def build(points, analog, groups, *, processor=84, scale=-1.0, rate=100.0):
    """A C3D file: points (T, M, 4) and analog (T, R, C) in stored numbers; groups of parameters."""
    order = ORDERS[processor]
    frames, count = points.shape[:2]
    samples, channels = analog.shape[1:]
    chain = b""
    for number, (group, parameters) in enumerate(groups.items(), 1):
        chain += struct.pack("bb", len(group), -number) + group.encode()
        chain += struct.pack(order + "H", 3) + b"\0"
        for name, value in parameters.items():
            if isinstance(value, list):
                width = max(map(len, value), default=0)
                content = b"".join(word.ljust(width).encode() for word in value)
                chain += record(name, number, -1, (width, len(value)), content, processor)
                continue
            array = np.asarray(value)
            flat = np.ravel(array, order="F")
            if array.dtype.kind == "i":
                content, kind = flat.astype(order + "i2").tobytes(), 2
            else:
                content, kind = floats(flat, processor), 4
            chain += record(name, number, kind, array.shape, content, processor)
    blocks = -(-(len(chain) + 6) // 512)
    section = struct.pack("BBBB", 1, 80, blocks, processor) + chain
    header = struct.pack("BB", 2, 80) + struct.pack(
        order + "5H", count, samples * channels, 1, frames, 0
    )
    header += floats(scale, processor) + struct.pack(order + "2H", 2 + blocks, samples)
    header += floats(rate, processor)
    rows = np.concatenate([points.reshape(frames, -1), analog.reshape(frames, -1)], axis=1)
    data = rows.astype(order + "i2").tobytes() if scale > 0 else floats(rows, processor)
    return header.ljust(512, b"\0") + section.ljust(512 * blocks, b"\0") + data


def platform(kind, channels=6, **more):
    used = np.int64(1)
    return {
        "USED": used, "TYPE": np.array([kind]), "ZERO": np.array([1, 0]),
        "CORNERS": CORNERS.T[..., None], "ORIGIN": np.array([[120.0], [200.0], [-40.0]]),
        "CHANNEL": 1 + np.arange(channels)[:, None], **more,
    }  # fmt: skip


def groups(points, analog, plates=None, **analog_more):
    count, channels = points.shape[1], analog.shape[2]
    found = {
        "POINT": {
            "USED": np.int64(count), "FRAMES": np.int64(len(points)), "SCALE": -1.0,
            "RATE": 100.0, "UNITS": ["mm"], "LABELS": [f"M{i}" for i in range(count)],
            "DATA_START": np.int64(0), "Y_SCREEN": ["+Z"], "DESCRIPTIONS": [""] * count,
        },
        "ANALOG": {
            "USED": np.int64(channels), "RATE": 100.0 * analog.shape[1], "GEN_SCALE": 1.0,
            "SCALE": np.ones(channels), "OFFSET": np.zeros(channels, dtype=int),
            "UNITS": ["V"] * channels, "LABELS": [f"emg{i}" for i in range(channels)],
            "DESCRIPTIONS": [""] * channels, **analog_more,
        },
    }  # fmt: skip
    return {**found, "FORCE_PLATFORM": plates} if plates else found


@pytest.fixture
def stored():
    rng = np.random.default_rng(3)
    points = np.zeros((5, 3, 4))
    points[..., :3] = rng.integers(-900, 900, (5, 3, 3))
    points[2, 1, 3] = -1
    return points, rng.integers(-2000, 2000, (5, 4, 8)).astype(float)


@pytest.mark.parametrize("scale", [-1.0, 0.25])
@pytest.mark.parametrize("processor", [84, 85, 86])
def test_processors_and_number_formats_read_alike(tmp_path, stored, processor, scale):
    points, analog = stored
    more = {"OFFSET": np.arange(8), "SCALE": np.full(8, 0.5), "GEN_SCALE": 2.0}
    path = tmp_path / "x.c3d"
    known = groups(points, analog, **more)
    known["POINT"]["SCALE"] = scale  # the one ezc3d takes, the header's is the same
    path.write_bytes(build(points, analog, known, processor=processor, scale=scale))
    trial = c3d.read(path, axes=("x", "y", "z"))
    expected = points[..., :3] / 1000 * abs(scale)
    expected[2, 1] = np.nan
    np.testing.assert_allclose(trial.markers.positions, expected, rtol=1e-6)
    np.testing.assert_allclose(trial.markers.time, np.arange(5) / 100)
    np.testing.assert_allclose(trial.emg.values, analog.reshape(20, 8) - np.arange(8), rtol=1e-6)
    np.testing.assert_allclose(trial.emg.time, np.arange(20) / 400)
    if processor == 84:
        other = ezc3d.c3d(str(path))["data"]
        np.testing.assert_allclose(
            other["points"][:3].transpose(2, 1, 0) / 1000, trial.markers.positions, rtol=1e-6
        )
        np.testing.assert_allclose(other["analogs"][0].T, trial.emg.values, rtol=1e-6)


@pytest.mark.parametrize(("kind", "channels"), [(1, 6), (2, 6), (3, 8), (4, 6)])
def test_plate_types_agree_with_ezc3d(tmp_path, stored, kind, channels):
    points, analog = stored
    units = {1: ["N", "N", "N", "mm", "mm", "Nmm"], 2: ["N"] * 3 + ["Nmm"] * 3,
             3: ["N"] * 8, 4: ["V"] * 6}[kind] + ["V"] * (8 - channels)  # fmt: skip
    matrix = np.eye(6) + 0.01 * np.arange(36).reshape(6, 6)
    plates = platform(kind, channels, CAL_MATRIX=matrix[..., None])
    path = tmp_path / "x.c3d"
    path.write_bytes(build(points, analog, groups(points, analog, plates, UNITS=units)))
    plate = c3d.read(path, axes=("x", "y", "z")).forces[0]
    other = ezc3d.c3d(str(path), extract_forceplat_data=True)["data"]["platform"][0]
    loaded = np.abs(plate.force[:, 2]) >= 10
    assert loaded.sum() > 15
    np.testing.assert_allclose(plate.force, other["force"].T, atol=1e-3)
    center = other["center_of_pressure"].T / 1000
    np.testing.assert_allclose(plate.point[loaded], center[loaded], atol=1e-6, rtol=1e-5)
    free = other["Tz"].T / 1000
    np.testing.assert_allclose(plate.moment[loaded], free[loaded], atol=1e-3, rtol=1e-5)
    assert np.isnan(plate.point[~loaded]).all()
    assert not plate.moment[~loaded].any()


def test_a_kistler_plate_finds_the_point_that_loads_its_sensors():
    a, b, force, x, y = 0.12, 0.2, np.array([30.0, -20.0, -700.0]), 0.05, -0.11
    z = [force[2] / 4 * (1 + sx * x / a) * (1 + sy * y / b)
         for sx, sy in ((1, 1), (-1, 1), (-1, -1), (1, -1))]  # fmt: skip
    along = [force[0] / 2 * (1 + s * y / b) for s in (1, -1)]
    across = [force[1] / 2 * (1 + s * x / a) for s in (1, -1)]
    corners = np.array([[0.2, -0.3, 0], [-0.2, -0.3, 0], [-0.2, 0.3, 0], [0.2, 0.3, 0]])
    plate = Plate(3, np.arange(8), corners, np.array([a, b, 0.0]))
    found = wrench(plate, np.array([[*along, *across, *z]]))
    np.testing.assert_allclose(found.force, [[30.0, 20.0, 700.0]])
    np.testing.assert_allclose(found.point, [[x, -y, 0.0]], atol=1e-12)
    np.testing.assert_allclose(found.moment, 0.0, atol=1e-10)


def made() -> Trial:
    """Two plates, three markers of which one is hidden for a while, two EMG channels."""
    rng = np.random.default_rng(1)
    time, fine = 0.5 + np.arange(30) / 100, 0.5 + np.arange(300) / 1000
    positions = rng.uniform(-1, 1, (30, 3, 3)) + np.array([0, 0, 1.2])
    positions[4:9, 1] = np.nan
    force = np.column_stack([20 * np.sin(9 * fine), 5 * fine, 600 + 200 * np.cos(5 * fine)])
    point = np.column_stack([0.1 + 0.2 * fine, 0.05 * fine, np.zeros(300)])
    moment = np.column_stack([0 * fine, 0 * fine, 3 * np.sin(fine)])
    corners = np.array([[0.6, -0.2, 0], [0.0, -0.2, 0], [0.0, 0.2, 0], [0.6, 0.2, 0]])
    plates = (ForcePlate("1", fine, force, point, moment, corners),
              ForcePlate("2", fine, force * 0.5, point, moment, corners[::-1]))  # fmt: skip
    emg = Emg(fine, ("soleus", "vaslat"), rng.normal(size=(300, 2)) * 1e-3, "V", 1000.0)
    events = (Event(0.52, "foot strike", "r"), Event(0.75, "foot off", "l"))
    return Trial("made", Markers(time, ("A", "B", "C"), positions, 100.0), plates, emg,
                 events=events)  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    trial = made()
    back = c3d.read(c3d_write.write(tmp_path / "made.c3d", trial), axes=("x", "y", "z"))
    assert back.markers.names == trial.markers.names
    np.testing.assert_allclose(back.markers.positions, trial.markers.positions, atol=1e-6)
    np.testing.assert_allclose(back.markers.time, trial.markers.time, atol=1e-9)
    for one, other in zip(trial.forces, back.forces, strict=True):
        np.testing.assert_allclose(other.force, one.force, atol=1e-3)
        np.testing.assert_allclose(other.point, one.point, atol=1e-6)
        np.testing.assert_allclose(other.moment, one.moment, atol=1e-3)
    np.testing.assert_allclose(back.emg.values, trial.emg.values, atol=1e-9)
    assert [(e.name, e.side) for e in back.events] == [(e.name, e.side) for e in trial.events]
    np.testing.assert_allclose([e.time for e in back.events], [0.52, 0.75], atol=1e-6)


def test_writing_refuses_clocks_a_c3d_file_cannot_hold(tmp_path):
    trial = made()
    slow = replace(trial.emg, time=trial.emg.time[::3], values=trial.emg.values[::3], rate=333.3)
    for wrong, words in (
        (replace(trial, markers=None), "no markers"),
        (replace(trial, emg=slow), "resample them first"),
        (replace(trial, emg=replace(trial.emg, time=trial.emg.time + 9)), "does not cover"),
    ):
        with pytest.raises(BioenvError, match=words):
            c3d_write.write(tmp_path / "x.c3d", wrong)


def test_axes_are_found_from_plates_screen_and_walking(tmp_path):
    trial = made()
    way = np.linspace(0, 2, 30)[:, None, None] * np.array([[0, -1, 0]] * 3)
    walking = replace(trial, markers=replace(trial.markers, positions=way + np.array([0, 0, 1])))
    file = c3d.read(c3d_write.write(tmp_path / "w.c3d", walking))
    assert any("('-y', 'x', 'z')" in note for note in file.notes)
    assert file.markers.positions[-1, 0, 0] == pytest.approx(2.0)
    np.testing.assert_allclose(file.forces[0].force[:, 1], trial.forces[0].force[:, 0], atol=1e-3)


def test_parameters_that_do_not_fit_are_named(tmp_path, stored):
    points, analog = stored
    path = tmp_path / "x.c3d"
    good = groups(points, analog, platform(2))
    for group, name, value, words in (
        ("POINT", "UNITS", ["bananas"], "POINT:UNITS is 'bananas'"),
        ("POINT", "USED", np.int64(9), "POINT:USED is 9, the header says 3"),
        ("POINT", "FRAMES", np.int64(77), "POINT:FRAMES is 77"),
        ("ANALOG", "SCALE", np.full(8, np.nan), "ANALOG:SCALE"),
        ("FORCE_PLATFORM", "CHANNEL", 5 + np.arange(6)[:, None], "FORCE_PLATFORM:CHANNEL"),
        ("FORCE_PLATFORM", "CORNERS", np.zeros((3, 4, 1)), "span no plate"),
        ("FORCE_PLATFORM", "ORIGIN", np.zeros(2), "FORCE_PLATFORM:ORIGIN"),
        ("FORCE_PLATFORM", "USED", np.int64(3), "FORCE_PLATFORM:TYPE"),
    ):
        path.write_bytes(build(points, analog, {**good, group: {**good[group], name: value}}))
        with pytest.raises(BioenvError, match=words):
            c3d.read(path)
    odd = {**good, "FORCE_PLATFORM": platform(7)}
    path.write_bytes(build(points, analog, odd))
    assert any("type 7" in note for note in c3d.read(path).notes)


def test_names_are_made_different_and_computed_points_left_out(tmp_path, stored):
    points, analog = stored
    named = groups(points, analog)
    named["POINT"]["LABELS"] = ["A", "A", "LKneeAngles"]
    named["POINT"]["ANGLES"] = ["LKneeAngles"]
    path = tmp_path / "x.c3d"
    path.write_bytes(build(points, analog, named))
    trial = c3d.read(path)
    assert trial.markers.names == ("A", "A#2")
    assert any("computed" in note for note in trial.notes)
