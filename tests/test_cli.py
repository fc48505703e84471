"""The command line: examples, exit codes, one line per mistake, nothing overwritten."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from bioenv import cli
from bioenv.agents.policy import Policy
from bioenv.commands.files import claim
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.motion import Motion

COMMANDS = ("tasks", "models", "train", "rollout", "import", "inverse", "evaluate", "view")


class Done(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


def run(*words: str, code: int = 0) -> Done:
    """A command in this process: starting Python and MuJoCo again for each would take minutes."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            got: object = cli.main(list(words))
        except SystemExit as stop:
            got = stop.code
    assert got == code, out.getvalue() + err.getvalue()
    return Done(out.getvalue(), err.getvalue())


def start(*words: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bioenv.cli", *words], capture_output=True, text=True, check=False
    )


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


def test_help_loads_nothing_heavy() -> None:
    """Help takes as long as what it imports; seconds would measure the machine's other work."""
    code = (
        "import sys; from bioenv import cli\n"
        "try:\n    cli.main(['evaluate', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'mujoco', 'torch', 'scipy', 'matplotlib', 'safetensors', 'tensorboard'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


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


def test_a_mistake_exits_1_and_debug_shows_its_traceback(tmp_path: Path) -> None:
    words = ["rollout", "Wlak-v0", "--out", str(tmp_path / "a.nc")]
    plain, debug = start(*words), start(*words, "--debug")
    assert (plain.returncode, debug.returncode) == (1, 1)
    assert plain.stderr.startswith("bioenv: error: unknown policy 'Wlak-v0'")
    assert plain.stderr.count("\n") == 1
    assert "Traceback" in debug.stderr


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


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """An untrained policy for the elbow, saved as training saves one."""
    env = BioVectorEnv("bioenv/ElbowPose-v0", 1, threads=1)
    size, muscles = env.single_observation_space.shape[0], env.model.muscles
    rng = np.random.default_rng(0)
    layer = rng.normal(0, 0.3, (len(muscles), size)).astype(np.float32)
    ones, zeros = np.ones(size, np.float32), np.zeros(size, np.float32)
    env.close()
    bias = np.zeros(len(muscles), np.float32)
    made = Policy(
        "bioenv/ElbowPose-v0", "elbow", muscles, zeros, ones, ((layer, bias),), bias.copy()
    )
    return made.save(tmp_path / "elbow")


def test_rollout_saves_the_motion_its_command_and_opensim_files(
    policy: Path, tmp_path: Path
) -> None:
    out, opensim = tmp_path / "deep" / "motion.nc", tmp_path / "opensim"
    words = ["rollout", str(policy), "--seed", "3", "--seconds", "0.5", "--out", str(out)]
    done = run(*words, "--opensim", str(opensim))
    assert done.stdout.splitlines()[-1] == f"wrote {out}"
    motion = Motion.load(out)
    assert motion.duration == pytest.approx(0.5, abs=0.011)
    assert motion.meta["seed"] == 3
    assert motion.meta["command"] == f"bioenv rollout {policy} --seed 3 --seconds 0.5"
    assert {path.suffix for path in opensim.iterdir()} == {".mot", ".sto"}
    again = run(*words)
    assert again.stdout.splitlines()[-1] == f"replaced {out}"
    assert np.array_equal(Motion.load(out)["qpos"], motion["qpos"])


def test_evaluate_takes_policies_and_motions_side_by_side(policy: Path, tmp_path: Path) -> None:
    motion, folder, scores = tmp_path / "motion.nc", tmp_path / "report", tmp_path / "scores.json"
    run("rollout", str(policy), "--seconds", "0.5", "--out", str(motion))
    words = ["evaluate", str(policy), str(motion), "--seconds", "0.5", "--out", str(folder)]
    done = run(*words, "--against", "winter", "--json", str(scores))
    assert done.stdout.splitlines()[-1] == f"wrote {folder / 'report.html'}"
    rows = json.loads(scores.read_text())
    assert all({"name", "value", "unit", "reference", "ok"} <= row.keys() for row in rows)
    assert {row["motion"] for row in rows} == {"elbow", "motion"}
    assert sorted(p.name for p in folder.iterdir()) == ["elbow-seed0.nc", "report.html"]
    again = run(*words)
    assert again.stdout.splitlines()[-1] == f"replaced {folder / 'report.html'}"


def test_a_foreign_file_in_the_way_stops_before_anything_runs(policy: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("my own page")
    done = run("evaluate", str(policy), "--out", str(tmp_path), code=1)
    assert "--force" in done.stderr
    assert page.read_text() == "my own page"
    assert not list(tmp_path.glob("*.nc"))


@pytest.mark.parametrize("suffix", [".gif", ".avi"])
def test_view_refuses_what_it_cannot_write(policy: Path, tmp_path: Path, suffix: str) -> None:
    video = tmp_path / f"a{suffix}"
    video.write_text("mine")
    done = run("view", str(policy), "--video", str(video), code=1)
    assert ("exists" if suffix == ".gif" else ".mp4 or .gif") in done.stderr
    assert video.read_text() == "mine"
