"""Moments from kinematics: the shipped estimator, its band and flag, and what it refuses."""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bioenv import paths
from bioenv.commands.learn_moments import run
from bioenv.commands.parsers_moments import add_moments
from bioenv.errors import BioenvError
from bioenv.learn.estimators import Estimator, Prediction, Windows
from bioenv.learn.people.implausible import dead, exchanged
from bioenv.learn.people.leg_data import SETTLED, leg_windows
from bioenv.learn.people.measured_people import LEGS, RATE
from bioenv.learn.people.moments import belt_speed, cross_conformal, estimate_moments
from bioenv.learn.people.posture import resized
from bioenv.learn.people.simulated_people import population
from bioenv.learn.people.unusual import faulty, simulated_unusual
from bioenv.motion import Motion

CARD = paths.agent_file("estimators", "moments", "card.json")


@cache
def shipped() -> Estimator:
    return Estimator.load("moments")


def walker(number: int = 5) -> Motion:
    """A simulated person without what is to be estimated."""
    one = population()[number]
    return Motion(one.time, {"qpos": one.signals["qpos"]}, meta=one.meta)


def miss(found: Motion, truth: Motion) -> np.ndarray:
    part = truth.between(found.time[0] - 1e-6, found.time[-1] + 1e-6)
    error = (found["joint_torque"] - part["joint_torque"]) / truth.meta["mass_kg"]
    return np.sqrt((error**2).mean(axis=0))


def width(found: Motion) -> float:
    """Mean width of the band, N*m."""
    band = found.signals["joint_torque"].band
    assert band is not None
    return float(np.ptp(band, axis=-1).mean())


def test_moments_of_a_simulated_person_lie_in_the_band() -> None:
    truth = population()[5]
    found = estimate_moments(walker(5), shipped())
    signal = found.signals["joint_torque"]
    assert found.labels("joint_torque") == LEGS
    assert signal.source == "estimated"
    assert len(found) == len(truth) - 2 * SETTLED
    assert miss(found, truth).max() < 0.2
    assert signal.band is not None
    assert signal.flag is not None
    part = truth.between(found.time[0] - 1e-6, found.time[-1] + 1e-6)["joint_torque"]
    inside = (signal.band[..., 0] <= part) & (part <= signal.band[..., 1])
    assert inside.mean() > 0.75
    assert signal.flag.mean() < 0.2


def test_moments_grow_with_the_mass_and_nothing_else_does() -> None:
    light, heavy = (
        estimate_moments(walker().with_meta(mass_kg=m), shipped()) for m in (60.0, 90.0)
    )
    np.testing.assert_allclose(heavy["joint_torque"], 1.5 * light["joint_torque"], rtol=1e-9)


def test_another_rate_is_resampled_and_said() -> None:
    one = walker()
    half = Motion(
        one.time[::2], meta=one.meta
    ).add("qpos", one["qpos"][::2], labels=one.labels("qpos"), source="simulated")  # fmt: skip
    found = estimate_moments(half, shipped())
    assert (len(found) - 1) / found.duration == pytest.approx(RATE)
    assert any("resampled from 50 to 100 Hz" in note for note in found.meta["estimate_notes"])
    np.testing.assert_allclose(
        found["joint_torque"][20:100], estimate_moments(one, shipped())["joint_torque"][20:100],
        atol=0.15 * one.meta["mass_kg"],
    )  # fmt: skip


def test_a_treadmill_is_noticed_and_changes_nothing() -> None:
    one = walker()
    q, labels = one["qpos"].copy(), one.labels("qpos")
    ahead = labels.index("pelvis_tx")
    speed = (q[-1, ahead] - q[0, ahead]) / one.duration
    q[:, ahead] -= speed * one.time
    spot = one.add("qpos", q, labels=labels, source="simulated")
    assert belt_speed(one) == 0.0
    assert belt_speed(spot) == pytest.approx(speed, rel=0.1)
    told = estimate_moments(spot.with_meta(belt_speed=speed), shipped())
    assert any("treadmill" in note for note in told.meta["estimate_notes"])
    np.testing.assert_allclose(
        told["joint_torque"], estimate_moments(one, shipped())["joint_torque"],
        atol=0.03 * one.meta["mass_kg"],
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["running", "child", "small", "shanks exchanged",
                                  "knee sensor dead", "pelvis path missing"])  # fmt: skip
def test_what_is_unlike_walking_adults_is_flagged(kind: str) -> None:
    if kind in ("running", "child"):
        motion = simulated_unusual(kind)[0]
    elif kind == "small":
        motion = resized(walker(), 0.6)
    else:
        motion = faulty(walker(), kind)
    usual = estimate_moments(walker(), shipped())
    found = estimate_moments(motion.with_meta(mass_kg=usual.meta["mass_kg"]), shipped())
    assert found.meta["estimate_flagged"] > usual.meta["estimate_flagged"] + 0.4
    assert width(found) > width(usual)


