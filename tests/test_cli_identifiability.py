"""`bioenv learn identifiability`: tables, JSON, and clear errors."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from bioenv.commands.identifiability import run
from bioenv.commands.parsers_identifiability import add_identifiability
from bioenv.errors import BioenvError
from bioenv.motion import Motion

F0, ARM = "max_isometric_force", "moment_arm"


def _run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_identifiability(parser.add_subparsers())
    return run(parser.parse_args(["identifiability", *words]))


def test_without_an_experiment_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 0
    shown = capsys.readouterr().out
    for name in ("elbow-isometric", "elbow", "pendulum", "foot-contact", "gait-muscle"):
        assert re.search(rf"^{name}$", shown, re.M)
    assert "postures" in shown


def test_it_shows_what_is_confounded_and_what_helps(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "isometric.json"
    words = ("elbow-isometric", "--set", "postures=0.6,1.2,1.8", "--know", "drive", "--noise",
             "torque=0.5", "--profile", ARM, "--json", str(file))  # fmt: skip
    assert _run(*words) == 0
    shown = capsys.readouterr().out
    assert re.search(rf"^{F0} +624\.3 N +no +moment_arm, optimal", shown, re.M)
    assert re.search(r"^drive +0\.6 +known$", shown, re.M)
    assert f"told: {F0} × {ARM} to 0.861 %" in shown
    assert re.search(r"Profile likelihood of moment_arm: 95 % from 0 to 0\.17\d+ m, open below",
                     shown)  # fmt: skip
    assert re.search(r"^measure fiber_length +÷ \d", shown, re.M)
    found = json.loads(file.read_text())
    assert found["rank"] == 3
    assert found["measured"] == {"torque": {"noise": 0.5, "unit": "N m"}}
    by_name = {one["name"]: one for one in found["parameters"]}
    assert by_name[F0]["bound"] is None
    assert by_name[F0]["verdict"] == "no"
    assert found["confounded"][0]["told"][0]["text"] == f"{F0} × {ARM}"
    assert found["extra_measurements"][0]["name"] == "measure fiber_length"
    assert found["profiles"][0]["open"] == "below"
    assert _run(*words) == 0  # its own file is replaced


def test_a_measured_arm_tells_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("elbow-isometric", "--set", "postures=0.6,1.2,1.8", "--know", "drive",
                f"{ARM}=0.05", "--criterion", "worst") == 0  # fmt: skip
    shown = capsys.readouterr().out
    assert re.search(rf"^{F0} +624\.3 N +by prior +31\.4 N +5\.03 ", shown, re.M)
    assert re.search(rf"err together \(correlation\): .*{F0} and {ARM} \(-0\.99\d\)", shown)


def test_the_equations_say_whether_a_richer_input_would_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run("pendulum", "--set", "duration=1", "--measure", "angle", "reaction_z") == 0
    shown = capsys.readouterr().out
    assert "measured: angle (noise 0.01 rad), reaction_z (noise 0.5 N)" in shown
    assert "Lie derivatives: with whatever inputs, the same outputs tell no more." in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("elbwo",), "unknown experiment 'elbwo'; did you mean 'elbow'"),
        (("pendulum", "--measure", "emg"), "unknown output of pendulum 'emg'"),
        (("pendulum", "--know", "strength"), "unknown parameter of pendulum 'strength'"),
        (("pendulum", "--set", "motor"), "--set takes KEY=VALUE"),
        (("pendulum", "--set", "motr=1"), "unknown setting of pendulum 'motr'"),
        (("pendulum", "--set", "motor=big"), "motor needs a finite number, got 'big'"),
        (("pendulum", "--noise", "angle"), "--noise takes NAME=NUMBER"),
        (("pendulum", "--noise", "angle=-1"), "noise of angle must be positive"),
        (("pendulum", "--motion", "walk.nc"), "--motion is for gait-muscle"),
    ],
)
def test_a_mistake_is_one_clear_sentence(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(BioenvError, match=re.escape(message)):
        _run(*words)


def test_nothing_is_overwritten_and_a_poor_motion_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "mine.json"
    other.write_text("{}")
    with pytest.raises(BioenvError, match="was not written by this command"):
        _run("pendulum", "--json", str(other))
    motion = Motion([0.0, 0.1, 0.2], model="walker2d")
    motion.save(tmp_path / "empty.nc")
    with pytest.raises(BioenvError, match="the motion lacks qpos, qvel, activation"):
        _run("gait-muscle", "--motion", str(tmp_path / "empty.nc"))
