"""Figures of a gait, and predicted changes beside published ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bioenv.agents.whatif import settings_of
from bioenv.errors import BioenvError
from bioenv.evaluate import evaluate
from bioenv.evaluate.findings import Finding, Order, agrees, findings, in_order, of
from bioenv.evaluate.whatif import between, prepared, whatif
from bioenv.evaluate.whatif_figures import LEG_FIGURES, Figure, figures
from bioenv.evaluate.whatif_text import changes_table
from bioenv.models import load
from bioenv.models.interventions import changed
from bioenv.motion import Motion
from bioenv.paths import agent_file

Figures = dict[str, Figure]


@pytest.fixture(scope="module")
def walk() -> Motion:
    return Motion.load(agent_file("solutions", "predict-walk", "motion.nc"))


@pytest.fixture(scope="module")
def found(walk: Motion) -> Figures:
    return figures(walk, load("walker2d"))


def test_figures_are_those_of_the_evaluation(walk: Motion, found: Figures) -> None:
    judged = evaluate(walk, None)
    for name, score in (
        ("speed", "speed"), ("stride_time", "stride_time"), ("duty_factor", "duty_factor"),
        ("grf_peak", "peak_vertical_grf"), ("knee_load", "knee_contact_peak"),
        ("metabolic_power", "net_metabolic_power"), ("knee_flexion_in_swing", "peak_swing_knee"),
        ("foot_pitch_at_landing", "foot_pitch_at_landing"),
    ):  # fmt: skip
        assert found[name].value == pytest.approx(judged.score(score).value, rel=0.01), name


def test_figures_agree_with_one_another(found: Figures) -> None:
    cost = found["metabolic_power"].value / found["speed"].value
    assert found["net_cost_of_transport"].value == pytest.approx(cost)
    length = 0.5 * found["speed"].value * found["stride_time"].value
    assert found["step_length"].value == pytest.approx(length, rel=1e-3)
    for name in LEG_FIGURES:  # half a stride and its mirror image
        right, left = (found[name].legs[side] for side in "rl")
        assert right == pytest.approx(left, rel=0.03, abs=0.3), name
    assert found["exo_moment"].value == 0.0


def test_what_is_carried_is_not_divided_by(walk: Motion, found: Figures) -> None:
    """Per person: twice the mass halves what is per kilogram, and leaves watts and degrees."""
    double = figures(walk, load("walker2d"), 2.0 * load("walker2d").mass)
    for name, figure in found.items():
        per_person = figure.unit in ("W/kg", "J/kg", "N*m/kg", "J/kg/m", "BW")
        expected = (0.5 if per_person else 1.0) * figure.value
        assert double[name].value == pytest.approx(expected), name


def test_the_springs_share_is_taken_from_the_ankles_moment(walk: Motion, found: Figures) -> None:
    """The same movement on a body with springs: the net moment is the same."""
    model = changed("walker2d", {"exo.ankle": 100.0, "exo_angle.ankle": 0.05})
    with_spring = figures(walk, model)
    angle = walk.column("qpos", "ankle_angle_r")
    largest = 100.0 * (angle.max() - 0.05) / model.mass
    assert with_spring["exo_moment"].value == pytest.approx(largest, rel=0.01)
    relief = found["ankle_moment"].value - with_spring["ankle_moment"].value
    assert 0.3 * largest < relief < largest
    assert with_spring["ankle_work"].value == pytest.approx(found["ankle_work"].value)


def test_a_motion_without_strides_has_no_figures(walk: Motion) -> None:
    model, short = load("walker2d"), walk.with_meta(symmetry="none")
    assert figures(short, model) == {}
    assert between((short, model), (walk, model)) == {}
    with pytest.raises(BioenvError, match="coordinates are not those of legs3d"):
        figures(walk, load("legs3d"))


def test_changes_between_two_motions_are_told_with_their_units(walk: Motion) -> None:
    model = load("walker2d")
    spring = changed("walker2d", {"exo.ankle": 100.0})
    changes = between((walk, model), (walk, spring))
    assert changes["speed"].change == pytest.approx(0.0)
    assert (changes["speed"].unit, changes["hip_extension"].unit) == ("%", "deg")
    assert changes["exo_moment"].unit == "N*m/kg"  # of nothing there is no percentage
    assert changes["ankle_moment"].change < -5.0
    text = changes_table(changes)
    assert "ankle_moment" in text
    assert "activation_soleus" in text


# ---- published findings
def test_every_finding_speaks_of_an_intervention_and_a_figure_that_exist(found: Figures) -> None:
    singles, orders = findings()
    for one in (*singles, *orders):
        assert settings_of(one.changes)
        assert one.figure in found, one.id
        assert one.checked in ("abstract", "memory")
        assert one.source
    for one in singles:
        assert one.direction in (-1, 1)
        assert one.leg in ("", "r", "l")
        if one.size is not None:
            assert np.sign(one.size) == one.direction, one.id
            assert one.checked == "abstract", "a size from memory is not claimed"
            assert not one.proxy
    assert len({one.source for one in singles}) >= 8


def test_findings_are_of_the_same_kind_and_sense_and_sizes_of_the_same_level() -> None:
    same = {one.figure: one for one in of(["exo.ankle=50"])}
    assert same["metabolic_power"].size == -4.2
    other = of(["exo.ankle=120"])
    assert {one.id for one in other} == {"collins2015", "nuckols2020"}
    assert all(one.size is None for one in other)
    weak = of(["weakness.soleus=0.5", "weakness.gastroc=0.5"])  # the same as plantarflexors
    assert {one.id for one in weak} >= {"vanderkrogt2012", "ong2019"}
    assert of(["weakness.plantarflexors=1.5"]) == ()
    assert of(["added_mass.foot=-1"]) == ()


@pytest.mark.parametrize(
    ("direction", "change", "low", "high", "answer"),
    [
        (1, 5.0, 3.0, 6.0, "yes"), (-1, -5.0, -6.0, -4.0, "yes"), (1, -5.0, -6.0, -4.0, "no"),
        (1, 5.0, -1.0, 6.0, "unclear"), (1, 0.2, 0.1, 0.3, "unclear"),
    ],
)  # fmt: skip
def test_agreement_is_of_direction_and_unclear_where_starts_disagree(
    direction: int, change: float, low: float, high: float, answer: str
) -> None:
    assert agrees(direction, change, low, high, 0.5) == answer


def test_an_order_holds_between_its_groups() -> None:
    order = Order("x", "speed", ("a", "b", "c"), "s", "abstract", groups=(2, 1))
    assert in_order(order, [3.0, 5.0, 1.0])
    assert not in_order(order, [3.0, 5.0, 4.0])
    alone = Order("x", "speed", ("a", "b", "c"), "s", "abstract")
    assert in_order(alone, [3.0, 2.0, 1.0])
    assert not in_order(alone, [3.0, 5.0, 1.0])


def test_what_a_finding_says_in_words() -> None:
    one = Finding("x", ("exo.ankle=1",), "speed", -1, "s", "abstract", size=-7.2, sd=2.6)
    assert one.said == "-7.2 ± 2.6 %"
    assert Finding("x", (), "speed", 1, "s", "abstract").said == "more"


def test_a_study_needs_an_intervention_and_a_gait() -> None:
    with pytest.raises(BioenvError, match="no intervention: give one"):
        whatif()
    with pytest.raises(BioenvError, match="recipe reach is no gait"):
        whatif("weakness.BRA=0.9", recipe="reach")


def test_both_gaits_choose_their_cadence_unless_it_is_given() -> None:
    assert prepared("predict-walk").duration == (0.4, 0.7)
    assert prepared("predict-walk", ["duration=0.5"]).duration == (0.5, 0.5)
    assert prepared("predict-walk", ["duration=clock"]).duration == "clock"


# ---- stored results
def test_the_stored_predictions_are_of_every_finding_and_were_optimal() -> None:
    """agents/solutions/whatif.json, written by benchmarks/whatif.py."""
    stored = json.loads(agent_file("solutions", "whatif.json").read_text())
    studies = {tuple(one["changes"]): one for one in stored["studies"]}
    for finding in findings()[0]:
        one = studies[finding.changes]
        rows = [r for r in one["findings"] if r["figure"] == finding.figure]
        assert any(r["id"] == finding.id for r in rows), finding
        for row in rows:
            least = 0.5 if row["unit"] in ("%", "deg") else 1e-6
            again = agrees(finding.direction, row["predicted"], row["low"], row["high"], least)
            assert row["agrees"] == again
    for one in studies.values():
        for case in (one["baseline"], one["changed"]):
            assert case["status"] in ("solved", "acceptable")
            assert case["violation"] <= 1e-6
            assert case["objective"] == min(
                row["objective"] for row in case["starts"].values() if row["status"] == "solved"
            )


def test_an_evaluation_knows_the_changed_body() -> None:
    """A motion tells its interventions: its metabolic rate is that of the muscles it had."""
    walk = Motion.load(agent_file("solutions", "predict-walk", "motion.nc"))
    told = walk.with_meta(
        changes={"contracture.soleus": 0.8}, added_mass_kg={"calcn": 2.0}, mass_kg=76.6
    )
    (model,) = evaluate(told, None).models
    assert model is not None
    plain = load("walker2d")
    assert model.mass == pytest.approx(plain.mass + 4.0)
    i = plain.muscle_index("soleus_r")
    fiber = model.muscle.optimal_fiber_length / plain.muscle.optimal_fiber_length
    assert fiber[i] == pytest.approx(0.8)


def test_the_example_draws_the_stored_predictions(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "examples" / "what_if.py"
    words = [sys.executable, str(script), str(tmp_path / "whatif.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "whatif.png").read_bytes().startswith(b"\x89PNG")
    empty = tmp_path / "empty.json"
    empty.write_text('{"changes": [], "findings": []}')
    done = subprocess.run(
        [*words, "--results", str(empty)], capture_output=True, text=True, check=False
    )
    assert "holds no prediction" in done.stderr


def test_the_shipped_walk_with_springs_is_judged_on_its_own_body() -> None:
    """agents/solutions/ankle-spring: 180 N*m/rad; its cost is that of its own muscles."""
    folder = agent_file("solutions", "ankle-spring")
    motion = Motion.load(folder / "motion.nc")
    told = json.loads((folder / "solution.json").read_text())
    model = changed("walker2d", motion.meta["changes"])
    found = figures(motion, model)
    rate = told["terms"]["metabolic"] / motion.meta["goals"]["metabolic"]
    assert found["metabolic_power"].value == pytest.approx(rate, rel=0.01)
    angle = max(motion.column("qpos", f"ankle_angle_{side}").max() for side in "rl")
    assert found["exo_moment"].value == pytest.approx(180.0 * angle / model.mass, rel=0.01)
    judged = evaluate(motion, None)
    assert judged.score("cost_total").value == pytest.approx(told["objective"], rel=0.01)
