"""bioenv solve."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from bioenv.agents.trajopt import watch
from bioenv.cli import main
from bioenv.commands import solve as command
from bioenv.motion import Motion

FEW = ["mesh=10"]


def test_a_recipe_becomes_a_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reach"
    assert main(["solve", "reach", "--set", *FEW, "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("solved")
    figures = json.loads((out / "solution.json").read_text())
    assert figures["status"] == "solved"
    assert figures["violation"] < 1e-6
    assert figures["mesh"] == 10
    assert {"iterations", "objective", "terms", "cpu_s", "wall_s"} <= set(figures)
    motion = Motion.load(out / "motion.nc")
    assert {"qpos", "qvel", "qacc", "activation", "excitation", "muscle_force"} <= set(
        motion.signals
    )
    assert motion.source("qpos") == "optimized"
    assert (out / "last_iterate.npz").is_file()

    assert main(["solve", "reach", "--set", *FEW, "--out", str(out)]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["solve", "reach", "--set", *FEW, "--out", str(out), "--resume"]) == 0
    warm = ["--warm", str(out / "motion.nc"), "--out", str(tmp_path / "warm")]
    assert main(["solve", "reach", "--set", *FEW, *warm]) == 0


def test_what_cannot_be_done_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    far = ["target.hand=[2.0, 0.0, 0.0]"]
    assert main(["solve", "reach", "--set", *FEW, *far, "--out", str(tmp_path / "far")]) == 1
    assert "most violated" in capsys.readouterr().out
    assert (tmp_path / "far" / "solution.json").is_file()


def test_a_wrong_name_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "raech", "--out", str(tmp_path / "x")]) == 1
    assert "did you mean 'reach'" in capsys.readouterr().err


def test_a_sweep_is_a_folder_for_each_value_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    words = ["solve", "reach", "--set", *FEW, "--sweep", "duration=0.5:0.7:3", "--out", str(out)]
    assert main(words) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0].split()[:3] == ["duration", "status", "objective"]
    assert [line.split()[:2] for line in lines[1:4]] == [
        [value, "solved"] for value in ("0.5", "0.6", "0.7")
    ]
    assert "duration = 0.7, from duration = 0.6" in told.err
    assert {p.name for p in out.iterdir()} == {
        "sweep.json", "duration-0.5", "duration-0.6", "duration-0.7",
    }  # fmt: skip
    assert main(words) == 1
    assert "--resume" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert capsys.readouterr().err.count("is kept") == 3


def test_the_best_of_some_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "starts"
    assert main(["solve", "reach", "--set", *FEW, "--starts", "2", "--out", str(out)]) == 0
    rows = capsys.readouterr().out.splitlines()[:2]
    assert [row.endswith("best") for row in rows].count(True) == 1
    assert {"starts.json", "motion.nc", "solution.json", "start-0"} <= {
        p.name for p in out.iterdir()
    }


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sweep", "speed=1,2", "duration=1,2"], "one key at a time, not speed, duration"),
        (["--sweep", "speed=1,2", "--starts", "2"], "two different things"),
        (["--starts", "2", "--warm", "motion.nc"], "leave --warm out"),
        (["--sweep", "speed"], "takes key=first:last:count"),
        (["--resume"], "no stored iterate"),
    ],
)
def test_options_that_do_not_go_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["solve", "reach", *words, "--out", str(tmp_path / "x")]) == 1
    assert says in capsys.readouterr().err


def test_an_interrupted_solve_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def progress(line: str) -> None:
        lines.append(line)
        if len(lines) == 5:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(watch, "_LINE_S", -1.0)
    monkeypatch.setattr(command, "_progress", progress)
    out = tmp_path / "reach"
    words = ["solve", "reach", "--set", *FEW, "--out", str(out)]
    assert main(words) == 130
    told = capsys.readouterr().out
    assert told.startswith("interrupted")
    assert "the same command with --resume goes on" in told
    assert json.loads((out / "solution.json").read_text())["status"] == "interrupted"
    assert main([*words, "--resume"]) == 0
    assert capsys.readouterr().out.startswith("solved")


def test_a_crash_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("bioenv.agents.trajopt.solver.build", breaks)  # after the last stage
    with pytest.raises(MemoryError):
        main(["solve", "reach", "--set", *FEW, "--out", str(tmp_path / "reach")])
    assert "--resume goes on" in capsys.readouterr().err


def test_without_a_compiler_functions_are_not_compiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    words = ["solve", "reach", "--set", *FEW, "--out", str(tmp_path / "reach"), "--compile"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "no C compiler" in told.err
    assert "going on without compiled functions" in told.err
