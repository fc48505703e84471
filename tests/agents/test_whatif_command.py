"""`bioenv whatif` from the command line: coarse, from one start, and with mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bioenv import cli
from bioenv.agents.trajopt.recipe import load_recipe
from bioenv.agents.trajopt.solution import Optimum, kkt
from bioenv.agents.trajopt.transcription import Transcription
from bioenv.diff.symbolic.model import build


def test_a_study_prints_changes_and_findings_and_can_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A spring beside the calf, on so coarse a mesh that only the muscles' relief is sure."""
    out = tmp_path / "exo"
    line = ["whatif", "exo.ankle=180", "--set", "mesh=10", "speed=1.25", "--starts", "1"]
    assert cli.main([*line, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "metabolic_power" in text
    assert "Collins, Wiggin and Sawicki 2015" in text
    told = json.loads((out / "whatif.json").read_text())
    assert told["made_by"] == "bioenv"
    changes = told["figures"]
    assert changes["activation_soleus"]["change"] < -5.0
    assert changes["exo_moment"]["after"] > 0.1
    (finding,) = (one for one in told["findings"] if one["id"] == "collins2015")
    assert finding["published"] == "-7.2 ± 2.6 %"
    assert finding["predicted"] == changes["metabolic_power"]["change"]

    # What was written is an optimum of what it says it is one of.
    figures = json.loads((out / "changed" / "solution.json").read_text())
    recipe = load_recipe(figures["recipe"]).changed(figures["settings"])
    problem, last = recipe.problem(), recipe.stages()[-1]
    assert problem.changes == {"exo.ankle": 180.0}
    made = Transcription(problem, build(problem.model), last.mesh)
    x = Optimum.load(out / "changed" / "optimum.npz")
    f, g = made.program.value(x.unknowns, x.parameters)
    assert float(f) == pytest.approx(told["changed"]["objective"], rel=1e-6)
    assert made.program.worst(np.asarray(g).ravel())[0][2] <= 1e-6
    optimality, _ = kkt(made, x.unknowns, x.parameters, x.multipliers, x.bound_multipliers)
    assert optimality <= last.tolerance

    # A second study replaces its own result, and nothing else.
    other = tmp_path / "mine"
    (other / "baseline").mkdir(parents=True)
    assert cli.main([*line, "--out", str(other)]) == 1
    assert "not written by this command" in capsys.readouterr().err


def test_a_policy_meets_the_change_unprepared(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["whatif", "added_mass.foot=2", "--policy", "WalkOptimal-v0"]) == 0
    text = capsys.readouterr().out
    assert "baseline: 100 % of 20 episodes stand" in text
    changed = next(one for one in text.splitlines() if one.startswith("changed"))
    assert float(changed.split()[1]) < 50.0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["weaknes.soleus=0.6"], "unknown intervention 'weaknes'; did you mean 'weakness'"),
        (["weakness.soles=0.6"], "unknown muscle 'soles'; did you mean 'soleus_r'"),
        (["exo.hip=50"], "unknown exo 'hip'"),
        (["lift.r=0.5"], "lift.r is a number from 0 to 0.1 m"),
        (["exo.ankle=50", "--recipe", "reach"], "recipe reach is no gait"),
        (["exo.ankle=50", "--set", "sped=1"], "unknown key 'sped'; did you mean 'speed'"),
        (["exo.ankle=50", "--policy", "WalkOptimal-v0", "--set", "mesh=8"], "leave --set out"),
        (["exo.ankle=50", "--policy", "SitToStand-v0"], "made by the task"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["whatif", *words]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
