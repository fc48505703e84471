"""What is told and what is confounded: closed-form answers, by two independent ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from identifiability_cases import ARM, CASES, DRIVE, F0, FIBER, Case, same_span, springs

from bioenv.errors import BioenvError
from bioenv.learn.identifiability import (
    Experiment,
    Output,
    Parameter,
    Structure,
    lie_structure,
    ready,
    structure,
)

torch.set_num_threads(1)


def _agrees(case: Case, found: Structure) -> None:
    wanted = case.basis(found.names)
    assert same_span(found.null, wanted), (found.names, found.null)
    assert set(found.untold) == {n for n, row in zip(found.names, wanted, strict=True) if row.any()}
    texts = [one.text for group in found.groups for one in group.told]
    texts += [group.names[0] for group in found.groups if len(group.names) == 1]
    assert set(case.named) <= set(texts), texts
    assert sum(group.freedom for group in found.groups) == len(case.null)


@pytest.mark.parametrize("case", CASES, ids=lambda one: one.name)
def test_the_record_tells_what_the_closed_form_says(case: Case) -> None:
    found = structure(case.make())
    _agrees(case, found)
    assert found.gap > 1e3


@pytest.mark.parametrize(
    "case", [one for one in CASES if one.name.startswith(("swing", "movement"))],
    ids=lambda one: one.name,
)  # fmt: skip
def test_lie_derivatives_tell_the_same(case: Case) -> None:
    found = lie_structure(case.make())
    _agrees(case, found)
    assert found.gap > 1e3


def test_lie_derivatives_see_beyond_the_inputs_of_the_record() -> None:
    """Without excitation the record cannot tell the muscle's drive; a richer input could."""
    quiet = ready("elbow", duration=1.0).knowing({F0: 0.0, ARM: 0.0, DRIVE: 0.0, FIBER: 0.0})
    assert "inertia" in lie_structure(quiet).told
    assert "inertia" in structure(quiet).told


def test_a_sum_is_called_a_sum() -> None:
    (group,) = structure(springs()).groups
    (told,) = group.told
    assert (told.kind, told.text) == ("sum", "left + right")
    assert group.freedom == 1
    assert structure(springs()).told == ("bend",)


def test_exact_combinations_are_told_from_local_ones() -> None:
    (group,) = structure(ready("elbow-isometric", postures=(0.6, 1.2, 1.8)).knowing(
        {DRIVE: 0.0})).groups  # fmt: skip
    kinds = {one.text: one.kind for one in group.told}
    assert kinds[f"{F0} × {ARM}"] == kinds[f"{F0} × {FIBER}"] == "product"
    (local,) = [text for text, kind in kinds.items() if kind == "local"]
    assert local.endswith("(near these values)")


def test_told_combinations_and_trades_are_orthogonal() -> None:
    for case in CASES[:5]:
        for group in structure(case.make()).groups:
            for told in group.told:
                for trade in group.trades:
                    dot = sum(told.vector.get(n, 0.0) * x for n, x in trade.vector.items())
                    size = sum(abs(told.vector.get(n, 0.0) * x) for n, x in trade.vector.items())
                    assert abs(dot) <= 1e-6 * max(size, 1e-12)


def test_the_trade_is_real_far_from_the_values() -> None:
    """Twice the moment arm and fiber length at half the strength: no torque changes."""
    one = ready("elbow-isometric", postures=(0.6, 1.2, 1.8)).knowing({DRIVE: 0.0})
    slack = one.free[3].value
    length = 0.3715145  # of the biceps at rest, found below
    from bioenv.learn.identifiability.elbow import Anatomy

    length = float(Anatomy(("flexor",)).reference[0])
    shorter = np.log((length - 2.0 * (length - slack)) / slack)
    moved = torch.tensor([-np.log(2.0), np.log(2.0), np.log(2.0), shorter])
    before, after = one.evaluate(torch.zeros(4, dtype=torch.float64)), one.evaluate(moved)
    assert float((before - after).abs().max()) < 1e-10 * float(before.abs().max())


def test_nothing_measured_depends_on_anything() -> None:
    dead = Experiment(
        "dead", (Parameter("a", 1.0, "m"), Parameter("b", 1.0, "m")), (Output("y", "m", 1.0),),
        lambda values: torch.zeros(*values.shape[:-1], 3, 1, dtype=torch.float64),
    )  # fmt: skip
    found = structure(dead)
    assert found.rank == 0
    assert found.told == ()
    assert [group.text for group in found.groups] == [
        "nothing that is measured depends on a",
        "nothing that is measured depends on b",
    ]


def test_bad_experiments_get_one_clear_error() -> None:
    with pytest.raises(BioenvError, match="did you mean 'elbow'"):
        ready("elbwo")
    with pytest.raises(BioenvError, match=r"unknown setting of pendulum 'motr'.*motor"):
        ready("pendulum", motr=1.0)
    with pytest.raises(BioenvError, match=r"unknown output of pendulum.*reaction_z"):
        ready("pendulum").measuring("emg")
    with pytest.raises(BioenvError, match="every parameter is known"):
        ready("elbow-isometric").knowing(dict.fromkeys(ready("elbow-isometric").names, 0.0))
    with pytest.raises(BioenvError, match="nothing is measured"):
        ready("pendulum").measuring()
    with pytest.raises(BioenvError, match="noise of torque must be positive"):
        ready("elbow-isometric").noisy(torque=0.0)
    with pytest.raises(BioenvError, match=r"positive \(or give it a size\)"):
        Parameter("mass", -1.0, "kg")
    with pytest.raises(BioenvError, match="no equations of a movement"):
        lie_structure(ready("elbow-isometric"))
    with pytest.raises(BioenvError, match="does not pull at knee"):
        ready("gait-muscle", joints=("knee_angle_r",))
    with pytest.raises(BioenvError, match="2 samples or more"):
        ready("pendulum", duration=0.0)
