"""The trial of `two_legs` as files, and `bioenv inverse` on them."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from two_legs import (
    COORDINATES,
    ROTATIONAL,
    Walk,
    force_columns,
    write_coordinates,
    write_markers,
    write_table,
)
from two_legs_model import write_model

from bioenv import cli
from bioenv.lab import sto

INNER = slice(15, -15)  # no end of a spline


class Done(NamedTuple):
    """What a command printed, and its folder of results."""

    stdout: str
    stderr: str
    out: Path

    def table(self, name: str) -> sto.Table:
        return sto.read(self.out / name)


class Files(NamedTuple):
    """A trial on disk."""

    walk: Walk
    folder: Path

    def __getitem__(self, name: str) -> str:  # type: ignore[override]
        return str(self.folder / name)

    def run(self, out: Path, *words: str, code: int = 0) -> Done:
        """`bioenv inverse` of the model, without a filter and a report unless asked for."""
        shown, wrong = io.StringIO(), io.StringIO()
        command = ["inverse", "--model", self["two.osim"], "--cutoff", "0", "--out", str(out)]
        if "--report" not in words:
            command.append("--no-report")
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(wrong):
            try:
                got: object = cli.main([*command, *(w for w in words if w != "--report")])
            except SystemExit as stop:
                got = stop.code
        assert got == code, shown.getvalue() + wrong.getvalue()
        return Done(shown.getvalue(), wrong.getvalue(), out)


def write_files(folder: Path) -> Files:
    """Model, markers, coordinates, forces by foot and without feet, and EMG envelopes."""
    walk = Walk()
    write_model(folder / "two.osim")
    write_markers(folder / "walk.trc", walk)
    write_coordinates(folder / "walk.mot", walk)
    write_table(folder / "grf.mot", force_columns(walk))
    write_table(folder / "plain.mot", force_columns(walk, "lr", named=False))
    wave = {f"{m}_{s}": 0.5 + 0.4 * np.sin(6 * walk.time) for s in "rl" for m in ("soleus", "vl")}
    write_table(folder / "emg.sto", {"time": walk.time, **wave})
    return Files(walk, folder)


def moments(done: Done) -> np.ndarray:
    """(T, 9) of inverse_dynamics.sto, in the order of the coordinates."""
    table = done.table("inverse_dynamics.sto")
    ends = ["_moment" if turns else "_force" for turns in ROTATIONAL]
    return np.column_stack([table.column(c + e) for c, e in zip(COORDINATES, ends, strict=True)])


def forces(done: Done) -> dict[str, np.ndarray]:
    """Muscle -> (T,) N of muscle_force.sto."""
    table = done.table("muscle_force.sto")
    return {name: table.column(name) for name in table.labels[1:]}
