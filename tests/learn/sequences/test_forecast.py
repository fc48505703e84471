"""Forecasts: what the network starts from, what its lessons are, and the motions it gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bioenv.errors import BioenvError
from bioenv.learn.estimators import Estimator, Plan, Scaling, Shape, at_rate, build, rmse
from bioenv.learn.sequences import forecast
from bioenv.learn.sequences.baselines import Persistence

RATE = forecast.RATE


def walk(seconds: float = 20.0, frequency: float = 0.9, phase: float = 0.0, rate: float = RATE):
    from bioenv.motion import Motion

    time = np.arange(round(seconds * rate)) / rate
    turn = 2 * np.pi * frequency * time[:, None] + phase + np.linspace(0, 5, len(forecast.LABELS))
    motion = Motion(time, model="walker", meta={"mass_kg": 70.0})
    motion = motion.add("qpos", 0.4 * np.sin(turn), labels=forecast.LABELS, source="simulated")
    speed = 0.8 * np.pi * frequency * np.cos(turn)
    return motion.add("qvel", speed, labels=forecast.LABELS, source="simulated")


def windows(**kind):
    return forecast.windows(walk(**kind), every=5)


@pytest.fixture(scope="module")
def fitted():
    from bioenv.learn.estimators import Windows

    train = Windows.join([windows(frequency=f, phase=p) for f, p in ((0.8, 0), (0.9, 1), (1.0, 2))])
    valid = windows(frequency=0.95, phase=0.5)
    settings = forecast.settings_for(train, hidden=24)
    plan = Plan(epochs=25, batch=64, learning_rate=1e-2, anneal=True)
    return Estimator(settings, members=1, plan=plan, balance=False, degrade=True).fit(train, valid)


@pytest.mark.parametrize("trunk", ["lstm", "convolution"])
def test_without_a_change_it_is_persistence(trunk):
    one = windows()
    network = build(forecast.settings_for(one, hidden=4, trunk=trunk), Shape(80, 16, 10, 8), 0)
    with torch.no_grad():
        network.mean.weight.zero_()
        network.mean.bias.zero_()
    seen = torch.as_tensor(Scaling.of(one.inputs).forward(one.inputs), dtype=torch.float32)
    found = Scaling.of(one.targets).back(network(seen).mean.detach().numpy())
    assert np.allclose(found, Persistence().fit(one).predict(one), atol=1e-5)


@pytest.mark.parametrize("trunk", ["lstm", "convolution"])
def test_the_lessons_use_no_sample_after_the_one_they_stand_at(trunk):
    one = windows()
    network = build(forecast.settings_for(one, hidden=4, trunk=trunk), Shape(80, 16, 10, 8), 0)
    seen = torch.as_tensor(Scaling.of(one.inputs).forward(one.inputs), dtype=torch.float32)[:3]
    changed = seen.clone()
    changed[:, 50:] = 9.0
    before, after = network._trunk(seen).detach(), network._trunk(changed).detach()
    assert torch.allclose(before[:, :50], after[:, :50])
    assert not torch.allclose(before[:, 50:], after[:, 50:])


def test_the_penalty_is_the_likelihood_of_what_the_window_holds():
    one = windows()
    network = build(forecast.settings_for(one, hidden=4), Shape(80, 16, 10, 8), 0)
    scale = Scaling.of(one.targets)
    seen = torch.as_tensor(Scaling.of(one.inputs).forward(one.inputs), dtype=torch.float32)[:2]
    network(seen)
    found = network.penalty(seen).item()
    own = torch.as_tensor(scale.forward(one.inputs[:2, :, :8]), dtype=torch.float32)
    total = []
    for t in range(20, 60, 4):
        told = network._told(network._states[:, t : t + 1], seen[:, t : t + 1])
        mean, log = told.mean[:, 0], told.log_variance[:, 0]
        truth = torch.stack([own[:, t + h] for h in network.ahead], dim=1)
        each = 0.5 * ((truth - mean) ** 2 / log.exp() + log) * (0.5 * log).exp()
        total.append(each.mean().item())
    assert found == pytest.approx(np.mean(total), rel=1e-4)
    quiet = build(forecast.settings_for(one, hidden=4, dense=0.0), Shape(80, 16, 10, 8), 0)
    quiet(seen)
    assert quiet.penalty(seen).item() == 0.0


def test_it_beats_persistence_on_frequencies_it_has_not_seen(fitted):
    test = windows(frequency=0.87, phase=2.5)
    error = rmse(fitted.predict(test).mean, test.targets)
    still = rmse(Persistence().fit(test).predict(test), test.targets)
    assert error < 0.2 * still


def test_a_forecast_is_a_motion_that_begins_where_the_other_ends(fitted):
    motion = walk(frequency=0.9, phase=0.3)
    ahead = forecast.forecast(motion, fitted, start=10.0)
    assert np.allclose(ahead.time, 10.0 + 0.05 * np.arange(1, 11))
    one = ahead.signals["qpos"]
    assert one.source == "estimated"
    assert one.band.shape == (10, 8, 2)
    assert one.flag.shape == (10,)
    assert ahead.labels("qpos") == forecast.LABELS
    assert ahead.meta["forecast_from_s"] == 10.0
    truth = motion["qpos"][np.round(ahead.time * RATE).astype(int)]
    assert rmse(one.values, truth) < 0.1
    # A motion at 100 Hz is brought to 40 Hz.
    fast = forecast.forecast(walk(frequency=0.9, phase=0.3, rate=100.0), fitted, start=10.0)
    assert rmse(fast["qpos"], one.values) < 0.02


def test_further_than_half_a_second_it_feeds_back_and_says_so(fitted):
    motion = walk(frequency=0.9)
    near = forecast.forecast(motion, fitted, start=10.0)
    far = forecast.forecast(motion, fitted, start=10.0, seconds=2.0)
    assert len(far) == 40
    assert np.array_equal(far["qpos"][:10], near["qpos"])
    one = far.signals["qpos"]
    assert one.flag[10:].all()
    assert "fed back" in far.meta["estimate_notes"][-1]
    width = np.ptp(one.band, axis=-1)
    assert (np.diff(width[9:], axis=0) > 0).all()
    truth = motion["qpos"][np.round(far.time * RATE).astype(int)]
    still = np.repeat(motion["qpos"][[400]], 40, axis=0)
    assert rmse(one.values, truth) < 0.5 * rmse(still, truth)


def test_feeding_back_begins_with_the_direct_forecast(fitted):
    test = windows(frequency=0.87)
    found = forecast.continued(test.inputs[:4], fitted, 12)
    assert found.shape == (4, 12, 8)
    assert np.allclose(found[:, :5], fitted.predict(test.inputs[:4]).mean[:, :5])


def test_bad_input_is_refused_and_a_lost_column_degrades(fitted):
    motion = walk()
    with pytest.raises(BioenvError, match="seconds must lie between"):
        forecast.forecast(motion, fitted, seconds=-1.0)
    with pytest.raises(BioenvError, match="needs 80"):
        forecast.forecast(motion, fitted, start=1.0)
    with pytest.raises(BioenvError, match="40 Hz"):
        forecast.windows(walk(rate=100.0))
    with pytest.raises(BioenvError, match="trunk must be"):
        forecast.settings_for(windows(), trunk="transformer")
    speed = motion.signals["qvel"]
    lost = motion.add("qvel", speed.values[:, 1:], labels=speed.labels[1:], source="simulated")
    found = forecast.forecast(lost, fitted)
    whole = forecast.forecast(motion, fitted)
    assert found.signals["qpos"].flag.all()
    assert "missing" in found.meta["estimate_notes"][0]
    assert (
        np.ptp(found.signals["qpos"].band, axis=-1).mean()
        > np.ptp(whole.signals["qpos"].band, axis=-1).mean()
    )
    fewer = motion.add("qvel", speed.values[:, 2:], labels=speed.labels[2:], source="simulated")
    with pytest.raises(BioenvError, match="one missing column"):
        forecast.forecast(fewer, fitted)
    assert len(at_rate(motion, RATE)) == len(motion)
