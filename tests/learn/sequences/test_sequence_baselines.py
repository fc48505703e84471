"""Baselines on signals whose future is known."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.learn.estimators import Windows, cut
from bioenv.learn.sequences.baselines import FourierSeries, MeanStride, Persistence, Ridge
from bioenv.motion import Motion

RATE = 40.0


def walk(frequency: float, seconds: float = 12.0, phase: float = 0.0) -> Motion:
    time = np.arange(round(seconds * RATE)) / RATE
    angle = 2 * np.pi * frequency * time + phase
    one = 0.3 + 0.5 * np.sin(angle) + 0.2 * np.cos(3 * angle)
    two = -0.1 + 0.4 * np.cos(angle)
    return Motion(time).add(
        "qpos", np.stack([one, two], axis=1), labels=["knee_angle_r", "hip_flexion_r"],
        source="simulated",
    )  # fmt: skip


def windows(motion: Motion, offsets=(0.1, 0.25, 0.5)) -> Windows:
    names = ["qpos/hip_flexion_r", "qpos/knee_angle_r"]
    return cut(motion, names, names[::-1], length=80, rate=RATE, offsets_s=offsets)


def test_persistence_holds_the_last_sample_of_the_right_column():
    one = windows(walk(0.9))
    found = Persistence().fit(one).predict(one)
    assert found.shape == one.targets.shape
    assert np.array_equal(found[:, 0], one.inputs[:, -1, ::-1])
    assert np.array_equal(found[:, 0], found[:, 2])


def test_fourier_series_continues_what_is_periodic():
    train = windows(walk(1.0))
    series = FourierSeries(grid=221).fit(train)
    for frequency in (0.71, 0.93, 1.28):
        one = windows(walk(frequency, phase=1.0))
        error = series.predict(one) - one.targets
        still = Persistence().fit(one).predict(one) - one.targets
        assert np.sqrt((error**2).mean()) < 0.02 * np.sqrt((still**2).mean())


def test_ridge_finds_a_linear_map_and_prefers_little_penalty_without_noise():
    rng = np.random.default_rng(0)
    one = windows(walk(0.9))
    inputs = rng.normal(size=(600, 5, 2))
    weights = rng.normal(size=(10, 2))
    targets = (inputs.reshape(600, 10) @ weights + 3.0)[:, None]
    made = Windows(
        inputs, targets, one.input_names, one.target_names, one.input_units, one.target_units, RATE,
        (0.0,), *(np.zeros(600, dtype=t) for t in ("<U1", "<U1", np.int64, float)),
    )  # fmt: skip
    ridge = Ridge((1e-9, 1e-2, 1.0)).fit(made.take(np.arange(400)), made.take(np.arange(400, 500)))
    test = made.take(np.arange(500, 600))
    assert ridge.penalty_ == 1e-9
    assert np.allclose(ridge.predict(test), test.targets, atol=1e-6)
    # With hardly any sample and much noise, a penalty pays.
    noisy = targets + 20 * rng.normal(size=targets.shape)
    made = Windows(*(noisy if n == "targets" else getattr(made, n)
                     for n in Windows.__dataclass_fields__))  # fmt: skip
    ridge.fit(made.take(np.arange(14)), made.take(np.arange(100, 500)))
    assert ridge.penalty_ == 1.0


def test_mean_stride_is_exact_for_a_clock():
    motion = walk(1.0, 20.0)
    one = windows(motion, (0.0,))
    strikes = np.arange(0.0, 20.0)
    found = MeanStride(strikes, bins=40).fit(one).predict(one)
    known = np.isfinite(found).all(axis=(1, 2))
    assert 0.9 < known.mean() < 1.0  # nothing after the last strike
    assert np.abs(found - one.targets)[known].max() < 0.06


def test_bad_input_is_refused():
    one = windows(walk(1.0))
    with pytest.raises(BioenvError, match="penalties must be positive"):
        Ridge((0.0,))
    with pytest.raises(BioenvError, match="two heel strikes"):
        MeanStride([1.0])
    torque = Windows(*(("joint_torque/knee_angle_r", "qpos/hip_flexion_r") if n == "target_names"
                       else getattr(one, n) for n in Windows.__dataclass_fields__))  # fmt: skip
    with pytest.raises(BioenvError, match="joint_torque/knee_angle_r"):
        Persistence().fit(torque)
    holes = one.targets.copy()
    holes[0] = np.nan
    gap = Windows(*(holes if n == "targets" else getattr(one, n)
                    for n in Windows.__dataclass_fields__))  # fmt: skip
    with pytest.raises(BioenvError, match="every target known"):
        Ridge().fit(gap)
