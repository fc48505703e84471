"""The consistency score: nothing on a motion of the model, its size where noise was put in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bioenv import models, paths
from bioenv.cli import main
from bioenv.errors import BioenvError
from bioenv.learn import check
from bioenv.learn.consistency import Noise
from bioenv.learn.consistency_splines import Slopes, Splines, correction
from bioenv.models import osim
from bioenv.motion import Motion

LAB = paths.lab_data()
_GRF = "ground_reaction_force"


@pytest.fixture(scope="module")
def walk() -> Motion:
    """The shipped optimized walk, one stride: it obeys Newton at its nodes."""
    return Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))


def changed(motion: Motion, name: str, values: np.ndarray) -> Motion:
    signal = replace(motion.signals[name], values=values)
    return replace(motion, signals={**motion.signals, name: signal})


def only(motion: Motion, *names: str) -> Motion:
    return replace(motion, signals={n: motion.signals[n] for n in names})


def test_a_motion_of_the_model_is_consistent(walk: Motion) -> None:
    found = check(walk)
    assert found.status == "consistent"
    assert found.share == 1.0
    assert found.overall < 0.05
    assert found.rest_rms <= found.residual_rms < 1.0
    squares = sum(part**2 for part in found.parts.values())
    np.testing.assert_allclose(np.sqrt(squares), found.score, rtol=1e-12)
    np.testing.assert_allclose(found.nearest["qpos"], walk["qpos"], atol=1e-3)


def test_noise_of_the_assumed_size_scores_about_one(walk: Motion) -> None:
    """White noise of plates and smooth noise of coordinates, as large as `Noise` says."""
    rng, noise = np.random.default_rng(0), Noise()
    splines = Splines(walk.time, noise.spacing)
    turning = np.array([not c.endswith(("_tx", "_tz")) for c in walk.labels("qpos")])
    size = np.where(turning, noise.angle, noise.position)
    shift = splines.at(rng.normal(size=(splines.count, len(size))) * size)
    noisy = walk
    for name, part in zip(("qpos", "qvel", "qacc"), shift, strict=True):
        noisy = changed(noisy, name, walk[name] + part)
    loaded = np.abs(walk[_GRF]).max(axis=2, keepdims=True) > 1.0
    force = walk[_GRF] + loaded * rng.normal(size=walk[_GRF].shape) * noise.force
    found = check(changed(noisy, _GRF, force))
    assert 0.4 < found.overall < 1.3, found.overall
    # An order more is seen as such.
    for name, part in zip(("qpos", "qvel", "qacc"), shift, strict=True):
        noisy = changed(noisy, name, walk[name] + 10.0 * part)
    assert check(noisy).overall > 5.0 * found.overall


def test_the_score_finds_when_it_happened(walk: Motion) -> None:
    """A push that nobody gave, for 60 ms: 200 N more on the ground than the body needs."""
    middle = int(0.3 * len(walk))
    force = walk[_GRF].copy()
    window = np.abs(walk.time - walk.time[middle]) < 0.03
    foot = int(np.argmax(force[middle, :2, 2]))
    force[window, foot, 2] += 400.0
    found = check(changed(walk, _GRF, force))
    assert abs(found.worst - walk.time[middle]) < 0.04
    far = np.abs(walk.time - walk.time[middle]) > 0.2
    assert found.score[window].max() > 3.0
    assert found.score[far].max() < 0.3 * found.score[window].max()


@pytest.mark.parametrize(
    ("what", "part"), [("hover", "rest"), ("air", "air"), ("time", "derivatives"), ("pull", "pull")]
)
def test_what_is_wrong_is_named(walk: Motion, what: str, part: str) -> None:
    bad = walk
    if what == "hover":  # no ground, no fall
        bad = changed(walk, _GRF, 0.0 * walk[_GRF])
    elif what == "air":  # 20 cm above the floor that carries it
        up = walk["qpos"] + 0.2 * (np.array(walk.labels("qpos")) == "pelvis_tz")
        bad = changed(walk, "qpos", up)
    elif what == "time":  # a clock that runs at half speed
        bad = replace(walk, time=2.0 * walk.time)
    else:  # a ground that holds the swing foot
        force = walk[_GRF].copy()
        center = walk["center_of_pressure"].copy()
        center[np.isnan(center)] = 0.0
        force[..., 2] -= 60.0
        bad = changed(changed(walk, _GRF, force), "center_of_pressure", center)
    found = check(bad)
    assert found.overall > 3.0, found.overall
    assert found.status == "inconsistent"
    sizes = {name: np.sqrt(np.mean(x**2)) for name, x in found.parts.items()}
    assert sizes[part] > 1.0, sizes


def test_without_forces_what_the_feet_need_is_found(walk: Motion) -> None:
    """The root's rows alone say what the ground did, within the rules of contact."""
    found = check(only(walk, "qpos", "qvel", "qacc"))
    assert found.status == "consistent"
    assert "no ground forces" in found.notes[0]
    whole = [walk.labels(_GRF).index(foot) for foot in ("r", "l")]
    wanted = walk[_GRF][:, whole].sum(axis=1)
    total = found.nearest[_GRF].sum(axis=1)
    miss = np.sqrt(np.mean((total - wanted)[:, [0, 2]] ** 2, axis=0))
    weight = models.load("walker2d").body_weight
    assert (miss < 0.02 * weight).all(), miss / weight
    assert (found.nearest[_GRF][..., 2] > -0.05 * weight).all()
    # A body that shakes up and down faster than it can fall would need a ground that pulls.
    bounce = 0.05 * np.sin(2 * np.pi * 5.0 * walk.time)
    up = np.array(walk.labels("qpos")) == "pelvis_tz"
    shaken = only(walk, "qpos")
    assert check(changed(shaken, "qpos", walk["qpos"] + bounce[:, None] * up)).overall > 3.0


