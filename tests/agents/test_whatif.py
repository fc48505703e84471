"""What-if studies: what is written becomes a body; no change is none; a handicap costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bioenv.agents.trajopt.axis import own_value, parse
from bioenv.agents.trajopt.recipe import SolveRecipe, load_recipe
from bioenv.agents.trajopt.sweep import Sweep
from bioenv.agents.trajopt.workshop import Workshop
from bioenv.agents.whatif import (
    GROUPS,
    Search,
    effective,
    needs_whole_stride,
    settings_for,
    settings_of,
    study,
    whole_stride,
)
from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError
from bioenv.models import load
from bioenv.motion import Motion


def reach() -> SolveRecipe:
    return load_recipe("reach").changed(["mesh=16"])


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        ("weakness.soleus=0.6", ("strength.soleus=0.6",)),
        ("strength.soleus_r=0.6", ("strength.soleus_r=0.6",)),
        ("weakness.plantarflexors=0.5", ("strength.soleus=0.5", "strength.gastroc=0.5")),
        ("contracture.dorsiflexors=0.9", ("contracture.tib_ant=0.9",)),
        ("added_mass.foot=2", ("mass.calcn=2",)),
        ("added_mass.shank_l=1.5", ("mass.tibia_l=1.5",)),
        ("added_mass.pelvis=10", ("mass.pelvis=10",)),
        ("lift.r=0.03", ("lift.r=0.03",)),
        ("exo.ankle=180", ("exo.ankle=180",)),
    ],
)
def test_interventions_are_settings_of_a_recipe(change: str, settings: tuple[str, ...]) -> None:
    assert settings_of([change]) == settings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "weaknes.soleus=0.6",
            "'weaknes'; did you mean 'weakness'.*exo_angle",
        ),
        ("weakness.soleus", "kind.target=number, for instance weakness.soleus=0.6"),
        ("weakness=0.6", "kind.target=number"),
        ("added_mass.foot=heavy", "not 'added_mass.foot=heavy'"),
        ("exo.ankle=inf", "not 'exo.ankle=inf'"),
    ],
)
def test_what_is_no_intervention_is_refused(change: str, says: str) -> None:
    with pytest.raises(BioenvError, match=says):
        settings_of([change])


@pytest.mark.parametrize("change", ["weakness.bizeps=0.5", "added_mass.forarm=1"])
def test_names_that_the_body_lacks_are_told_before_anything_is_solved(change: str) -> None:
    said: list[str] = []
    with pytest.raises(BioenvError, match=r"unknown .* Available: "):
        study([change], reach(), tell=said.append)
    assert not said


def test_every_group_is_made_of_muscles_of_the_walker() -> None:
    muscles = load("walker2d").muscles
    assert {f"{one}_{side}" for group in GROUPS.values() for one in group for side in "rl"} <= set(
        muscles
    )


def test_a_recipe_carries_interventions_to_its_model_and_its_motion() -> None:
    recipe = load_recipe("predict-walk").changed(
        ["exo.ankle=180", "contracture.soleus=0.9", "mass.calcn=2", "strength.gastroc=0.5"]
    )
    problem = recipe.problem()
    assert problem.changes == {"exo.ankle": 180.0, "contracture.soleus": 0.9}
    plain, i = load("walker2d"), load("walker2d").muscle_index("soleus_l")
    assert problem.model.mass == pytest.approx(plain.mass + 4.0)
    fiber = problem.model.muscle.optimal_fiber_length / plain.muscle.optimal_fiber_length
    assert fiber[i] == pytest.approx(0.9)
    assert problem.model.mj.ntendon == plain.mj.ntendon + 2
    assert problem.parameters == {"strength.gastroc": 0.5}


def test_unlike_sides_need_a_whole_stride() -> None:
    assert needs_whole_stride(["lift.r=0.03"])
    assert needs_whole_stride(["strength.soleus_l=0.6"])
    assert not needs_whole_stride(["strength.soleus=0.6", "lift.r=0"])
    half = load_recipe("predict-walk").changed(["lift.r=0.03"])
    with pytest.raises(BioenvError, match=r"lift\.r makes the sides unlike.*symmetry=cycle"):
        half.problem()
    with pytest.raises(BioenvError, match=r"strength\.soleus_r makes the sides unlike"):
        load_recipe("predict-walk").changed(["strength.soleus_r=0.6"]).problem()
    free = half.changed(["duration=[0.4,0.7]"])
    whole = free.changed(whole_stride(free))
    assert (whole.symmetry, whole.mesh) == ("cycle", 100)
    assert whole.duration == pytest.approx((0.8, 1.4))
    assert whole.problem().symmetry == "cycle"
    assert whole_stride(whole) == ()
    assert settings_for(["lift.r=0.03"], free) == whole_stride(free)
    assert settings_for(["exo.ankle=50"], free) == ()


def test_no_intervention_gives_the_same_movement_again() -> None:
    """Solved twice from its own solution, with the neutral value of everything."""
    assert effective(["strength.BRA=1", "mass.forearm=0", "lift.r=0.02"]) == ("lift.r=0.02",)
    found = study(["weakness.BRA=1", "added_mass.forearm=0"], reach(), starts=1)
    assert found.success
    assert found.changed.settings == ()
    before, after = found.baseline.best, found.changed.best
    assert after.objective == pytest.approx(before.objective, rel=1e-6)
    np.testing.assert_allclose(after.trajectory.q, before.trajectory.q, atol=1e-4)


def test_the_more_mass_the_dearer_and_the_starts_are_told() -> None:
    search = Search(reach())
    light, heavy = (
        study([f"added_mass.forearm={kg}"], reach(), baseline=search, starts=1) for kg in (0.5, 1)
    )
    costs = [light.baseline.best.objective, *(s.changed.best.objective for s in (light, heavy))]
    assert costs[1] > 1.05 * costs[0]
    assert costs[2] > 1.05 * costs[1]
    for found, kg in ((light, 0.5), (heavy, 1.0)):
        assert found.success
        assert found.pairs[0] == (found.baseline.best, found.changed.best)
        assert "near 1" in found.changed.starts
        added = found.changed.model.mass - found.baseline.model.mass
        assert added == pytest.approx(kg)
    # One baseline for both; it was tried again from each changed movement, and never got worse.
    assert set(search.found) == {"guess 0", "from mass.forearm=0.5", "from mass.forearm=1"}
    best = min(one.objective for one in search.found.values() if one.success)
    assert search.case.best.objective == best


def test_an_intervention_can_be_swept(tmp_path: Path) -> None:
    """Every value is another body, not another parameter of the same equations."""
    recipe, axis = reach(), parse("contracture.TRIlong=0.95,1")
    assert own_value(recipe, axis.key) == 1.0
    shop = Workshop(build(recipe.problem().model))
    rows = Sweep(recipe, axis, tmp_path, shop).run()
    assert [row["success"] for row in rows] == [True, True]
    assert abs(rows[0]["objective"] / rows[1]["objective"] - 1.0) > 1e-3
    for row in rows:
        motion = Motion.load(tmp_path / row["folder"] / "motion.nc")
        assert motion.meta["changes"] == {axis.key: row["value"]}


def test_strength_below_nothing_is_refused() -> None:
    with pytest.raises(BioenvError, match=r"strength\.soleus is a number of at least 0, not -1"):
        load_recipe("predict-walk").changed(settings_of(["weakness.soleus=-1"]))
