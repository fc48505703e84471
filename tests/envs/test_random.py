"""The batched random streams: independent of each other, uniform, reproducible."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bioenv.envs.random import BatchRng


def test_uniform_and_normal_pass_kolmogorov_smirnov():
    draws = BatchRng(np.arange(200)).select(np.arange(200))
    assert stats.kstest(draws.uniform(np.zeros(100), 1.0).ravel(), "uniform").pvalue > 0.01
    assert stats.kstest(draws.normal(np.zeros(100), 1.0).ravel(), "norm").pvalue > 0.01


def test_neighbouring_streams_are_uncorrelated():
    x = BatchRng(np.arange(40)).select(np.arange(40)).uniform(np.zeros(2000), 1.0)
    r = np.corrcoef(x) - np.eye(40)
    assert np.abs(r).max() < 5 / np.sqrt(2000)


def test_drawing_for_some_leaves_the_others_untouched():
    a, b = BatchRng(np.arange(4)), BatchRng(np.arange(4))
    a.select(np.array([0, 2])).normal(np.zeros(3), 1.0)
    everyone = np.arange(4)
    x, y = a.select(everyone).uniform(), b.select(everyone).uniform()
    assert (x[[1, 3]] == y[[1, 3]]).all()
    assert (x[[0, 2]] != y[[0, 2]]).all()


def test_bounds_broadcast_and_integers_cover_their_range():
    draws = BatchRng(np.arange(5000)).select(np.arange(5000))
    box = draws.uniform([0.1, 0.0, -0.5], [0.3, 0.0, -0.2])
    assert box.shape == (5000, 3)
    assert (box.min(axis=0) >= [0.1, 0.0, -0.5]).all()
    assert (box.max(axis=0) <= [0.3, 0.0, -0.2]).all()
    assert set(draws.integers(2, 6).tolist()) == {2, 3, 4, 5}
