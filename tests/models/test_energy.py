"""Metabolic models against a plain scalar transcription and the papers' single-muscle behaviour."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bioenv import models
from bioenv.models import energy, muscle
from bioenv.models.parameters import MuscleParameters

MODELS = (energy.bhargava2004, energy.umberger2010)


def parameters(nm: int = 5, seed: int = 0, pennation: float | None = None) -> MuscleParameters:
    rng = np.random.default_rng(seed)
    force, optimal = rng.uniform(300, 6000, nm), rng.uniform(0.03, 0.2, nm)
    slack, low, high = rng.uniform(0.02, 0.4, nm), np.full(nm, 0.5), np.full(nm, 1.5)
    angle = rng.uniform(0, 0.5, nm) if pennation is None else np.full(nm, pennation)
    length, vmax = optimal * np.cos(angle), np.full(nm, 10.0)
    return MuscleParameters(
        max_isometric_force=force, optimal_fiber_length=optimal, tendon_slack_length=slack,
        pennation=angle, max_velocity=vmax, fast_fiber_ratio=rng.uniform(0.2, 0.8, nm),
        specific_tension=np.full(nm, 0.25e6), mass=energy.muscle_mass(force, optimal),
        element_force=force * np.cos(angle), element_length=length, range_min=low, range_max=high,
        length_range_min=slack + low * length, length_range_max=slack + high * length,
        lmin=np.full(nm, 0.5), lmax=np.full(nm, 1.6), vmax=vmax, fpmax=np.full(nm, 0.5),
        fvmax=np.full(nm, 1.4), tau_act=np.full(nm, 0.01), tau_deact=np.full(nm, 0.04),
        tausmooth=np.zeros(nm),
    )  # fmt: skip


def state(p: MuscleParameters, n: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Random excitation, activation, length, velocity and the force that goes with them."""
    rng = np.random.default_rng(seed)
    shape = (n, len(p))
    u, a = rng.uniform(0, 1, shape), rng.uniform(0, 1, shape)
    length = p.tendon_slack_length + p.element_length * rng.uniform(0.4, 1.7, shape)
    velocity = p.element_length * p.vmax * rng.uniform(-1, 0.6, shape)
    return u, a, length, velocity, muscle.muscle_force(length, velocity, a, p)


def bhargava_scalar(u, a, length, v, force, passive, fl, p, i):  # type: ignore[no-untyped-def]
    """One muscle at one instant, equation by equation."""
    slow = (1 - p.fast_fiber_ratio[i]) * math.sin(math.pi / 2 * u)
    fast = p.fast_fiber_ratio[i] * (1 - math.cos(math.pi / 2 * u))
    m = p.mass[i]
    activation_heat = m * (40 * slow + 133 * fast)
    if length <= 0.5:
        share = 0.5
    elif length <= 1.0:
        share = length
    elif length <= 1.5:
        share = 3 - 2 * length
    else:
        share = 0.0
    maintenance_heat = m * share * (74 * slow + 111 * fast)
    isometric = a * fl * p.element_force[i]
    alpha = 0.16 * isometric + 0.18 * force if v <= 0 else 0.157 * force
    shortening_heat = -alpha * v
    work = -(force - passive) * v
    total = activation_heat + maintenance_heat + shortening_heat + work
    if total < 0:
        shortening_heat -= total
    heat = max(activation_heat + maintenance_heat + shortening_heat, m)
    return heat + work


def umberger_scalar(u, a, length, v, force, passive, fl, p, i):  # type: ignore[no-untyped-def]
    """One muscle at one instant, equation by equation, in W/kg until the last line."""
    drive = u if u > a else (u + a) / 2
    slow = (1 - p.fast_fiber_ratio[i]) * math.sin(math.pi / 2 * u)
    fast = p.fast_fiber_ratio[i] * (1 - math.cos(math.pi / 2 * u))
    slow_share = 1.0 if u == 0 else slow / (slow + fast)
    unscaled = 128 * (1 - slow_share) + 25
    am = 1.5 * drive**0.6 * unscaled
    if length > 1:
        am *= 0.4 + 0.6 * fl
    vmax = p.max_velocity[i]
    alpha_fast, alpha_slow = 153 / vmax, 100 / (vmax / 2.5)
    speed = v / p.element_length[i]
    if speed <= 0:
        slow_heat = min(-alpha_slow * speed, 100.0)
        s = 1.5 * drive**2 * (slow_heat * slow_share - alpha_fast * speed * (1 - slow_share))
    else:
        s = 1.5 * drive * 4.0 * alpha_slow * speed
    if length > 1:
        s *= fl
    work = -max(force - passive, 0.0) * v / p.mass[i]
    if am + s + work < 0:
        s -= am + s + work
    return p.mass[i] * (max(am + s, 1.0) + work)


@pytest.mark.parametrize(
    ("model", "scalar"),
    [(energy.bhargava2004, bhargava_scalar), (energy.umberger2010, umberger_scalar)],
)
def test_batch_equals_the_plain_equations(model, scalar) -> None:  # type: ignore[no-untyped-def]
    p = parameters()
    u, a, length, v, force = state(p, 300)
    u[:10] = 0.0
    rate = model(u, a, length, v, force, p)
    normalized = muscle.fiber_length(length, p)
    fl = muscle.active_force_length(normalized, p)
    passive = muscle.passive_force(length, p)
    expected = np.empty_like(rate)
    for k in range(len(rate)):
        for i in range(len(p)):
            expected[k, i] = scalar(
                u[k, i], a[k, i], normalized[k, i], v[k, i], force[k, i],
                passive[k, i], fl[k, i], p, i,
            )  # fmt: skip
    np.testing.assert_allclose(rate, expected, rtol=1e-11, atol=1e-9)
    assert (rate >= 0).all()


