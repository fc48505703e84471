"""Bands and tests of whole curves: their error rates, where they point, and what cannot matter."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.evaluate.statistics import (
    bootstrap_band,
    one_more_person,
    sign_flip_test,
    two_sample_test,
)

Array = NDArray[np.float64]
POINTS = 40
PHASE = np.linspace(0, 2 * np.pi, POINTS)
SHAPES = np.array([f(k * PHASE) for k in (1, 2, 3) for f in (np.sin, np.cos)])


def smooth(rng: np.random.Generator, count: int) -> Array:
    """Random smooth curves (count, POINTS) about zero."""
    curves: Array = rng.standard_normal((count, len(SHAPES))) @ SHAPES
    return curves


def test_a_band_holds_the_whole_mean_as_often_as_it_says() -> None:
    rng, held, next_one, pointwise = np.random.default_rng(1), 0, 0, 0
    trials = 150
    for _ in range(trials):
        strides, later = smooth(rng, 15), smooth(rng, 1)[0]
        band = bootstrap_band(strides, "mean", resamples=200)
        held += bool(((band.low <= 0) & (band.high >= 0)).all())
        half = 2.145 * strides.std(axis=0, ddof=1) / np.sqrt(15)  # Student's t, point by point
        pointwise += bool((np.abs(strides.mean(axis=0)) <= half).all())
        wide = bootstrap_band(strides, "stride", resamples=200)
        next_one += bool(((wide.low <= later) & (wide.high >= later)).all())
    assert 0.90 <= held / trials <= 1.0
    assert next_one / trials >= 0.93
    assert pointwise / trials < 0.85  # what a band drawn point by point would have held


def test_strides_of_the_same_mean_are_rarely_called_different() -> None:
    rng, trials = np.random.default_rng(2), 200
    flips, labels = 0, 0
    for _ in range(trials):
        one, other = smooth(rng, 12), smooth(rng, 9)
        flips += sign_flip_test(one, np.zeros(POINTS), resamples=200).p <= 0.05
        labels += two_sample_test(one, other, resamples=200).p <= 0.05
    assert flips / trials < 0.10  # 5 % and three standard errors
    assert labels / trials < 0.10


def test_a_difference_is_found_where_it_is() -> None:
    rng = np.random.default_rng(3)
    bump = np.where((PHASE > 2) & (PHASE < 3), 4.0, 0.0)
    strides = smooth(rng, 30) + bump
    for found in (
        sign_flip_test(strides, np.zeros(POINTS)),
        two_sample_test(strides, smooth(rng, 30)),
    ):
        assert found.p < 0.05
        assert found.where[bump > 0].all()
        assert found.where[bump == 0].mean() < 0.2


def test_few_strides_are_all_flipped() -> None:
    """Five curves have 32 sign patterns, two of which are as extreme as all alike."""
    found = sign_flip_test(np.ones((5, 3)) + 0.01 * np.arange(15).reshape(5, 3), np.zeros(3))
    assert found.p == pytest.approx(2 / 32)
    assert not found.where.any()  # so few can never be significant at 5 %


def test_offset_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    strides, mean = smooth(rng, 8), smooth(rng, 1)[0] / 3
    one = sign_flip_test(strides, mean)
    other = sign_flip_test(3 * strides + 7, 3 * mean + 7)
    np.testing.assert_allclose(one.statistic, other.statistic, rtol=1e-9)
    assert one.p == other.p == sign_flip_test(strides[::-1], mean).p
    band, moved = bootstrap_band(strides), bootstrap_band(2 * strides + 1)
    np.testing.assert_allclose(moved.low, 2 * band.low + 1, rtol=1e-9, atol=1e-9)


def test_a_foot_in_the_air_has_no_band() -> None:
    strides = smooth(np.random.default_rng(5), 10)
    strides[:, 20:] = 0.0
    band = bootstrap_band(strides)
    assert (band.high[20:] == band.low[20:]).all()
    assert (band.high[1:19] > band.low[1:19]).all()
    same = bootstrap_band(np.ones((6, 4)))
    assert (same.factor, same.low.tolist()) == (0.0, [1.0] * 4)


def test_one_more_person_cannot_be_surer_than_there_are_people() -> None:
    rng = np.random.default_rng(6)
    people = smooth(rng, 5)
    assert one_more_person(people[0] + 50, people) == pytest.approx(1 / 6)
    assert one_more_person(people.mean(axis=0), people) == 1.0
    alike = [one_more_person(p[0], p[1:]) for p in (smooth(rng, 6) for _ in range(120))]
    assert 0.1 < np.mean(np.array(alike) <= 1 / 6 + 1e-9) < 0.25  # exchangeable: one in six


def test_mistakes_are_named() -> None:
    with pytest.raises(BioenvError, match="n >= 4"):
        bootstrap_band(np.zeros((3, 5)))
    with pytest.raises(BioenvError, match="shape"):
        sign_flip_test(np.zeros((5, 5)), np.zeros(4))
    with pytest.raises(BioenvError, match="level"):
        bootstrap_band(np.eye(5), level=95)
    with pytest.raises(BioenvError, match="5 and 4 points"):
        two_sample_test(np.eye(5), np.ones((5, 4)))
    with pytest.raises(BioenvError, match="finite"):
        sign_flip_test(np.full((5, 5), np.nan), np.zeros(5))
