"""Hybrids keep the law's limits whatever they learn, and are better outside the data than none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hybrid_cases import CASES, Case
from numpy.typing import NDArray

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.learn.fit import Status
from bioenv.learn.hybrid import Hybrid
from bioenv.learn.hybrid_contact import ContactHybrid
from bioenv.learn.hybrid_joint import PassiveMomentHybrid
from bioenv.learn.hybrid_muscle import MuscleHybrid
from bioenv.learn.plain import PlainBumps, PlainNetwork
from bioenv.learn.radial import Radial
from bioenv.models import muscle

Array = NDArray[np.float64]

torch.set_num_threads(1)
WALKER = models.load("walker2d")


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _soleus(**settings: object) -> MuscleHybrid:
    return MuscleHybrid(WALKER, "soleus_r", **settings)


def _wild(name: str, size: float = 1.0, seed: int = 0) -> Hybrid:
    """A hybrid whose networks say anything, as if it had been fitted to nonsense."""
    case = CASES[name]()
    hybrid = case.hybrid(lengths=(0.7,), centers=20, iterations=5).fit(*case.sample(seed))
    generator = torch.Generator().manual_seed(seed)
    for channel in hybrid.channels:
        weights = hybrid._unknowns[channel]
        hybrid._unknowns[channel] = size * torch.randn(
            weights.shape, generator=generator, dtype=torch.float64
        )
    return hybrid


# The law -----------------------------------------------------------------------------------------


def test_before_fit_the_muscle_is_mujocos() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform([0.3, -1.2, 0.0], [1.8, 0.6, 1.0], (200, 3))
    p, i = WALKER.muscle, WALKER.muscle_index("soleus_r")
    length = np.repeat(x[:, :1], len(p), axis=1) * p.element_length + p.tendon_slack_length
    velocity = x[:, 1:2] * p.element_length * p.vmax
    force = muscle.muscle_force(length, velocity, x[:, 2:], p)[:, i] / p.element_force[i]
    np.testing.assert_allclose(_soleus().predict(x), force, atol=1e-12)


def test_before_fit_the_joint_is_a_spring_and_the_contact_hunt_and_crossley() -> None:
    joint = PassiveMomentHybrid(20.0, 0.5, 0.3, ["knee"])
    np.testing.assert_allclose(joint.predict([0.8, 2.0, 1.0]), -20.0 * 0.5 - 1.0, rtol=1e-12)
    ground = ContactHybrid(1e5, 0.4)
    np.testing.assert_allclose(ground.predict([0.01, 0.5]), 1e5 * 0.01**1.5 * 1.3, rtol=1e-12)


# Limits hold whatever was learned ----------------------------------------------------------------


def test_muscles_only_pull_rest_passively_and_are_weak_when_fast() -> None:
    wild = _wild("muscle, Millard")
    rng = np.random.default_rng(1)
    x = rng.uniform([0.2, -1.5, 0.0], [1.9, 0.8, 1.0], (500, 3))
    assert wild.predict(x).min() >= 0.0
    relaxed, slow = x * [1, 1, 0], x * [1, 0, 0]
    passive = wild.predict(relaxed)
    np.testing.assert_allclose(passive, wild.predict(slow), atol=1e-12)
    fastest = -wild.parameters_["max_velocity"]
    shortening = np.column_stack([x[:, 0], np.full(500, 1.001 * fastest), x[:, 2]])
    np.testing.assert_allclose(wild.predict(shortening), passive, atol=1e-12)


def test_the_ground_does_not_pull_and_does_not_reach_up() -> None:
    wild = _wild("contact")
    x = np.random.default_rng(2).uniform([-0.02, -1.0], [0.02, 1.0], (500, 2))
    force = wild.predict(x)
    assert force.min() >= 0.0
    assert (force[x[:, 0] <= 0] == 0.0).all()
    assert np.abs(force - wild.physics(x)).max() > 1.0


def test_a_passive_joint_stays_passive() -> None:
    wild = _wild("ankle", 0.5)
    angle = np.linspace(-0.8, 0.6, 400)
    for speed, knee in ((0.0, 0.1), (1.0, 1.2)):
        x = np.column_stack([angle, np.full(400, speed), np.full(400, knee)])
        assert (np.diff(wild.predict(x)) < 0.0).all()  # positive stiffness
    slow, fast = wild.predict([[0.5, 0.0, 0.5], [0.5, 1.0, 0.5]])
    assert fast < slow  # positive damping


def test_the_integral_of_stiffness_is_exact_enough() -> None:
    case = CASES["ankle"]()
    hybrid = case.hybrid().fit(*case.sample(0))
    x, step = case.outside[:50], 1e-5
    beside = step * np.eye(3)[0]
    slope = (hybrid.predict(x + beside) - hybrid.predict(x - beside)) / (2 * step)
    place = torch.tensor(x[:, [0, 2]])
    bumps = hybrid._networks["stiffness"](place) @ hybrid._unknowns["stiffness"]
    stiffness = hybrid.parameters_["stiffness"] * torch.exp(bumps).numpy()
    np.testing.assert_allclose(-slope, stiffness, rtol=1e-4)


@pytest.mark.parametrize("name", ["muscle, Millard", "contact"])
def test_far_from_the_data_it_is_the_law_again(name: str) -> None:
    case = CASES[name]()
    hybrid = case.hybrid().fit(*case.sample(0))
    assert _rms(hybrid.predict(case.shown) - hybrid.physics(case.shown)) > 1e-3
    far = case.shown[:20] + 30.0 * case.shown.std(axis=0) * [1, 0, 0][: case.shown.shape[1]]
    np.testing.assert_allclose(hybrid.predict(far), hybrid.physics(far), rtol=1e-6)


# Learning ----------------------------------------------------------------------------------------


def test_data_of_the_law_itself_give_its_parameters_and_no_residual() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform([0.7, -0.6, 0.0], [1.5, 0.3, 1.0], (200, 3))
    strong = _soleus()
    strong._unknowns = {"step": torch.tensor([0.15, -0.2, 0.1, 0.8]).double()}
    true = {name: float(v) for name, v in strong.named(strong._unknowns["step"]).items()}
    found = _soleus().fit(x, strong.predict(x) + rng.normal(0, 0.01, 200))
    assert found.status_ is Status.CONVERGED
    assert found.noise_ == pytest.approx(0.01, rel=0.2)
    for name, value in true.items():
        low, high = found.intervals_[name]
        assert low < value < high, name
        assert high - low < 0.2 * value, name
    assert _rms(found.predict(x) - found.physics(x)) < 0.005


def _errors(case: Case, seed: int, rival: str) -> tuple[float, float, float]:
    """Outside: hybrid, rival; inside: hybrid."""
    x, y = case.sample(seed)
    hybrid = case.hybrid().fit(x, y)
    other = (
        PlainBumps(x.shape[1], float(y.mean()), float(y.std()))
        if rival == "bumps"
        else PlainNetwork(seed=seed)
    ).fit(x, y)
    out = case.outside, case.outside_truth
    return (
        _rms(hybrid.predict(out[0]) - out[1]),
        _rms(other.predict(out[0]) - out[1]),
        _rms(hybrid.predict(case.shown) - case.shown_truth),
    )


@pytest.mark.parametrize(
    ("name", "rival", "seeds", "ratio"),
    [
        ("muscle, De Groote", "bumps", 2, 0.55),
        ("muscle, Millard", "network", 1, 0.8),
        ("ankle", "bumps", 5, 0.8),
        ("contact", "bumps", 5, 0.8),
    ],
)
def test_outside_the_data_physics_helps(name: str, rival: str, seeds: int, ratio: float) -> None:
    case = CASES[name]()
    errors = np.array([_errors(case, seed, rival) for seed in range(seeds)])
    assert np.mean(errors[:, 0] / errors[:, 1]) < ratio
    assert errors[:, 2].max() < case.noise  # and inside it is better than one measurement


def test_deviations_grow_outside_and_cover_inside() -> None:
    case = CASES["ankle"]()
    x, y = case.sample(0)
    hybrid = case.hybrid().fit(x, y)
    inside, outside = hybrid.deviation(case.shown), hybrid.deviation(case.outside)
    assert outside.mean() > 2 * inside.mean()
    off = np.abs(hybrid.predict(case.shown) - case.shown_truth)
    assert np.mean(off < 2 * inside) > 0.8
    assert hybrid.deviation(case.shown.reshape(10, 100, 3)).shape == (10, 100)


def test_the_same_data_give_the_same_model() -> None:
    case = CASES["contact"]()
    x, y = case.sample(1)
    one, two = (case.hybrid().fit(x, y).predict(case.outside) for _ in range(2))
    np.testing.assert_array_equal(one, two)


# Networks, status, bad input ---------------------------------------------------------------------


def test_bumps_have_unit_variance_at_centers_and_none_far_away() -> None:
    x = torch.tensor(np.random.default_rng(0).normal(size=(100, 2)))
    radial = Radial.of(x, 30, 1.0)
    assert radial.count <= 30
    assert float(radial.unknown(radial.center * radial.scale).max()) < 1e-3
    assert float(radial.unknown(x + 50.0).min()) > 0.999


def test_a_large_residual_is_said() -> None:
    case = CASES["contact"]()
    x, y = case.sample(0)
    found = case.hybrid(learn=False, accept=15.0).fit(x, y)
    assert found.status_ is Status.LARGE_RESIDUAL
    assert "15" in found.message_
    assert case.hybrid(accept=15.0).fit(x, y).status_ is Status.CONVERGED


def test_too_few_iterations_are_said() -> None:
    case = CASES["ankle"]()
    assert case.hybrid(iterations=1).fit(*case.sample(0)).status_ is Status.UNSETTLED


def test_a_fit_that_cannot_begin_is_said() -> None:
    case = CASES["contact"]()
    found = ContactHybrid(1e200, 0.0).fit(*case.sample(0))
    assert found.status_ is Status.DIVERGED
    assert np.isinf(found.deviation(case.shown[:3])).all()
    assert found.intervals_["stiffness"] == (0.0, np.inf)
    assert found.parameters_["stiffness"] == 1e200


def _x(rows: int = 20) -> Array:
    return np.random.default_rng(0).uniform(0.1, 1.0, (rows, 3))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (_x()[:, :2], np.ones(20), r"\(\.\.\., 3\) for fiber_length, fiber_velocity, activation"),
        (np.full((20, 3), np.nan), np.ones(20), "not finite, the first in fiber_length"),
        (_x(), np.full(20, np.inf), "20 values that are not finite"),
        (_x(), np.ones(19), r"target \(T,\)"),
        (_x(9), np.ones(9), "10 samples or more"),
        (_x(), np.full(20, 1e200), "other units"),
    ],
)
def test_bad_data_are_refused(x: Array, y: Array, message: str) -> None:
    with pytest.raises(BioenvError, match=message):
        _soleus().fit(x, y)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(BioenvError, match="must be positive"):
        _soleus(centers=0)
    with pytest.raises(BioenvError, match="nothing to fit"):
        _soleus(tune=False, learn=False)
    with pytest.raises(BioenvError, match="stiffness and damping must be positive"):
        PassiveMomentHybrid(0.0, 1.0, 0.0)
    with pytest.raises(BioenvError, match="stiffness > 0"):
        ContactHybrid(-1.0, 1.0)
    with pytest.raises(BioenvError, match="unknown muscle"):
        MuscleHybrid(WALKER, "soleus")
    with pytest.raises(BioenvError, match="before fit"):
        _soleus().deviation(_x())