def isometric(model, p: MuscleParameters, u: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    length = p.tendon_slack_length + p.element_length
    a = np.full(len(p), u)
    force = muscle.muscle_force(length, np.zeros(len(p)), a, p)
    return model(a, a, length, np.zeros(len(p)), force, p)


def test_maximal_isometric_heat_is_the_closed_form() -> None:
    p = parameters()
    fast = p.fast_fiber_ratio
    expected = (40 + 74) * (1 - fast) + (133 + 111) * fast  # all fibers recruited, length L0
    assert isometric(energy.bhargava2004, p, 1.0) / p.mass == pytest.approx(expected)
    expected = 1.5 * (25 + 128 * fast)
    assert isometric(energy.umberger2010, p, 1.0) / p.mass == pytest.approx(expected)


@pytest.mark.parametrize("model", MODELS)
def test_rest_costs_the_minimum_heat(model) -> None:  # type: ignore[no-untyped-def]
    p = parameters()
    assert isometric(model, p, 0.0) / p.mass == pytest.approx(energy.MINIMUM_HEAT_RATE)


@pytest.mark.parametrize("model", MODELS)
def test_slow_fibers_come_first(model) -> None:  # type: ignore[no-untyped-def]
    """A fast-fibered muscle's extra cost over a slow one grows with effort, faster than effort."""
    p = parameters()
    effort = np.linspace(0.1, 0.7, 7)
    cost = np.array([isometric(model, p, u) / p.mass for u in effort])
    assert (np.diff(cost, axis=0) > 0).all()
    slow, fast = int(p.fast_fiber_ratio.argmin()), int(p.fast_fiber_ratio.argmax())
    extra = (cost[:, fast] - cost[:, slow]) / effort
    assert (np.diff(extra) > 0).all()


def sweep(model, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    """Total rate and mechanical power in W/kg of a fully active muscle with Hill's hyperbola."""
    p = replace(parameters(1, pennation=0.0), fast_fiber_ratio=np.array([0.5]))
    v = velocity[:, None]
    shortening = (1 + v) / (1 - np.minimum(v, 0) / 0.25)
    lengthening = 1.4 - 0.4 * (1 - v) / (1 + 7.56 * v / 0.25)  # Zajac 1989
    force = p.element_force * np.where(v <= 0, shortening, lengthening)
    one = np.ones_like(v)
    length = one * (p.tendon_slack_length + p.element_length)
    speed = v * p.element_length * p.vmax
    rate = model(one, one, length, speed, force, p)
    return (rate / p.mass)[:, 0], (-force * speed / p.mass)[:, 0]


@pytest.mark.parametrize("model", MODELS)
def test_shortening_costs_more_and_lengthening_less_than_holding(model) -> None:  # type: ignore[no-untyped-def]
    velocity = np.linspace(-0.6, 0.3, 91)
    rate, power = sweep(model, velocity)
    still = rate[np.abs(velocity).argmin()]
    assert (rate[velocity < -0.02] > still).all()  # Fenn: shortening liberates extra energy
    assert (rate[(velocity > 0.02) & (velocity < 0.2)] < still).all()
    fast_stretch = velocity > 0.1
    heat = rate - power
    assert (heat[fast_stretch] > 0).all()  # absorbed work leaves as heat
    assert (np.diff(heat[fast_stretch]) > 0).all()
    assert (rate >= 0).all()


@pytest.mark.parametrize(("model", "low", "high"), [(MODELS[0], 0.3, 0.45), (MODELS[1], 0.4, 0.55)])
def test_efficiency_peaks_in_moderate_shortening(model, low, high) -> None:  # type: ignore[no-untyped-def]
    velocity = np.linspace(-0.99, -0.01, 197)
    rate, power = sweep(model, velocity)
    efficiency = power / rate
    best = int(efficiency.argmax())
    assert low < efficiency[best] < high
    assert -0.45 < velocity[best] < -0.1
    assert efficiency[0] < 0.1
    assert efficiency[-1] < 0.15


@pytest.mark.parametrize("model", MODELS)
def test_rate_is_proportional_to_muscle_mass(model) -> None:  # type: ignore[no-untyped-def]
    """Twice the force at the same fiber length is twice the muscle: twice the cost."""
    p = parameters()
    double = replace(
        p, max_isometric_force=2 * p.max_isometric_force, element_force=2 * p.element_force,
        mass=2 * p.mass,
    )  # fmt: skip
    u, a, length, v, force = state(p, 50)
    one, two = model(u, a, length, v, force, p), model(u, a, length, v, 2 * force, double)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_lengthening_absorbs_work_but_never_stores_it(model) -> None:  # type: ignore[no-untyped-def]
    p = parameters()
    u, a, length, v, force = state(p, 200)
    rate = model(np.zeros_like(u), a, length, np.abs(v), force, p)
    assert (rate >= 0).all()
    assert (rate == 0).any()  # strong stretch: the clamp is at work


def test_muscle_mass_and_gross_rate() -> None:
    # 1000 N at 25 N/cm^2 is 40 cm^2; times 10 cm is 400 cm^3 of muscle.
    assert energy.muscle_mass(np.array([1000.0]), np.array([0.1])) == pytest.approx(0.42388)
    rate = np.full((3, 5), 10.0)
    assert energy.gross_rate(rate, 75.0) == pytest.approx(50 + 90)


@pytest.mark.parametrize("name", models.available())
def test_models_weigh_their_muscles_by_the_same_rule(name: str) -> None:
    p = models.load(name).muscle
    mass = energy.muscle_mass(p.max_isometric_force, p.optimal_fiber_length, p.specific_tension)
    np.testing.assert_allclose(p.mass, mass, rtol=1e-12)
