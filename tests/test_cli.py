"""The command line: examples, exit codes, one line per mistake, nothing overwritten."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bioenv import cli
from bioenv.commands.files import claim
from bioenv.errors import BioenvError
from bioenv.motion import Motion

COMMANDS = ("tasks", "models", "train", "rollout", "evaluate", "view")


def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bioenv.cli", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_that_parses(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    example = re.search(r"^example: bioenv (.+)$", shown, re.M)
    assert example is not None
    assert example[1].split()[0] == command
    cli.parse(example[1].split())


def test_help_is_quick() -> None:
    def once() -> float:
        began = time.perf_counter()
        run("--help")
        return time.perf_counter() - began

    # The best of several: the machine may be busy. 0.3 s on an idle one.
    assert min(once() for _ in range(4)) < 0.6


def test_tasks_and_models_are_listed() -> None:
    tasks = run("tasks").stdout
    assert "bioenv/WalkImitate-v0" in tasks
    models = run("models").stdout
    assert all(name in models for name in ("elbow", "arm26", "walker2d"))


MISTAKES = {
    "unknown policy": (["rollout", "Wlak-v0", "--out", "OUT/a.nc"], "Wlak-v0"),
    "unknown recipe": (["train", "walk_imitat", "--out", "OUT/run"], "walk_imitate"),
    "unknown reference": (
        ["evaluate", "OUT/ok.nc", "--against", "falise", "--out", "OUT/r"],
        "falisse2019",
    ),
    "no such motion": (["evaluate", "OUT/no.nc", "--against", "winter", "--out", "OUT/r"], "no.nc"),
    "foreign motion": (
        ["evaluate", "OUT/text.nc", "--against", "winter", "--out", "OUT/r"],
        "text.nc",
    ),
    "wrong suffix": (["rollout", "Walk-v0", "--out", "OUT/a.txt"], ".nc"),
    "out is a file": (
        ["evaluate", "OUT/ok.nc", "--against", "winter", "--out", "OUT/text.nc"],
        "folder",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(case: str, tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("not a motion")
    _motion().save(tmp_path / "ok.nc")
    words, said = MISTAKES[case]
    done = run(*(word.replace("OUT", str(tmp_path)) for word in words), code=1)
    assert done.stderr.startswith("bioenv: error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"text.nc", "ok.nc"}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["walk"],
        ["rollout", "Walk-v0"],
        ["rollout", "Walk-v0", "--out", "a.nc", "--seed", "-1"],
        ["rollout", "Walk-v0", "--out", "a.nc", "--seconds", "0"],
    ],
)
def test_wrong_usage_exits_2(words: list[str]) -> None:
    done = run(*words, code=2)
    assert "usage: bioenv" in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    words = ["rollout", "Wlak-v0", "--out", str(tmp_path / "a.nc"), "--debug"]
    done = run(*words, code=1)
    assert "Traceback" in done.stderr


def _motion(**meta: object) -> Motion:
    time = np.arange(0.0, 1.0, 0.01)
    motion = Motion(time, meta=meta, model="elbow")
    return motion.add("qpos", np.sin(time)[:, None], labels=["elbow_flexion"], source="measured")


def test_a_rollout_may_be_replaced_and_a_measurement_may_not(tmp_path: Path) -> None:
    simulated = _motion(seed=1).save(tmp_path / "rollout.nc")
    measured = _motion().save(tmp_path / "measured.nc")
    assert claim(simulated, force=False) == "replaced"
    with pytest.raises(BioenvError, match="--force"):
        claim(measured, force=False)
    assert claim(measured, force=True) == "replaced"
    assert claim(tmp_path / "new" / "motion.nc", force=False) == "wrote"


def test_only_lists_of_scores_and_own_reports_are_replaced(tmp_path: Path) -> None:
    scores, other = tmp_path / "scores.json", tmp_path / "other.json"
    scores.write_text(json.dumps([{"name": "speed", "value": 1.3, "unit": "m/s"}]))
    other.write_text("{}")
    page, mine = tmp_path / "page.html", tmp_path / "report.html"
    page.write_text("<html></html>")
    mine.write_text('<html><meta name="generator" content="bioenv"></html>')
    assert [claim(path, force=False) for path in (scores, mine)] == ["replaced", "replaced"]
    for path in (other, page):
        with pytest.raises(BioenvError, match="was not written by"):
            claim(path, force=False)
