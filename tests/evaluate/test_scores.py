"""Scores: what passes, what fails, what was rewarded, and what bad motions give."""

import json

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.evaluate import Evaluation, Score, evaluate
from bioenv.evaluate.bands import rewarded
from bioenv.motion import Motion


def test_walk_against_a_person(make_walk):
    result = evaluate(make_walk(speed=1.3, duty=0.61))
    assert isinstance(result, Evaluation)
    assert result.score("speed").ok is True
    assert result.score("duty_factor").ok is True
    assert result.score("vertical_impulse").ok is True
    assert result.score("vertical_impulse").value == pytest.approx(1, abs=0.01)
    assert result.score("joint_angle_rmse").ok is False  # sines are no gait
    assert result.score("peak_vertical_grf").ok is False  # 1.29 body weights
    assert result.score("stride_time").ok is None
    assert "falisse2019" in result.score("stride_time").reference


@pytest.mark.parametrize(
    ("speed", "ok"), [(1.26, True), (1.24, False), (1.37, True), (1.40, False)]
)
def test_speed_band_is_five_percent_of_the_person(make_walk, speed, ok):
    assert evaluate(make_walk(speed=speed)).score("speed").ok is ok


def test_reward_is_no_validation(make_walk):
    result = evaluate(make_walk(rewarded=["joint_angles", "speed"]))
    assert result.score("knee_angle_rmse").rewarded
    assert result.score("speed").rewarded
    assert not result.score("peak_vertical_grf").rewarded
    assert not result.score("vertical_impulse").rewarded
    assert not any(s.rewarded for s in evaluate(make_walk()).scores)


def test_names_that_begin_alike_are_told_apart():
    assert rewarded("knee_angle_rmse", ["joint_angles"])
    assert not rewarded("knee_angle_moment_rmse", ["joint_angles"])
    assert not rewarded("grf_fore_aft_r", ["vertical_grf"])
    assert rewarded("grf_vertical_r", ["vertical_grf"])
    assert rewarded("cost_of_transport", ["effort"])
    assert not rewarded("emg_soleus_r", ["effort", "joint_angles"])


def test_json_is_what_scripts_rely_on(make_walk, tmp_path):
    result = evaluate([make_walk(label="a"), make_walk(label="b", speed=0.8)])
    entries = json.loads(result.to_json(tmp_path / "out" / "scores.json").read_text())
    assert isinstance(entries, list)
    for entry in entries:
        assert {"name", "value", "unit", "reference", "ok", "rewarded", "source"} <= set(entry)
        assert entry["ok"] in (True, False, None)
    speeds = {e["motion"]: e["value"] for e in entries if e["name"] == "speed"}
    assert speeds == pytest.approx({"a": 1.3, "b": 0.8})
    assert Score("x", float("nan"), "1").as_dict()["value"] is None


def test_against_another_motion(make_walk):
    walk = make_walk()
    result = evaluate(walk, against=walk)
    assert result.score("joint_angle_rmse").value < 0.2
    assert result.score("grf_vertical_inside_2sd").value > 0.8
    slow = evaluate(make_walk(speed=1.0), against=walk)
    assert slow.score("speed").ok is False


def test_no_reference_leaves_physics_and_gait(make_walk):
    result = evaluate(make_walk(), against=None)
    names = {s.name for s in result.scores}
    assert {"speed", "vertical_impulse", "duty_factor"} <= names
    assert "joint_angle_rmse" not in names
    assert result.score("speed").ok is None


def test_a_fall_says_so(make_walk):
    motion = make_walk(ended="terminated").between(0, 0.9)
    result = evaluate(motion)
    assert result.score("completed").ok is False
    strides = result.score("strides_found")
    assert (strides.value, strides.ok) == (0, False)
    assert "no whole stride in 0.90 s" in strides.source
    assert evaluate(make_walk(ended="time")).score("completed").ok is True
    with pytest.raises(BioenvError, match="no score 'speed'"):
        result.score("speed")


@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.5, 1.5, 2.2, 3.0, 3.3])
def test_any_length_is_scored_without_a_crash(make_walk, seconds):
    result = evaluate(make_walk(seconds=seconds))
    assert result.score("strides_found").value >= 0
    assert all(isinstance(s.value, float) for s in result.scores)


def test_other_motions_are_scored_without_a_crash():
    time = np.arange(0, 1, 0.01)
    elbow = Motion(time, model="elbow", meta={"task": "bioenv/ElbowPose-v0"})
    elbow = elbow.add("activation", np.full((100, 2), 0.5), labels=["a", "b"], source="simulated")
    result = evaluate(elbow)
    assert result.score("mean_squared_activation").value == pytest.approx(0.25)
    assert "strides_found" not in {s.name for s in result.scores}
    no_mass = Motion(time).add(
        "ground_reaction_force", np.zeros((100, 2, 3)), labels="rl", source="measured"
    )
    assert evaluate(no_mass).score("strides_found").value == 0


def test_mistakes_are_named(make_walk):
    with pytest.raises(BioenvError, match="falisse2019"):
        evaluate(make_walk(), against="falise2019")
    with pytest.raises(BioenvError, match="no motions"):
        evaluate([])
    with pytest.raises(BioenvError, match="whole right strides"):
        evaluate(make_walk(), against=make_walk(seconds=1.0))


def test_motions_of_one_name_stay_apart(make_walk):
    result = evaluate([make_walk(task="w"), make_walk(task="w", speed=1.0)])
    assert result.names == ("w", "w (2)")
    assert result.score("speed", "w (2)").value == pytest.approx(1.0)
    assert [sorted(c) for c in result.cycles] == [["l", "r"], ["l", "r"]]
    assert result.cycles[0]["r"].shape[1] == 2
    assert result.curves[0]["r"]["hip_flexion"].shape[1] == 101
