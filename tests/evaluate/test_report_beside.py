"""A policy, an optimized stride and the measured person in one report."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reference_walk import walking_motion

from bioenv.evaluate.report import render
from bioenv.evaluate.scores import evaluate
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.motion import Motion


@pytest.fixture(scope="module")
def beside() -> str:
    """A policy beside one optimized stride that begins in midstance."""
    walk = walking_motion(6.0)
    policy = walk.with_meta(label="policy", policy={"command": "bioenv train walk"})
    first = int(np.argmax(walk.time > 2.0))
    stride = walk.between(
        walk.time[first], walk.time[first] + ReferenceGait.load("falisse2019").cycle_s
    )
    goals = {"effort": 9.0, "ground_impact": 0.5, "tracking": 1.0}
    optimal = Motion(stride.time, stride.signals, stride.model, {
        "mass_kg": walk.meta["mass_kg"], "label": "optimal", "symmetry": "mirror", "goals": goals,
        "rewarded": list(goals), "imposed": ["speed"], "tracks": ["knee_angle_r"],
    })  # fmt: skip
    return render(evaluate([policy, optimal], "falisse2019"))


def _rows(html: str, section: str) -> dict[str, list[str]]:
    """Text of the cells of a section's table by the row's heading."""
    part = html.split(f'<section id="{section}"')[1].split("</section>")[0]
    found = {}
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", part, re.S):
        head = re.search(r'<th scope="row">([^<]+)', row)
        if head is not None:
            cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
            found[head[1]] = [re.sub(r"<[^>]+>", "", cell) for cell in cells]
    return found


def test_both_agents_and_the_person_stand_side_by_side(beside: str) -> None:
    rows = _rows(beside, "summary")
    assert rows["Speed"] == ["•1.30✓", "•1.30✓", "1.32", "m/s"]  # rewarded; imposed
    policy, optimal, people, unit = rows["Joint angles, distance from the person"]
    assert policy.startswith("•")  # rewarded
    assert optimal.startswith("•")  # tracked
    assert people.startswith("others")
    assert unit == "°"
    assert rows["Knee contact force, peak"][2:] == ["2.2 to 2.6", "BW"]
    assert not rows["Muscle activation, mean correlation with EMG"][0].startswith("•")
    assert rows["Shared cost"][0].rstrip() == rows["Shared cost"][1].removeprefix("•")


def test_the_shared_cost_is_a_table_of_motions_and_goals(beside: str) -> None:
    rows = _rows(beside, "cost")
    unit, weight, value, share, same, same_share = rows["effort"]
    assert (unit, weight) == ("", "9")
    assert float(share) == pytest.approx(9 * float(value), abs=0.01)
    assert same == f"•{value}"  # the policy was not rewarded for it
    assert same_share == share
    assert [float(rows["sum"][i]) for i in (3, 5)] == pytest.approx(
        [sum(float(rows[name][i]) for name in ("effort", "ground impact")) for i in (3, 5)]
    )
    assert rows["metabolic"][1] == ""  # not in the sum
    assert "The sum leaves out distance from measured curves" in beside
    assert 'id="cost-figure_1"' in beside
    assert "Shared cost, with the goals and weights of optimal: policy " in beside


def test_the_report_says_what_each_movement_was_made_for(beside: str) -> None:
    cards = beside.split('<section id="aims"')[1].split("</section>")[0]
    policy, optimal = cards.split("<article")[1:]
    assert "A policy, trained by reinforcement learning" in policy
    assert "<dt>Rewarded</dt><dd>joint angles, speed</dd>" in policy
    assert "Minimized" not in policy
    assert "Optimal control" in optimal
    assert "effort (9), ground impact (0.5), distance from measured curves (1)" in optimal
    assert "<dt>Tracked</dt><dd>joint angles</dd>" in optimal
    assert "speed, left-right symmetry" in optimal
    assert "shown 5 times in a row: its strides are copies" in optimal
    assert "optimal: one, shown 5 times in a row" in beside


def test_marks_that_differ_are_told_apart(beside: str) -> None:
    scores = beside.split('<section id="scores"')[1].split("</section>")[0]
    titles = ("Not aimed at: a prediction", "their fit, the others", "a fit, no validation")
    free, some, fit = (scores.index(title) for title in titles)
    rows = {m[1]: m.start() for m in re.finditer(r'<th scope="row">([^<]+)</th>', scores)}
    assert free < rows["knee contact peak"] < some < rows["peak vertical GRF"] < fit < rows["speed"]


def test_motions_without_weights_are_still_measured() -> None:
    one = render(evaluate(walking_motion(), "falisse2019"))
    rows = _rows(one, "cost")
    assert set(rows) == {"effort", "effort cubed", "metabolic", "joint load", "ground impact",
                         "loading rate"}  # fmt: skip
    assert "No motion was optimized: there are no weights, and no sum." in one
    assert 'id="cost-figure_1"' not in one


def test_a_single_sample_has_a_report() -> None:
    walk = walking_motion(3.0)
    html = render(evaluate(walk.between(1.0, 1.0), "falisse2019"))
    assert "no whole stride in 0.00 s" in html
