"""`bioenv learn`: estimators on the command line, with an estimator made here."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from bioenv import cli
from bioenv.learn.estimators import Estimator, Plan, Settings, cut
from bioenv.motion import Motion

WHAT = (
    "models", "train", "estimate",
    "moments", "emg", "forecast", "graph", "identifiability", "causal",
)  # fmt: skip
RATE = 50.0


def run(*words: str, code: int = 0) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        assert cli.main(["learn", *words]) == code, out.getvalue()
    return out.getvalue()


def walk(seconds: float = 8.0, rate: float = RATE, phase: float = 0.0, **meta: object) -> Motion:
    time = np.arange(round(seconds * rate)) / rate
    turn = 2 * np.pi * time / 1.037 + phase  # no two strides have the same samples
    noise = np.random.default_rng(round(1000 * phase)).normal(scale=0.03, size=(len(time), 2))
    angles = np.column_stack([np.sin(turn), np.cos(turn)]) + noise
    motion = Motion(time, meta={"subject": "one", **meta})
    motion = motion.add("qpos", angles, labels=("knee_angle_r", "hip_flexion_r"), source="measured")
    torque = 80.0 * angles[:, :1]
    return motion.add("joint_torque", torque, labels=("knee_angle_r",), source="computed")


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> str:
    names, target = ("qpos/knee_angle_r", "qpos/hip_flexion_r"), "joint_torque/knee_angle_r per kg"
    parts = [
        cut(walk(phase=phase, mass_kg=80.0), names, (target,), length=5, rate=RATE)
        for phase in (0.0, 0.1)
    ]
    plan = Plan(epochs=60, patience=60, learning_rate=1e-2, batch=64)
    found = Estimator(Settings("plain", hidden=16), members=2, plan=plan, degrade=True)
    folder = tmp_path_factory.mktemp("knee")
    return str(found.fit(*parts).save(folder / "knee", {"data": "a sine", "scores": {"r": 1.0}}))


@pytest.mark.parametrize("what", WHAT)
def test_every_part_has_help_with_an_example_that_parses(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["learn", what, "--help"])
    assert stop.value.code == 0
    example = re.search(r"^example: bioenv (.+)$", capsys.readouterr().out, re.M)
    assert example is not None
    assert example[1].split()[:2] == ["learn", what]
    cli.parse(example[1].split())


def test_the_help_names_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["learn", "--help"])
    shown = capsys.readouterr().out
    assert re.findall(r"^    (\w+)(?: |$)", shown, re.M) == list(WHAT)


def test_a_card_shows_columns_units_and_data(estimator: str) -> None:
    shown = run("models", estimator)
    assert "qpos/knee_angle_r (rad)" in shown
    assert "joint_torque/knee_angle_r per kg (N*m/kg)" in shown
    assert "data: a sine" in shown
    assert "rate_hz: 50" in shown


def test_a_motion_comes_back_with_values_band_and_flag(estimator: str, tmp_path: Path) -> None:
    motion = walk(phase=0.05)
    truth = motion.column("joint_torque", "knee_angle_r")
    bare = Motion(motion.time, {"qpos": motion.signals["qpos"]}, meta=motion.meta)
    bare.save(tmp_path / "walk.nc")
    out = tmp_path / "estimated.nc"
    shown = run("estimate", estimator, str(tmp_path / "walk.nc"), "--mass", "80", "--out", str(out))
    assert re.search(r"joint_torque/knee_angle_r: 90 % band [\d.]+ N\*m wide", shown)
    found = Motion.load(out)
    signal = found.signals["joint_torque"]
    assert signal.source == "estimated"
    assert np.abs(signal.values[:, 0] - truth[4:]).max() < 0.2 * 80
    assert signal.flag is not None
    assert signal.flag.mean() < 0.1


def test_another_rate_is_resampled_and_said_or_refused(estimator: str, tmp_path: Path) -> None:
    walk(rate=100.0, mass_kg=80.0).save(tmp_path / "fast.nc")
    words = ("estimate", estimator, str(tmp_path / "fast.nc"), "--out", str(tmp_path / "out.nc"))
    assert "resampled from 100 to 50 Hz" in run(*words)
    assert "at_rate(motion, 50)" in run(*words, "--as-is", "--force", code=1)


def test_a_forecast_stands_where_it_is_for_and_says_what_it_replaced(tmp_path: Path) -> None:
    walk(subject="anna").save(tmp_path / "anna.nc")
    source, model, out = (str(tmp_path / name) for name in ("anna.nc", "ahead", "out.nc"))
    words = ("--inputs", "qpos/knee_angle_r", "--targets", "qpos/knee_angle_r", "--ahead", "0.2")
    run("train", source, *words, "--network", "plain", "--members", "1", "--out", model)
    shown = run("estimate", model, source, "--out", out)
    assert "the motion's own qpos gave way to the estimate" in shown
    found, truth = Motion.load(out), walk(subject="anna")
    assert found.time[-1] == pytest.approx(truth.time[-1])
    here = np.interp(found.time, truth.time, truth.column("qpos", "knee_angle_r"))
    miss = found.column("qpos", "knee_angle_r") - here
    assert np.sqrt((miss**2).mean()) < 0.15
    assert "lacks qpos/knee; it has qpos: knee_angle_r, hip_flexion_r\n" in run(
        "train", source, "--inputs", "qpos/knee", *words[2:], "--out", model + "x", code=1
    )


def test_a_missing_column_degrades_and_says_so(estimator: str, tmp_path: Path) -> None:
    motion = walk(mass_kg=80.0)
    signal = motion.signals["qpos"].only(["knee_angle_r"])
    Motion(motion.time, {"qpos": signal}, meta=motion.meta).save(tmp_path / "poor.nc")
    shown = run("estimate", estimator, str(tmp_path / "poor.nc"), "--out", str(tmp_path / "out.nc"))
    assert "degraded: qpos/hip_flexion_r is missing" in shown
    assert "100 % of the samples are flagged" in shown


def test_training_judges_on_the_person_held_out(tmp_path: Path) -> None:
    for number, name in enumerate(("anna", "ben", "carl")):
        walk(phase=0.7 * number, subject=name).save(tmp_path / f"{name}.nc")
    files = [str(tmp_path / f"{name}.nc") for name in ("anna", "ben", "carl")]
    columns = ["--inputs", "qpos/knee_angle_r", "--targets", "joint_torque/knee_angle_r"]
    words = [*files, *columns, "--length", "0.2", "--network", "plain", "--members", "2"]
    hold = ("--hold-out", "carl", "--out", str(tmp_path / "knee"))
    shown = run("train", *words, *hold)
    row = re.search(r"^joint_torque/knee_angle_r +(\S+) +(\S+) +(\S+) +(\S+)", shown, re.M)
    assert row is not None
    assert float(row[2]) < 0.1
    assert 0.8 < float(row[4]) < 0.97
    card = json.loads((tmp_path / "knee" / "card.json").read_text())
    assert card["data"] == "3 motions of anna, ben, carl; held out: carl"
    assert card["command"].startswith("bioenv learn train anna.nc ben.nc carl.nc --inputs")
    assert str(tmp_path) not in json.dumps(card)
    assert "--noise" not in card["command"]
    noisy = run("train", *words, *hold, "--noise")
    assert "--noise" in json.loads((tmp_path / "knee" / "card.json").read_text())["command"]
    assert noisy != shown  # the windows were disturbed
    assert "choose another" not in run("train", *words, "--out", str(tmp_path / "knee"))
    assert "did you mean 'carl'" in run(
        "train", *words, "--hold-out", "carla", "--out", str(tmp_path / "x"), code=1
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["estimate", "ESTIMATOR", "OUT/walk.nc", "--out", "OUT/out.nc"], "--mass"),
        (["estimate", "momnts", "OUT/walk.nc", "--out", "OUT/out.nc"], "unknown estimator"),
        (["estimate", "ESTIMATOR", "OUT/no.nc", "--out", "OUT/out.nc"], "no.nc"),
        (["estimate", "ESTIMATOR", "OUT/walk.nc", "--out", "OUT/out.txt"], ".nc or .npz"),
        (["estimate", "ESTIMATOR", "OUT/walk.nc", "--out", "OUT/walk.nc"], "choose another name"),
        (["models", "momnts"], "unknown estimator"),
        (["estimate", "moments", "OUT/walk.nc", "--out", "OUT/out.nc"], "use `bioenv learn mom"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], said: str, estimator: str, tmp_path: Path) -> None:
    walk().save(tmp_path / "walk.nc")
    given = [w.replace("OUT", str(tmp_path)).replace("ESTIMATOR", estimator) for w in words]
    shown = run(*given, code=1)
    assert shown.startswith("bioenv: error: ")
    assert said in shown
    assert [p.name for p in tmp_path.iterdir()] == ["walk.nc"]
