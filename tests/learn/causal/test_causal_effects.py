"""Estimators find known effects, and correlation has the wrong sign where the graph says so."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.causal import Body, CausalModel, Do, Fitted, Population, Question, Records
from bioenv.learn.causal.effects import adjusted, compare, mechanisms, naive, table, truth
from bioenv.learn.causal.ridge import Ridge, monomials

Array = NDArray[np.float64]

BODY, PEOPLE = Body("elbow"), Population()
MODEL = PEOPLE.model(BODY)
OTHERS = PEOPLE.draw(BODY, 60, 1000)
HELP = Question(Do.parse("assistance.elbow+=2"), "qpos.elbow", (0.8, 1.0))
STRETCH = Question(Do.parse("excitation.flexors+=0.1@0.46:0.485"), "qvel.elbow", (0.5, 0.5))
STRONG = Question(Do.parse("strength.biceps*=1.2"), "qpos.elbow", (0.8, 1.0))


@pytest.fixture(scope="module")
def records() -> Records:
    return MODEL.rollout(PEOPLE.draw(BODY, 250, 0))


@pytest.fixture(scope="module")
def held_out() -> Records:
    return MODEL.rollout(OTHERS)


@pytest.fixture(scope="module")
def fitted(records: Records) -> Fitted:
    return Fitted(MODEL.graph).fit(records)


# Regression --------------------------------------------------------------------------------------


def test_monomials_are_all_products_once() -> None:
    x = np.array([[2.0, 3.0]])
    np.testing.assert_allclose(sorted(monomials(x, 2)[0]), [1, 2, 3, 4, 6, 9])
    assert monomials(np.ones((1, 3)), 4).shape == (1, 35)  # binomial(7, 4)


def test_ridge_is_least_squares_and_its_bootstrap_has_the_right_width() -> None:
    rng, n = np.random.default_rng(0), 2000
    x = np.stack([np.ones(n), rng.normal(size=n)], axis=1)
    y = x @ np.array([[1.0], [2.0]]) + 0.5 * rng.normal(size=(n, 1))
    ridge = Ridge(penalty=0.0).fit(x, y, np.arange(n))
    np.testing.assert_allclose(ridge.weights_, np.linalg.lstsq(x, y, rcond=None)[0], atol=1e-10)
    again = [ridge.resample(rng).weights_[1, 0] for _ in range(400)]
    assert np.std(again) == pytest.approx(0.5 / np.sqrt(n), rel=0.2)


def test_a_linear_world_in_closed_form() -> None:
    """health -> strength -> y, health -> help -> y: the naive slope has the bias of a left-out
    variable, the adjusted one has none."""
    rng, n = np.random.default_rng(1), 4000
    health = rng.normal(size=(n, 1, 1))
    given = -1.5 * health + rng.normal(size=(n, 1, 1))
    y = 0.4 * given + 1.0 * health + 0.2 * rng.normal(size=(n, 1, 1))
    before = rng.normal(size=(n, 2, 1))
    values = {"health": health, "assistance": given, "qpos": np.concatenate([before, y], axis=1)}
    labels = {"health": ("health",), "assistance": ("elbow",), "qpos": ("elbow",)}
    seen = Records(0.5 * np.arange(3), values, labels, "elbow")
    question = Question(Do("assistance", value=1.0, how="+="), "qpos.elbow", (1.0, 1.0))
    bias = 1.0 * -1.5 / (1.5**2 + 1.0)  # covariance of health and help over the variance of help
    found = naive(seen, question)
    assert found.low < 0.4 + bias < found.high
    told = question.identified(MODEL.graph, seen)
    assert told.adjustment == {"health"}
    right = adjusted(seen, question, told)
    assert right.low < 0.4 < right.high
    assert right.high - right.low < 0.03


def test_reflexes_that_end_at_zero_are_not_flattened() -> None:
    """Tobit: half of the excitations are zero, and the slope is found."""
    from bioenv.learn.causal.fitted import _censored

    rng, n = np.random.default_rng(2), 4000
    x = np.stack([np.ones(n), rng.normal(size=n)], axis=1)
    u = np.clip(x @ np.array([[0.0], [0.1]]) + 0.05 * rng.normal(size=(n, 1)), 0.0, 1.0)
    slope = _censored(x, u, np.arange(n)).weights_[1, 0]
    assert slope == pytest.approx(0.1, rel=0.05)
    flat = Ridge().fit(x, u, np.arange(n)).weights_[1, 0]
    assert flat < 0.07


# Effects in the clinic ---------------------------------------------------------------------------


@pytest.mark.parametrize("question", [HELP, STRETCH], ids=["assistance", "stretch reflex"])
def test_correlation_has_the_wrong_sign_and_do_the_right_one(
    records: Records, held_out: Records, fitted: Fitted, question: Question
) -> None:
    right = truth(MODEL, OTHERS, question).value
    assert right > 0
    misled = naive(records, question)
    assert misled.high < 0  # surely, and wrongly, harmful
    told = question.identified(MODEL.graph, records)
    assert told.how == "back-door"
    mended = adjusted(records, question, told)
    assert mended.low < right < mended.high
    found = mechanisms(records, held_out, question, fitted, resamples=0)
    assert found.value == pytest.approx(right, rel=0.1)


def test_mechanisms_predict_people_they_have_not_seen(held_out: Records, fitted: Fitted) -> None:
    """One person's own counterfactual, by fitted mechanisms, against the simulator."""
    own = CausalModel(fitted)
    would = STRONG.of(own.counterfactual(held_out, [STRONG.do])) - STRONG.of(held_out)
    right = STRONG.of(MODEL.rollout(OTHERS, [STRONG.do])) - STRONG.of(held_out)
    assert np.corrcoef(would, right)[0, 1] > 0.95
    assert np.sqrt(np.mean((would - right) ** 2)) < 0.15 * right.mean()
    same = own.counterfactual(held_out)
    np.testing.assert_allclose(same["qpos"], held_out["qpos"], atol=1e-9)