def test_an_exchange_of_the_legs_is_seen_by_the_pelvis() -> None:
    one = walker()
    names = (*one.labels("qpos"), "pelvis_rotation")
    spread = one.column("qpos", "hip_flexion_r") - one.column("qpos", "hip_flexion_l")
    turned = one.add(
        "qpos", np.column_stack([one["qpos"], 0.1 * spread]), labels=names, source="simulated"
    )
    assert exchanged(one).max() == 0.0  # nobody can tell
    assert exchanged(turned).max() < 0.1
    assert exchanged(faulty(turned, "legs exchanged")).min() > 1.5
    found = estimate_moments(faulty(turned, "legs exchanged"), shipped())
    assert found.meta["estimate_flagged"] == 1.0
    assert any("exchanged" in note for note in found.meta["estimate_notes"])


def test_a_dead_sensor_is_seen() -> None:
    assert dead(walker()).max() < 0.5
    assert dead(faulty(walker(), "ankle sensor dead")).min() > 1.0


def test_what_cannot_be_estimated_is_refused() -> None:
    one = walker()
    with pytest.raises(BioenvError, match="mass_kg"):
        estimate_moments(one.with_meta(mass_kg=None), shipped())
    with pytest.raises(BioenvError, match=r"more than 0\.4 s"):
        estimate_moments(one.between(0.0, 0.3), shipped())
    labels = ("x_only", *one.labels("qpos")[1:])
    other = one.add("qpos", one["qpos"], labels=labels, source="simulated")
    with pytest.raises(BioenvError, match="pelvis_tx"):
        estimate_moments(other, shipped())
    uneven = one.time.copy()
    uneven[50:] += 0.004
    with pytest.raises(BioenvError):
        estimate_moments(Motion(uneven, one.signals, meta=one.meta), shipped())


def test_intervals_are_calibrated_on_people_left_out() -> None:
    """Errors three times as large as said need a factor of three times 1.645."""
    rng = np.random.default_rng(0)
    kind = leg_windows(population()[0], every=2)
    pairs: list[tuple[Prediction, Windows]] = []
    for person in range(4):
        windows = kind.take(np.arange(60 + 10 * person))
        shape = windows.targets.shape
        variance = np.full(shape, 0.01)
        mean = windows.targets + 0.3 * rng.standard_normal(shape)
        novelty, flag = np.full(len(windows), 0.5), np.zeros(len(windows), dtype=bool)
        said = Prediction(mean, variance, 0 * variance, mean, mean, novelty, flag)
        pairs.append((said, windows))
    factor, limit = cross_conformal(pairs, shipped())
    np.testing.assert_allclose(factor, 3 * 1.645, rtol=0.2)
    assert limit == 0.5
    with pytest.raises(BioenvError, match="two or more"):
        cross_conformal(pairs[:1], shipped())


def test_the_command_writes_band_and_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_moments(parser.add_subparsers())
    one = walker()
    one.with_meta(thigh_m=None, shank_m=None, mass_kg=None).save(tmp_path / "walk.nc")
    words = ["moments", str(tmp_path / "walk.nc"), "--out", str(tmp_path / "moments.nc")]
    with pytest.raises(BioenvError, match="mass"):
        run(parser.parse_args(words))
    args = parser.parse_args([*words, "--mass", "70", "--height", "1.75"])
    assert run(args) == 0
    assert "90 % band" in capsys.readouterr().out
    found = Motion.load(tmp_path / "moments.nc").signals["joint_torque"]
    assert found.source == "estimated"
    assert found.band is not None
    assert found.band.shape == (*found.values.shape, 2)
    with pytest.raises(BioenvError, match="--force"):  # what was measured is not overwritten
        run(parser.parse_args([*words[:-1], words[1], "--mass", "70", "--height", "1.75"]))


@pytest.mark.lab
@pytest.mark.skipif(paths.lab_data() is None, reason="the lab data are not here")
def test_the_shipped_estimator_reproduces_its_card() -> None:
    from bioenv.learn.people.leg_data import recordings

    card = json.loads(CARD.read_text())
    for one in recordings():
        windows = leg_windows(one, every=10)
        found = shipped().predict(windows)
        error = np.sqrt(((found.mean - windows.targets) ** 2).mean(axis=(0, 1)))
        np.testing.assert_allclose(error, card["fitted"][one.meta["recording"]], atol=1e-3)
        apart = found.total - found.aleatoric - found.epistemic
        assert np.abs(apart).max() < 1e-12
