"""Corrupt sensors are told from sound ones, and faults are what they say they are."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.envs.assist import Faults, Monitor, Readings
from bioenv.envs.assist.faults import KINDS
from bioenv.envs.assist.sensors import Sensors
from bioenv.envs.random import BatchRng
from bioenv.errors import BioenvError

DT = 1.0 / 150.0
STEPS = 150


def walking(steps: int = STEPS, joints: int = 2) -> list[Readings]:
    """An ankle that swings by 0.3 rad at 1 Hz, exactly integrated as the simulation does."""
    speed = 2.0 * np.sin(2 * np.pi * np.arange(steps) * DT)
    angle = np.cumsum(speed) * DT - 0.3
    one = np.ones((1, joints))
    return [Readings(a * one, s * one, 700.0 * one, 400.0 * one, 900.0 * one)
            for a, s in zip(angle, speed, strict=True)]  # fmt: skip


def watch(samples: list[Readings], monitor: Monitor | None = None) -> np.ndarray:
    """(T, joints) which samples the monitor calls corrupt, as the device uses it."""
    monitor = Monitor() if monitor is None else monitor
    same = drift = np.zeros_like(samples[0].angle)
    last, known, bad = samples[0], np.zeros(same.shape, bool), []
    for now in samples:
        same = np.where(known & monitor.repeated(now, last), same + 1.0, 0.0)
        drift = monitor.drifted(now, last, drift, known, DT)
        bad.append(monitor.corrupt(now, last, same, drift, known)[0])
        last, known = now, np.ones_like(known)
    return np.array(bad)


def noisy(samples: list[Readings], seed: int = 0) -> list[Readings]:
    rng = BatchRng(np.array([seed]))
    return [Sensors().read(one, rng.select(np.array([0]))) for one in samples]


def test_sound_sensors_are_believed():
    assert not watch(noisy(walking())).any()


@pytest.mark.parametrize(
    ("spoil", "within"),
    [
        (lambda r: r._replace(angle=r.angle * np.nan), 1),
        (lambda r: r._replace(tendon=r.tendon + np.inf), 1),
        (lambda r: r._replace(angle=r.angle + 3.0), 1),
        (lambda r: r._replace(angle=r.angle + 0.15), 1),
        (lambda r: r._replace(speed=r.speed + 20.0), 1),
        (lambda r: r._replace(speed=r.speed + 3.0), 5),
        (lambda r: r._replace(ground=r.ground * 100.0), 1),
    ],
)
def test_spoiled_sensors_are_caught(spoil, within):
    samples = noisy(walking())
    begins = 60
    samples[begins:] = [spoil(one) for one in samples[begins:]]
    bad = watch(samples)
    assert not bad[:begins].any()
    assert bad[begins : begins + within].any()


def test_frozen_sensors_are_caught_within_three_samples():
    samples = noisy(walking())
    samples[60:] = [samples[60]] * len(samples[60:])
    bad = watch(samples)
    assert not bad[:60].any()
    assert bad[62:].all()


def test_one_joint_does_not_blame_the_other():
    samples = noisy(walking())
    for one in samples[60:]:
        one.angle[0, 0] = np.nan
    bad = watch(samples)
    assert bad[60:, 0].all()
    assert not bad[:, 1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_what_it_says(kind):
    faults = Faults(every_s=0.3, duration_s=(0.1, 0.2), kinds=(kind,))
    rng, state = BatchRng(np.arange(40)), np.zeros((3, 40, 2))
    last, failed, length = walking()[0], 0, 0
    last = Readings(*(np.repeat(field, 40, axis=0) for field in last))
    for one in walking():
        true = Readings(*(np.repeat(field, 40, axis=0) for field in one))
        draws = rng.select(np.arange(40))
        now = faults.corrupt(true, state[0], state[1], state[2], last, DT, draws)
        fails = state[1] > 0.0
        failed, length = failed + int(fails.sum()), length + fails.size
        for mine, right, before in zip(now, true, last, strict=True):
            np.testing.assert_array_equal(mine[~fails], right[~fails])
            if kind == "nan":
                assert np.isnan(mine[fails]).all()
            if kind == "frozen":
                np.testing.assert_array_equal(mine[fails], before[fails])
        if kind == "range":
            assert (np.abs(now.angle[fails]) > 1.5).all()
        if kind == "bias":
            assert np.abs(now.angle - true.angle).max() <= 0.03
        last = now
    # each ankle is sound for 0.3 s on average and fails for 0.15 s
    assert failed / length == pytest.approx(1 / 3, abs=0.06)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Faults(kinds=("nna",)), "unknown sensor fault 'nna'; did you mean 'nan'"),
        (lambda: Faults(duration_s=(0.5, 0.1)), "shortest <= longest"),
        (lambda: Monitor(hold_s=0.0), "monitor's hold_s must be positive"),
        (lambda: Sensors(speed=-1.0), "noise of speed must be 0 or more"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(BioenvError, match=message):
        make()