def test_a_spline_through_positions_will_do(walk: Motion) -> None:
    found = check(only(walk, "qpos"))
    assert found.status == "consistent"
    assert any("spline" in note for note in found.notes)


def test_a_correction_is_the_least_squares_solution() -> None:
    """The banded solver against dense least squares on the same problem."""
    rng = np.random.default_rng(0)
    time, k, rows = np.linspace(0.0, 0.6, 31), 3, 2
    splines = Splines(time, 0.1)
    slopes = Slopes(*(scale * rng.normal(size=(31, rows, k)) for scale in (1.0, 0.1, 0.01)))
    residual, noise = rng.normal(size=(31, rows)), np.array([0.1, 0.2, 0.5])
    whiten = np.tile(2.0 * np.eye(rows), (31, 1, 1))
    found = correction(splines, residual, slopes, whiten, noise, np.zeros((splines.count, k)))
    basis = np.stack([splines.at(np.eye(splines.count))[o] for o in range(3)])  # (3, T, count)
    physics = sum(
        np.einsum("tri,tj->trji", s, b) for s, b in zip(slopes, basis, strict=True)
    ).reshape(31 * rows, -1)
    slow = basis[[0, 2]] / np.array([1.0, (8.0 * np.pi) ** 2])[:, None, None]
    prior = np.einsum("otj,im->otijm", slow, np.diag(1 / noise)).reshape(62 * k, -1)
    dense, *_ = np.linalg.lstsq(
        np.vstack([2.0 * physics, prior]),
        np.concatenate([-2.0 * residual.ravel(), np.zeros(62 * k)]),
        rcond=None,
    )
    np.testing.assert_allclose(found.ravel(), dense, rtol=1e-6, atol=1e-8)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
def test_a_consistent_trial_scores_below_a_measured_one(tmp_path: Path) -> None:
    """Arnold's consistent subject obeys Newton; OpenSim's treadmill walk does within noise."""
    assert LAB is not None
    trials = {
        "arnold2013_consistent/subject01": ("subject01.osim", "coordinates.mot", "grf.mot"),
        "opensim_gait_subject01": ("gait10dof18musc/subject01.osim",
                                   "gait10dof18musc/subject01_walk_IK.mot",
                                   "subject01_walk1_grf.mot"),
    }  # fmt: skip
    scores = []
    for folder, (model, coordinates, forces) in trials.items():
        where = LAB / folder
        out = tmp_path / Path(folder).name
        words = ["inverse", "--model", where / model, "--coordinates", where / coordinates,
                 "--forces", where / forces, "--cutoff", "6" if "gait" in folder else "0",
                 "--no-report", "--out", out]  # fmt: skip
        assert main([str(w) for w in words]) == 0
        scores.append(check(Motion.load(out / "motion.nc"), osim.load(where / model)))
    consistent, measured = scores
    assert consistent.overall < 0.2
    assert 2.0 * consistent.overall < measured.overall < 3.0
    assert measured.status == "consistent"


def test_bad_input_is_said(walk: Motion) -> None:
    with pytest.raises(BioenvError, match="samples or more"):
        check(walk.between(0.0, 0.02))
    with pytest.raises(BioenvError, match=r"'nobody'.*walker2d"):
        check(replace(walk, model="nobody"))
    arm = models.load("arm26")
    still = Motion(np.arange(20) / 100, model="arm26").add(
        "qpos", np.zeros((20, 2)), labels=arm.coordinates, source="computed"
    )
    with pytest.raises(BioenvError, match="hangs on the world"):
        check(still)
    labels = [f"x{i}" for i in range(12)]
    other = replace(walk, signals={}).add("qpos", walk["qpos"], labels=labels, source="computed")
    with pytest.raises(BioenvError, match="lacks pelvis_tx"):
        check(other)
    with pytest.raises(BioenvError, match="noise force must be positive"):
        check(walk, noise=Noise(force=0.0))


def test_the_command_writes_every_frame(
    walk: Motion, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "walk.nc", tmp_path / "found.json"
    walk.save(file)
    assert main(["check", str(file), "--json", str(out)]) == 0
    assert "consistent" in capsys.readouterr().out
    content = json.loads(out.read_text())
    (one,) = content["motions"]
    assert one["motion"] == str(file)
    assert len(one["score"]) == len(one["time_s"]) == len(walk)
    assert one["overall"] == pytest.approx(float(np.sqrt(np.mean(np.square(one["score"])))))
    assert main(["check", str(file), "--json", str(out)]) == 0  # its own file is replaced
    out.write_text("mine")
    assert main(["check", str(file), "--json", str(out)]) == 1
    assert main(["check", "walk.mot"]) == 1
    assert "bioenv inverse" in capsys.readouterr().err
