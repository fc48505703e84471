"""Damaged files: every reader either reads them or says in one BioenvError what is wrong.

Never another exception, a warning, a hang or an endless allocation. Seeds are fixed.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab import anc, c3d, c3d_write, csv_table, sto, trc
from bioenv.lab.external_loads import forces_of, read_external_loads
from bioenv.lab.trial import Emg, ForcePlate, Markers, Trial
from bioenv.lab.trial_files import read_trial

READERS: dict[str, Callable[[Path], object]] = {
    ".sto": sto.read, ".mot": forces_of, ".trc": trc.read, ".c3d": c3d.read, ".anc": anc.emg,
    ".csv": csv_table.read, ".xml": read_external_loads,
}  # fmt: skip
LIMIT = 2.0  # s for one damaged file; a whole one takes 0.02 s


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """A valid small file of every kind."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    time, fine = np.arange(20) / 100, np.arange(200) / 1000
    markers = Markers(time, ("RToe", "RHeel", "C7"), rng.uniform(0, 1, (20, 3, 3)), 100.0)
    force = np.tile([10.0, 20.0, 700.0], (200, 1))
    plate = ForcePlate("1", fine, force, 0.1 * force / 700, 0 * force)
    emg = Emg(fine, ("soleus", "vaslat"), rng.normal(size=(200, 2)), "V", 1000.0)
    trial = Trial("x", markers, (plate,), emg)
    labels = ("time", *(f"ground_force_{k}{a}" for k in "vp" for a in "xyz"))
    table = sto.Table(labels, np.column_stack([fine, force, force]), in_degrees=False)
    sto.write(folder / "x.sto", table)
    sto.write(folder / "x.mot", table)
    csv_table.write(folder / "x.csv", table)
    trc.write(folder / "x.trc", markers)
    c3d_write.write(folder / "x.c3d", trial)
    (folder / "x.anc").write_text(
        "File_Type:\tAnalog\nPolarity:\tBipolar\nBitDepth:\t16\nName\tSOL\tTA\t\n"
        "Rate\t1000\t1000\t\nRange\t5000\t5000\t\n"
        + "".join(f"{i / 1000}\t{i}\t{-i}\t\n" for i in range(50))
    )
    (folder / "x.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><OpenSimDocument><ExternalLoads><objects>'
        '<ExternalForce name="r"><applied_to_body>calcn_r</applied_to_body>'
        "<force_identifier>ground_force_v</force_identifier>"
        "<point_identifier>ground_force_p</point_identifier></ExternalForce></objects>"
        f"<datafile>{folder / 'x.sto'}</datafile></ExternalLoads></OpenSimDocument>"
    )
    return {suffix: (folder / f"x{suffix}").read_bytes() for suffix in READERS}


def told(reader: Callable[[Path], object], path: Path) -> str:
    """The error's words, "" when the file was read."""
    words, start = "", perf_counter()
    try:
        reader(path)
    except BioenvError as error:
        words = str(error)
    assert perf_counter() - start < LIMIT
    assert not words or path.name in words
    assert len(words) < 1500
    return words


