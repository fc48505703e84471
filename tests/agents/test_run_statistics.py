"""Statistics of runs: closed forms, coverage, and figures of rliable 1.2.0 on the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bioenv.agents import run_statistics
from bioenv.agents.run_statistics import (
    interquartile_mean,
    iqm_difference,
    iqm_interval,
    probability_of_improvement,
)
from bioenv.errors import BioenvError

RNG = np.random.default_rng(0)
SCORES = RNG.normal(0, 1, (5, 8))


def test_the_interquartile_mean_is_that_of_the_middle_half():
    assert interquartile_mean([[1.0, 2, 3, 4], [5, 6, 7, 1000]]) == pytest.approx(
        (3 + 4 + 5 + 6) / 4
    )
    assert interquartile_mean([[1.0], [2], [6]]) == 3.0  # three: nothing to drop
    sample = np.random.default_rng(1).exponential(size=(2000, 100))
    # Exponential between its quartiles: E = 2 * integral of -log(1 - p) over p in 1/4 ... 3/4.
    exact = 2 * (0.5 + 0.25 * np.log(0.25) - 0.75 * np.log(0.75))
    assert interquartile_mean(sample) == pytest.approx(exact, abs=0.01)


def test_scores_shift_and_scale_their_statistics():
    one, other = iqm_interval(SCORES), iqm_interval(3 * SCORES + 2)
    np.testing.assert_allclose(other, 3 * np.array(one) + 2)
    assert one.low < one.value < one.high


def test_runs_that_agree_leave_no_doubt():
    same = np.tile([0.2, 0.5, 0.9], (4, 1))
    middle = (0.2 + 4 * 0.5 + 0.9) / 6  # of twelve scores the outer three of each side are dropped
    np.testing.assert_allclose(iqm_interval(same), middle)
    np.testing.assert_allclose(iqm_interval(same, whole_runs=True), middle)


def test_rliable_says_the_same():
    # rliable 1.2.0: aggregate_iqm with 20,000 resamples, probability_of_improvement with 5,000.
    rng = np.random.default_rng(7)
    x, y = rng.normal(0.6, 0.2, (6, 8)), rng.normal(0.5, 0.3, (5, 8))
    mean, better = iqm_interval(x), probability_of_improvement(x, y)
    assert mean.value == pytest.approx(0.54566974, abs=1e-8)
    np.testing.assert_allclose(mean[1:], [0.49511158, 0.58797382], atol=0.005)
    assert better.value == pytest.approx(0.5958333333)
    np.testing.assert_allclose(better[1:], [0.47916667, 0.7125], atol=0.01)


def test_three_runs_of_one_task_have_the_exact_distribution_of_their_mean():
    # 27 equally likely draws of (0, 1, 5): 2.5 % of them lie below 0 and above 5 to within one.
    x = np.array([[0.0], [1.0], [5.0]])
    draws = x[np.array(np.meshgrid(*[range(3)] * 3)).reshape(3, -1)].mean(axis=(0, 2))
    found = iqm_interval(x, confidence=0.8)
    exact = np.quantile(draws, [0.1, 0.9])
    np.testing.assert_allclose(found[1:], exact, atol=0.35)
    assert set(np.round(found[1:], 6)) <= set(np.round(draws, 6))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    hits = [iqm_interval(rng.normal(1.0, 1.0, (12, 4)), seed=i) for i in range(200)]
    covered = np.mean([one.low <= 1.0 <= one.high for one in hits])
    assert 0.87 < covered <= 1.0


def test_whole_runs_widen_the_interval_of_quantities_that_rise_together():
    together = np.random.default_rng(3).normal(0, 1, (8, 1)) + np.zeros((8, 6))
    apart, whole = iqm_interval(together), iqm_interval(together, whole_runs=True)
    width = [one.high - one.low for one in (apart, whole)]
    assert width[1] > 1.5 * width[0]


def test_a_paired_difference_does_not_see_what_the_pairs_share():
    shared = np.random.default_rng(4).normal(0, 10, (6, 1))
    control = shared + np.zeros((6, 3))
    found = iqm_difference(control + 0.5, control)
    np.testing.assert_allclose(found, 0.5)
    with pytest.raises(BioenvError, match="need one shape"):
        iqm_difference(control, control[:4])


def test_the_probability_of_improvement_is_mann_whitneys():
    x, y = SCORES[:, :1], np.random.default_rng(5).normal(0.3, 1, (7, 1))
    u = stats.mannwhitneyu(x[:, 0], y[:, 0]).statistic
    assert probability_of_improvement(x, y).value == pytest.approx(u / (5 * 7))
    both = [
        probability_of_improvement(*pair).value for pair in ((SCORES, -SCORES), (-SCORES, SCORES))
    ]
    assert sum(both) == pytest.approx(1.0)
    assert probability_of_improvement(SCORES, SCORES).value == pytest.approx(0.5)
    assert probability_of_improvement(SCORES + 100, SCORES) == (1.0, 1.0, 1.0)
    with pytest.raises(BioenvError, match="8 tasks cannot be compared with 2"):
        probability_of_improvement(SCORES, SCORES[:, :2])


@pytest.mark.parametrize(
    ("scores", "message"),
    [([1.0, 2.0], "shape"), (np.empty((0, 3)), "shape"), ([[1.0, np.nan]], "finite")],
)
def test_scores_that_are_none_are_refused(scores, message):
    with pytest.raises(BioenvError, match=message):
        iqm_interval(scores)


def test_confidence_is_a_share():
    with pytest.raises(BioenvError, match="between 0 and 1, got 95"):
        iqm_interval(SCORES, confidence=95)
    assert run_statistics.RESAMPLES >= 2000
