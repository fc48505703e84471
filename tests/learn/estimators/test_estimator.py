"""The estimator on data whose noise is known: variances, intervals, novelty, files, motions."""

import json

import numpy as np
import pytest
import torch

from bioenv.errors import BioenvError
from bioenv.lab import reference
from bioenv.lab.cohort import MEMBERS
from bioenv.learn.estimators import (
    Data,
    Estimator,
    Gaussian,
    Noise,
    Novelty,
    Plan,
    Scaling,
    Settings,
    Shape,
    Windows,
    add_network,
    auroc,
    beta_nll,
    build,
    conformal_factor,
    correlation,
    coverage,
    crps_gaussian,
    estimate,
    expected_calibration_error,
    fit_network,
    nrmse,
    offsets_of,
    rmse,
    sharpness,
    total_variance,
    white_noise,
)
from bioenv.learn.estimators.networks import parameters_of
from bioenv.motion import Motion

torch.set_num_threads(1)
NAMES = ("qpos/knee_angle_r", "qpos/hip_flexion_r")


def made(n: int, seed: int, spread: float = 0.3, length: int = 4) -> Windows:
    """Targets whose noise grows with the first input: sd = spread * |x|."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, length, 2))
    mean = np.sin(2 * x[:, -1, 0]) + x[:, 0, 1]
    sd = spread * (0.2 + np.abs(x[:, -1, 0]))
    y = 10 * (mean + sd * rng.normal(size=n)) + 5
    return Windows(
        x, y[:, None, None], NAMES, ("joint_torque/knee_angle_r",), ("rad", "rad"), ("N*m",),
        100.0, (0.0,), np.array(["a", "b"])[np.arange(n) % 2], np.full(n, "r"),
        np.arange(n), np.arange(n) / 100.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted() -> Estimator:
    plan = Plan(epochs=40, patience=10, learning_rate=5e-3)
    settings = Settings("plain", hidden=32, layers=2)
    estimator = Estimator(settings, members=3, plan=plan, degrade=True)
    return estimator.fit(made(3000, 0), made(600, 1), made(1500, 2))


def test_it_finds_the_mean_the_noise_and_covers_what_it_promises(fitted):
    test = made(4000, 3)
    found = fitted.predict(test)
    x = test.inputs
    mean = 10 * (np.sin(2 * x[:, -1, 0]) + x[:, 0, 1]) + 5
    sd = 3 * (0.2 + np.abs(x[:, -1, 0]))
    assert rmse(found.mean[:, 0, 0], mean) < 0.15 * mean.std()
    np.testing.assert_allclose(np.sqrt(found.aleatoric[:, 0, 0]).mean(), sd.mean(), rtol=0.12)
    assert correlation(np.sqrt(found.aleatoric[:, 0, 0]), sd) > 0.85
    assert 0.88 <= coverage(found.lower, found.upper, test.targets) <= 0.92
    assert expected_calibration_error(found.mean, found.total, test.targets) < 0.03
    assert found.flag.mean() < 0.05
    assert found.epistemic.mean() < 0.1 * found.aleatoric.mean()


def test_the_total_variance_is_that_of_the_mixture():
    rng = np.random.default_rng(0)
    means, variances = rng.normal(size=(5, 7, 2, 3)), rng.random((5, 7, 2, 3))
    mean, aleatoric, epistemic = total_variance(means, variances)
    second = (variances + means**2).mean(axis=0)
    np.testing.assert_allclose(aleatoric + epistemic, second - mean**2, rtol=1e-12, atol=1e-14)


def test_far_from_the_data_it_doubts_and_widens(fitted):
    inside, outside = made(500, 4), made(500, 5)
    far = Windows(**{**vars(outside), "inputs": outside.inputs * 3 + 4})
    usual, unusual = fitted.predict(inside), fitted.predict(far)
    assert auroc(usual.novelty, unusual.novelty) > 0.999
    assert unusual.flag.all()
    assert unusual.epistemic.mean() > 10 * usual.epistemic.mean()
    assert sharpness(unusual.lower, unusual.upper) > 3 * sharpness(usual.lower, usual.upper)


def test_without_a_column_the_band_is_wider_and_still_holds(fitted):
    test = made(3000, 6)
    full = fitted.predict(test)
    less = fitted.predict(test, missing=(NAMES[1],))
    assert less.flag.all()
    assert "missing" in less.notes[0]
    assert sharpness(less.lower, less.upper) > 1.5 * sharpness(full.lower, full.upper)
    assert coverage(less.lower, less.upper, test.targets) > 0.88
    with pytest.raises(BioenvError, match="with one missing column"):
        fitted.predict(test, missing=NAMES)


def test_files_return_the_same_estimates_and_refuse_damage(fitted, tmp_path):
    test = made(50, 7)
    folder = fitted.save(tmp_path / "knee", {"data": "made up", "rmse": 1.0})
    again = Estimator.load(folder)
    one, two = fitted.predict(test, (NAMES[0],)), again.predict(test, (NAMES[0],))
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.upper - one.lower > 0, True)
    np.testing.assert_allclose(one.novelty, two.novelty, rtol=1e-4)
    card = json.loads((folder / "card.json").read_text())
    assert card["data"] == "made up"
    assert card["input_units"] == ["rad", "rad"]
    assert card["rate_hz"] == 100.0
    strange = {**card, "network": {**card["network"], "kind": "transformer"}}
    (folder / "card.json").write_text(json.dumps(strange))
    with pytest.raises(BioenvError, match="unknown network"):
        Estimator.load(folder)
    (folder / "card.json").write_text(json.dumps({**card, "rate_hz": None, "inputs": 3}))
    with pytest.raises(BioenvError, match="'inputs' must be a list"):
        Estimator.load(folder)
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "model.safetensors").write_bytes(b"1234")
    with pytest.raises(BioenvError, match="safetensors"):
        Estimator.load(folder)
    with pytest.raises(BioenvError, match=r"format 'bioenv body graph 1' where"):
        Estimator.load("body_graph")
    with pytest.raises(BioenvError, match="unknown estimator"):
        Estimator.load("no-such")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 50.0}, "rate_hz"),
        ({"input_units": ("deg", "rad")}, "input_units"),
        ({"input_names": NAMES[::-1]}, "inputs"),
    ],
)
def test_windows_of_another_kind_are_refused(fitted, change, message):
    with pytest.raises(BioenvError, match=message):
        fitted.predict(Windows(**{**vars(made(10, 0)), **change}))


def test_wrong_arrays_are_refused(fitted):
    with pytest.raises(BioenvError, match=r"\(N, 4, 2\)"):
        fitted.predict(np.zeros((3, 3, 2)))
    hole = np.zeros((3, 4, 2))
    hole[1, 2, 1] = np.nan
    with pytest.raises(BioenvError, match="hip_flexion_r"):
        fitted.predict(hole)
    with pytest.raises(BioenvError, match="fit"):
        Estimator().predict(np.zeros((3, 4, 2)))


def test_a_motion_gets_values_band_and_flag(fitted):
    rng = np.random.default_rng(0)
    time = np.arange(60) / 100
    motion = Motion(time, meta={"mass_kg": 70.0}).add(
        "qpos", rng.uniform(-1, 1, (60, 2)), labels=("knee_angle_r", "hip_flexion_r"),
        source="measured",
    )  # fmt: skip
    found = estimate(motion, fitted)
    assert len(found) == 57
    signal = found.signals["joint_torque"]
    assert signal.source == "estimated"
    assert ((signal.band[..., 0] < signal.values) & (signal.values < signal.band[..., 1])).all()
    assert signal.flag.mean() < 0.2
    poor = Motion(time).add("qpos", motion["qpos"][:, :1], labels=("knee_angle_r",),
                            source="measured")  # fmt: skip
    degraded = estimate(poor, fitted)
    assert degraded.signals["joint_torque"].flag.all()
    assert "missing" in degraded.meta["estimate_notes"][0]
    with pytest.raises(BioenvError, match="needs 4"):
        estimate(motion.between(0, 0.02), fitted)


@pytest.mark.parametrize("kind", ["gru", "lstm", "convolution", "plain"])
@pytest.mark.parametrize("skip", [False, True])
def test_every_network_gives_what_it_should_and_learns(kind, skip):
    shape = Shape(20, 3, 2, 4)
    network = build(Settings(kind, hidden=16, skip=skip), shape, seed=3)
    again = build(Settings(kind, hidden=16, skip=skip), shape, seed=3)
    x = torch.randn(300, 20, 3, generator=torch.Generator().manual_seed(0))
    found = network(x)
    assert found.mean.shape == found.log_variance.shape == (300, 2, 4)
    torch.testing.assert_close(found.mean, again(x).mean)
    # Every sample of the window must reach the output.
    moved = x.clone()
    moved[:, 0] += 1.0
    assert not torch.equal(network(moved).mean, found.mean) or skip
    truth = x[:, [3, 18]].sum(dim=2, keepdim=True).expand(-1, -1, 4)
    data = Data(x, truth, torch.ones(300))
    plan = Plan(epochs=30, patience=30, learning_rate=1e-2, batch=50)
    before = beta_nll(network(data.inputs), truth, data.weight, 0.0).item()
    training = fit_network(network, data, data, plan, 0)
    assert training.validation[training.best] < before - 0.2
    assert training.validation[training.best] == min(training.validation)
    torch.testing.assert_close(
        beta_nll(network(data.inputs), truth, data.weight, 0.0),
        torch.tensor(training.validation[training.best]), rtol=1e-4, atol=1e-4,
    )  # fmt: skip
    assert parameters_of(network) > 100


def test_training_leaves_torchs_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    network = build(Settings("plain"), Shape(2, 1, 1, 1), 0)
    data = Data(torch.ones(9, 2, 1), torch.ones(9, 1, 1), torch.ones(9))
    fit_network(network, data, data, Plan(epochs=2), 0)
    torch.testing.assert_close(torch.rand(3), expected)


def test_likelihood_is_that_of_the_normal_distribution_and_skips_unknown_targets():
    mean, log_variance = torch.tensor([[[0.5]], [[1.0]]]), torch.tensor([[[0.2]], [[-1.0]]])
    truth = torch.tensor([[[1.5]], [[float("nan")]]])
    normal = torch.distributions.Normal(0.5, np.exp(0.1))
    expected = -normal.log_prob(torch.tensor(1.5)) - 0.5 * np.log(2 * np.pi)
    found = beta_nll(Gaussian(mean, log_variance), truth, torch.ones(2), 0.0)
    torch.testing.assert_close(found, expected.float())


def test_conformal_factor_is_the_quantile_with_the_new_sample_counted():
    error = np.arange(1, 100.0)[:, None, None]
    factor = conformal_factor(error, np.ones_like(error), 0.9, np.ones(99))
    assert factor[0, 0] == 90.0
    # A person with many windows weighs no more than one with few.
    error = np.r_[np.full(900, 1.0), np.full(100, 5.0)][:, None, None]
    weight = np.r_[np.full(900, 1 / 900), np.full(100, 1 / 100)]
    assert conformal_factor(error, np.ones_like(error), 0.9, weight)[0, 0] == 5.0
    assert conformal_factor(error, np.ones_like(error), 0.8, np.ones(1000))[0, 0] == 1.0


def test_scores_in_closed_form():
    rng = np.random.default_rng(0)
    truth = rng.normal(2.0, 3.0, size=200_000)
    mean, variance = np.full_like(truth, 2.0), np.full_like(truth, 9.0)
    # The score of the true normal distribution is sd / sqrt(pi).
    assert crps_gaussian(mean, variance, truth) == pytest.approx(3 / np.sqrt(np.pi), rel=0.01)
    assert crps_gaussian(mean, 0 * variance, truth) == pytest.approx(np.abs(truth - 2).mean())
    assert expected_calibration_error(mean, variance, truth) < 0.003
    assert expected_calibration_error(mean, 1e-9 * variance, truth) == pytest.approx(0.25, abs=0.02)
    assert coverage(mean - 1.645 * 3, mean + 1.645 * 3, truth) == pytest.approx(0.9, abs=0.003)
    assert rmse([1, 2, np.nan], [1, 4, np.nan]) == pytest.approx(np.sqrt(2))
    assert nrmse([1, 2], [1, 4]) == pytest.approx(np.sqrt(2) / 3)
    assert auroc([0, 1, 2], [2, 3]) == pytest.approx(11 / 12)
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1.0)


def test_novelty_knows_the_middle_of_a_cycle_from_the_cycle():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 1500)
    lag = np.arange(8) / 8
    ring = np.stack([np.sin(angle[:, None] + lag), np.cos(angle[:, None] + lag)], axis=-1)
    novelty = Novelty().fit(ring[:1000], ring[1000:])
    assert novelty.score(ring[1000:]).max() < 3
    assert novelty.score(np.zeros((1, 8, 2)))[0] > 10
    assert novelty.score(ring[:5, ::-1])[:].min() > 3  # backwards
    assert np.isinf(novelty.score(np.full((1, 8, 2), np.nan)))[0]


def test_noise_is_as_large_as_it_says():
    noise = Noise.of(2, white=[0.1, 0.0], offset=[0.0, 0.5], drop=[0.25, 0.0])
    scaling = Scaling(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    generator = torch.Generator().manual_seed(0)
    clean = torch.ones(20_000, 5, 2)
    found = noise.disturb(scaling)(clean, generator).numpy()
    lost = (found[:, :, 0] == 0).all(axis=1)
    assert lost.mean() == pytest.approx(0.25, abs=0.01)
    assert found[~lost][:, :, 0].std() == pytest.approx(0.05, rel=0.02)
    assert found[:, 0, 1].std() == pytest.approx(0.125, rel=0.02)
    np.testing.assert_array_equal(found[:, 0, 1], found[:, 4, 1])
    with pytest.raises(BioenvError, match="negative"):
        Noise.of(2, white=-1.0)


def test_white_noise_is_measured_above_the_movement():
    rng = np.random.default_rng(0)
    time = np.arange(6000) / 100
    signal = np.sin(2 * np.pi * time)[:, None] + rng.normal(size=(6000, 2)) * [0.02, 0.005]
    np.testing.assert_allclose(white_noise(signal, 100.0, 20.0), [0.02, 0.005], rtol=0.05)


def test_offsets_are_those_between_measured_people():
    names = ("qpos/ankle_angle_r", "qvel/ankle_angle_r", "emg/soleus_r", "qpos/knee_angle_l")
    found = np.rad2deg(offsets_of(names))
    assert 1 < found[0] < 10
    assert 1 < found[3] < 10
    np.testing.assert_array_equal(found[1:3], 0)
    means = [reference.load(one).curve("ankle_angle").mean.mean() for one in MEMBERS]
    assert found[0] == pytest.approx(np.rad2deg(np.std(means, ddof=1)))


def test_a_network_of_ones_own_is_a_kind():
    class Zero(torch.nn.Module):
        def __init__(self, shape):
            super().__init__()
            self.level = torch.nn.Parameter(torch.zeros(shape.instants, shape.outputs))

        def forward(self, window):
            mean = self.level.expand(len(window), -1, -1)
            return Gaussian(mean, torch.zeros_like(mean))

    def zero(settings, shape):
        return Zero(shape)

    add_network("test-zero", zero)
    found = Estimator(Settings("test-zero"), members=2).fit(made(200, 0), made(50, 1))
    assert found.predict(made(5, 2)).mean.shape == (5, 1, 1)
    with pytest.raises(BioenvError, match="exists"):
        add_network("gru", zero)