def test_who_leaves_the_range_of_the_records_is_told(held_out: Records, fitted: Fitted) -> None:
    assert fitted.outside(held_out).mean() < 0.3
    heavy = MODEL.rollout(OTHERS, [Do.parse("load+=5")])
    assert fitted.outside(heavy).all()
    far = Question(Do.parse("load+=5"), "qpos.elbow", (0.05, 0.05))
    found = mechanisms(held_out, held_out, far, fitted, resamples=0)
    assert found.outside == 1.0
    told = far.identified(MODEL.graph, held_out)
    assert "100 % of people leave the range" in table(far, told, [found])


def test_what_is_not_identified_is_said_and_not_estimated(
    records: Records, held_out: Records
) -> None:
    poor = records.without("strength", "health")
    told, found = compare(poor, held_out.without("strength", "health"), HELP, MODEL.graph)
    assert not told.identified
    assert [one.method for one in found] == ["naive"]
    text = table(HELP, told, found)
    assert "not identified" in text
    assert "measure health, or strength" in text
    with pytest.raises(BioenvError, match=r"no single set to adjust for.*measure health"):
        adjusted(poor, HELP, told)


def test_a_dose_that_nobody_was_given_needs_mechanisms(records: Records) -> None:
    """Assistance in a part of the trial only: the records have none, a regression cannot know."""
    part = Question(Do.parse("assistance.elbow+=2@0.5:1"), "qpos.elbow", (0.8, 1.0))
    with pytest.raises(BioenvError, match="only mechanisms can answer"):
        naive(records, part)


def test_bad_questions(records: Records) -> None:
    with pytest.raises(BioenvError, match=r"channel and a label, as qpos.elbow"):
        Question(HELP.do, "health", (0.8, 1.0))
    with pytest.raises(BioenvError, match="no samples between 3 and 4 s"):
        Question(HELP.do, "qpos.elbow", (3.0, 4.0)).of(records)
    with pytest.raises(BioenvError, match="mechanisms need activation"):
        Fitted(MODEL.graph).fit(records.without("activation"))
    with pytest.raises(BioenvError, match=r"does not fit into 0.4 s"):
        Population(seconds=0.4)
