"""Distances from people: their unit, what they count, and what nobody can earn by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reference_walk import walking_motion

from bioenv.evaluate import evaluate
from bioenv.evaluate.gait import analyse
from bioenv.evaluate.likeness import (
    FARTHEST,
    GROUPS,
    Distance,
    Likeness,
    Profile,
    distance,
    likeness,
    profile_of,
    profile_of_person,
    ralston_cost,
    units,
)
from bioenv.evaluate.rows import gait_rows
from bioenv.evaluate.scores import Evaluation
from bioenv.lab import reference
from bioenv.lab.cohort import MEMBERS


@pytest.fixture(scope="module")
def walk() -> Evaluation:
    # Of no known body: the consistency of an impossible walk takes ten seconds.
    return evaluate(replace(walking_motion(), model=None), "cohort")


def test_another_person_is_one_away() -> None:
    """The root mean square over the members, each against the mean of the others, is the unit."""
    people = [reference.load(name) for name in MEMBERS]
    unit = units(reference.load("cohort"))
    for name in ("knee_angle", "ankle_angle_power", "grf_fore_aft", "emg_soleus"):
        own = [p for p in people if name in p.curves]
        squares = []
        for one in own:
            rest = np.mean([p.curve(name).mean for p in own if p is not one], axis=0)
            mean = Profile({name: rest[None]}, {})
            squares.append(distance(name, profile_of_person(one), mean) ** 2)
        assert np.sqrt(np.mean(squares)) == pytest.approx(unit[name])


def test_the_person_is_at_no_distance_from_himself() -> None:
    one = profile_of_person(reference.load("falisse2019"))
    for name in (*GROUPS["kinematics"], *GROUPS["muscles"], "peak_vertical_grf", "stride_time"):
        assert distance(name, one, one) == pytest.approx(0, abs=1e-9)
    assert np.isnan(distance("knee_contact_peak", one, one))  # nobody measured it


def test_the_unit_follows_the_spread() -> None:
    """A reference far from everybody else has a larger unit than one in their middle."""
    odd, mean = units(reference.load("falisse2019")), units(reference.load("cohort"))
    assert odd["knee_angle"] > 0
    assert set(mean) >= {*GROUPS["kinematics"], *GROUPS["kinetics"], *GROUPS["muscles"]}


def test_held_out_is_blind_to_what_was_rewarded(walk: Evaluation) -> None:
    (found,) = walk.likeness
    assert found is not None
    assert {d.name for d in found.distances if d.rewarded} >= {"hip_flexion", "stride_time"}
    better = Likeness(tuple(
        Distance(d.name, d.group, 0.0 if d.rewarded else d.value, d.rewarded)
        for d in found.distances
    ))  # fmt: skip
    assert better.held_out == found.held_out
    assert better.total < found.total
    assert better.aimed_at == 0.0
    assert "kinematics" not in found.held_out_groups


def test_who_rewards_everything_has_nothing_held_out() -> None:
    gait = analyse(walking_motion())
    everything = {
        "joint_angles", "joint_moments", "vertical_grf", "fore_aft_grf", "emg", "joint_load",
        "metabolic", "cadence", "duty_factor",
    }  # fmt: skip
    assert np.isnan(likeness(gait, reference.load("cohort"), everything).held_out)


def test_what_is_not_shown_counts_as_the_farthest() -> None:
    walk = walking_motion()
    with_muscles = likeness(analyse(walk), reference.load("cohort"), ())
    bare = walk.add("activation", np.full((len(walk), 1), 0.1), labels=["x"], source="simulated")
    without = likeness(analyse(bare), reference.load("cohort"), ())
    assert without.groups["muscles"] == FARTHEST
    assert without.groups["muscles"] > with_muscles.groups["muscles"]
    assert without.total > with_muscles.total


def test_one_absurd_quantity_has_a_limit() -> None:
    near, far = Distance("a", "loads", 1e9, False), Distance("b", "energy", 0.0, False)
    assert Likeness((near, far)).total == pytest.approx(FARTHEST / 2)


def test_groups_weigh_the_same_however_many_curves_they_have() -> None:
    many = [Distance(f"m{i}", "muscles", 2.0, False) for i in range(9)]
    one = Distance("stride_time", "timing", 0.0, False)
    found = Likeness((*many, one))
    assert found.groups == {"muscles": 2.0, "timing": 0.0}
    assert found.total == pytest.approx(1.0)
    assert found.over(["stride_time"]) == 0.0


def test_planar_bodies_are_not_asked_for_the_frontal_plane(walk: Evaluation) -> None:
    assert "distance_out_of_plane" not in {s.name for s in walk.scores}


def test_a_limp_is_farther_than_the_walk_it_is_made_of() -> None:
    walk, target = walking_motion(), reference.load("falisse2019")
    qpos = walk["qpos"].copy()
    for name in ("hip_flexion_l", "knee_angle_l"):
        qpos[:, walk.labels("qpos").index(name)] *= 0.6
    limp = walk.add("qpos", qpos, labels=walk.labels("qpos"), source="simulated")
    sound, lame = (likeness(analyse(m), target, ()).groups["kinematics"] for m in (walk, limp))
    assert sound < 0.1
    assert lame > 8 * sound
    assert lame > 0.7


def test_rows_tell_distances_matches_and_tests(walk: Evaluation) -> None:
    names = {s.name for s in walk.scores}
    assert {"distance_held_out", "distance_aimed_at", "distance_total", "match_kinematics",
            "knee_angle_differs", "one_more_person_kinematics", "emg_matched"} <= names  # fmt: skip
    assert walk.score("distance_kinematics").rewarded  # all of it was
    assert not walk.score("distance_held_out").rewarded
    assert walk.score("match_kinematics").value > 0.8
    assert walk.score("one_more_person_kinematics").value > 1 / 6  # it is one of them
    assert walk.score("knee_angle_differs").value > 0.3  # he is not the mean of all


def test_emg_is_heard_by_channel() -> None:
    """The activations are his own envelopes, one electrode for each muscle."""
    rows = gait_rows(analyse(walking_motion()), None, reference.load("falisse2019"))
    own = {score.name: score for score in rows}
    assert own["emg_soleus_r"].value == pytest.approx(1, abs=0.01)
    assert own["emg_matched"].unit == "of 9"
    assert own["emg_matched"].value >= 7
    assert own["emg_matched"].ok
    both = {own[f"emg_vastus_{side}_r"].value for side in ("lateralis", "medialis")}
    assert len(both) == 2  # one muscle, two electrodes


def test_figures_of_a_profile_come_from_whole_strides() -> None:
    figures = profile_of(analyse(walking_motion())).figures
    assert figures["stride_time"] == pytest.approx(1.04045, abs=1e-3)
    assert "cost_of_transport" in figures


def test_people_walk_cheapest_where_they_do() -> None:
    assert ralston_cost(1.3) == pytest.approx(3.28, abs=0.01)
    speeds = np.linspace(0.5, 2.0, 151)
    assert 1.1 < speeds[np.argmin([ralston_cost(v) for v in speeds])] < 1.4