@pytest.mark.parametrize("suffix", READERS)
def test_whole_files_are_read(whole, tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(whole[suffix])
    assert told(READERS[suffix], path) == ""


@pytest.mark.parametrize("suffix", READERS)
def test_things_that_are_no_such_file(whole, tmp_path, suffix):
    rng = np.random.default_rng(1)
    path = tmp_path / f"x{suffix}"
    reader = READERS[suffix]
    assert "cannot read" in told(reader, path)
    path.mkdir()
    assert "is a folder" in told(reader, path)
    path.rmdir()
    path.write_bytes(b"")
    assert "is empty" in told(reader, path)
    text = whole[suffix]
    for content in (
        b"\n", b" ", b"\0", b"\xff" * 3000, b"\0" * 5000, b"P" * 2000, b"\x02P" * 2000,
        b"a,b\n1,2", b"<a/>", b"<a>" * 300, b"endheader\n" * 100, b"PathFileType\n" * 9,
        b"0" * 10_000_000, b"time\t" * 2_000_001,
        rng.integers(0, 256, 20_000, dtype=np.uint8).tobytes(),
        rng.integers(1, 128, 20_000, dtype=np.uint8).tobytes(),
        text.decode("latin-1").encode("utf-16"), text.decode("latin-1").encode("utf-16-be"),
        *(whole[other] for other in READERS if other != suffix and {other, suffix} !=
          {".sto", ".mot"} and suffix != ".csv"),
    ):  # fmt: skip
        path.write_bytes(content)
        # OpenSim's XML may be UTF-16; everything else here is no such file.
        known = suffix == ".xml" and content[:2] == b"\xff\xfe"
        assert told(reader, path) or known, content[:40]


@pytest.mark.parametrize("suffix", READERS)
def test_cut_files(whole, tmp_path, suffix):
    rng = np.random.default_rng(2)
    content, path = whole[suffix], tmp_path / f"x{suffix}"
    # A C3D file ends in a block of zeros, which nobody misses.
    for length in rng.integers(0, len(content) - (512 if suffix == ".c3d" else 0), 25):
        path.write_bytes(content[:length])
        words = told(READERS[suffix], path)
        if suffix in (".c3d", ".xml"):
            assert words


@pytest.mark.parametrize("suffix", READERS)
def test_changed_bytes(whole, tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    source = np.frombuffer(whole[suffix], dtype=np.uint8)
    head = 6 * 512 if suffix == ".c3d" else 400
    for seed in range(100):
        rng = np.random.default_rng(seed)
        content = source.copy()
        reach = min(len(content), head if seed % 2 else len(content))
        at = rng.integers(0, reach, 1 + seed % 5)
        content[at] = rng.integers(0, 256, at.size) if seed % 3 else rng.integers(32, 127, at.size)
        path.write_bytes(content.tobytes())
        told(READERS[suffix], path)


@pytest.mark.parametrize("suffix", READERS)
def test_lines_and_blocks_out_of_place(whole, tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    source = whole[suffix]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        a, b, c = np.sort(rng.integers(0, len(source), 3))
        content = (
            source[:a] + source[b:],
            source[:a] + source[b:c] + source[a:b] + source[c:],
            source[:b] + source[a:],
            source[:a] + b"\0" * int(b - a) + source[b:],
        )[seed % 4]
        path.write_bytes(content)
        told(READERS[suffix], path)


@pytest.mark.parametrize(
    ("suffix", "old", "new"),
    [
        (".sto", b"nRows=200", b"nRows=999999999999999999"),
        (".sto", b"nColumns=7", b"nColumns=-1"),
        (".trc", b"\t20\t3\tmm", b"\t99999999999\t88888888888\tmm"),
        (".trc", b"100\t100\t", b"1e400\t-5\t"),
        (".anc", b"BitDepth:\t16", b"BitDepth:\t32"),
    ],
)
def test_huge_counts_in_headers_cost_nothing(whole, tmp_path, suffix, old, new):
    path = tmp_path / f"x{suffix}"
    assert old in whole[suffix]
    path.write_bytes(whole[suffix].replace(old, new))
    assert told(READERS[suffix], path) == ""


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (0, b"\x00", "header byte 1"),
        (0, b"\xff", "header byte 1"),
        (1, b"\x51", "not a C3D file"),
        (2, b"\xff\xff", "POINT:USED is 3"),
        (4, b"\x01\x00", "no whole number of channels"),
        (4, b"\xfa\xff", "ANALOG:USED"),
        (6, b"\xff\xff", "frames 65535"),
        (8, b"\xff\xff", "POINT:FRAMES is 20"),
        (12, b"\x00\x00\x00\x00", "scale 0"),
        (12, b"\x00\x00\xc0\x7f", "scale nan"),
        (16, b"\x01\x00", "lies in the parameter section"),
        (16, b"\xff\xff", "cut short"),
        (20, b"\x00\x00\x00\x00", "frame rate 0 Hz"),
        (514, b"\x00", "0 blocks of parameters"),
        (514, b"\xff", "255 blocks of parameters"),
        (515, b"\x00", "processor type 0"),
        (516, b"\x7f", "parameter"),
        (517, b"\x00", "belongs to group 0"),
    ],
)
def test_fields_of_a_c3d_header_are_named(whole, tmp_path, at, value, words):
    path = tmp_path / "x.c3d"
    content = bytearray(whole[".c3d"])
    content[at : at + len(value)] = value
    path.write_bytes(content)
    assert words in told(c3d.read, path)


def test_a_bomb_of_entities_is_refused(tmp_path):
    path = tmp_path / "x.xml"
    lines = [f'<!ENTITY a{i} "&a{i - 1};&a{i - 1};">' for i in range(1, 40)]
    path.write_text('<!DOCTYPE a [<!ENTITY a0 "x">' + "".join(lines) + "]><a>&a39;</a>")
    assert "entities" in told(read_external_loads, path)


def test_a_trial_names_the_file_that_is_damaged(whole, tmp_path):
    for suffix in (".trc", ".mot"):
        (tmp_path / f"x{suffix}").write_bytes(whole[suffix])
    (tmp_path / "y.mot").write_bytes(whole[".mot"][:300])
    with pytest.raises(BioenvError, match=r"y\.mot"):
        read_trial(tmp_path / "x.trc", forces=tmp_path / "y.mot")
