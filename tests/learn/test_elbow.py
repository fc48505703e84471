"""The joint's physics-informed network against closed forms, bounds and its rivals."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import make_smoothing_spline
from scipy.optimize import least_squares

from bioenv.errors import BioenvError
from bioenv.learn.elbow_ode import NAMES, cramer_rao, simulate, torque_of
from bioenv.learn.fit import Status
from bioenv.learn.pinn import ElbowPINN

Array = NDArray[np.float64]

TRUE = (0.08, 0.3, 4.0)  # kg m^2, N m s/rad, N m/rad
TIME = np.linspace(0.0, 4.0, 30)
FINE = np.linspace(0.0, 4.0, 201)


def two_sines(t: Array) -> Array:
    """N m; below and above the joint's own 1.1 Hz."""
    return 1.0 * np.sin(2 * np.pi * 0.8 * t) + 1.5 * np.sin(2 * np.pi * 1.5 * t + 1.0)


NOISE = 0.05 * float(simulate(TIME, two_sines, *TRUE).angle.std())


def _noisy(seed: int, torque: object = two_sines, **start: float) -> Array:
    clean = simulate(TIME, torque, *TRUE, **start).angle
    return clean + NOISE * np.random.default_rng(seed).normal(size=len(TIME))


@cache
def _fitted(seed: int) -> ElbowPINN:
    return ElbowPINN(seed=seed).fit(TIME, _noisy(seed), two_sines)


def _wrong(elbow: ElbowPINN) -> Array:
    return np.array([elbow.parameters_[name] for name in NAMES]) / TRUE - 1.0


def test_the_free_joint_moves_as_its_closed_form() -> None:
    inertia, damping, stiffness = TRUE
    decay = damping / (2 * inertia)
    own = np.sqrt(stiffness / inertia - decay**2)
    found = simulate(TIME, 0.0, *TRUE, angle=0.7, velocity=-1.0)
    wave = 0.7 * np.cos(own * TIME) + (-1.0 + decay * 0.7) / own * np.sin(own * TIME)
    np.testing.assert_allclose(found.angle, np.exp(-decay * TIME) * wave, atol=1e-9)


def test_the_driven_joint_moves_as_an_integrator_says() -> None:
    def rate(t: float, y: Array) -> list[float]:
        torque = float(two_sines(np.array([t]))[0])
        return [y[1], (torque - TRUE[1] * y[1] - TRUE[2] * y[0]) / TRUE[0]]

    right = solve_ivp(rate, (0.0, 4.0), [0.1, 0.2], t_eval=TIME, rtol=1e-10, atol=1e-12)
    found = simulate(TIME, two_sines, *TRUE, angle=0.1, velocity=0.2)
    np.testing.assert_allclose(found.angle, right.y[0], atol=1e-5)
    np.testing.assert_allclose(found.velocity, right.y[1], atol=1e-4)
    balance = TRUE[0] * found.acceleration + TRUE[1] * found.velocity + TRUE[2] * found.angle
    np.testing.assert_allclose(balance, two_sines(TIME), atol=1e-4)


def test_the_bound_is_that_of_the_closed_form() -> None:
    """Only the stiffness unknown: variance noise^2 over the sum of squared sensitivities."""
    told = cramer_rao(
        TIME, 0.0, *TRUE, 0.01, angle=1.0, start_known=True, known=("inertia", "damping")
    )
    step = 1e-6
    up, down = (
        simulate(TIME, 0.0, 0.08, 0.3, 4.0 + sign * step, angle=1.0).angle for sign in (1, -1)
    )
    slope = (up - down) / (2 * step)
    assert told["stiffness"] == pytest.approx(0.01 / np.sqrt((slope**2).sum()), rel=1e-4)
    assert told["angle"] == pytest.approx(0.01 / np.sqrt(len(TIME)))


def test_a_swing_tells_only_ratios() -> None:
    told = cramer_rao(TIME, 0.0, *TRUE, 0.01, angle=0.8)
    assert all(told[name] == np.inf for name in NAMES)
    assert told["angle"] < 0.01
    known = cramer_rao(TIME, 0.0, *TRUE, 0.01, angle=0.8, known=("inertia",))
    assert known["stiffness"] < 0.1
    with pytest.raises(BioenvError, match="did you mean 'inertia'"):
        cramer_rao(TIME, 0.0, *TRUE, 0.01, known=("inertja",))


def test_the_bound_halves_with_the_noise_and_needs_a_torque() -> None:
    one, two = (cramer_rao(TIME, two_sines, *TRUE, noise) for noise in (0.02, 0.01))
    assert all(one[name] == pytest.approx(2 * two[name]) for name in NAMES)
    with pytest.raises(BioenvError, match="apply a torque"):
        cramer_rao(TIME, 0.0, *TRUE, 0.01)


def test_parameters_are_as_good_as_the_bound_allows() -> None:
    bound = cramer_rao(TIME, two_sines, *TRUE, NOISE)
    least = np.array([bound[name] for name in NAMES]) / TRUE
    for seed in range(3):
        elbow = _fitted(seed)
        assert elbow.status_ is Status.CONVERGED, elbow.message_
        assert (np.abs(_wrong(elbow)) < 3.0 * least).all()
        spread = np.array([elbow.deviation_[name] for name in NAMES]) / TRUE
        assert (np.abs(spread / least - 1.0) < 0.5).all()
    assert np.median([np.abs(_wrong(_fitted(seed))).max() for seed in range(3)]) < 0.03


def test_it_agrees_with_least_squares_on_the_exact_solution() -> None:
    angle = _noisy(0)

    def miss(p: Array) -> Array:
        got = simulate(TIME, two_sines, *np.exp(p[:3]), angle=p[3], velocity=p[4])
        return (got.angle - angle) / NOISE

    exact = least_squares(miss, [*np.log(TRUE), 0.0, 0.0])
    for name, value in zip(NAMES, np.exp(exact.x[:3]), strict=True):
        near = 0.1 * _fitted(0).deviation_[name]
        assert _fitted(0).parameters_[name] == pytest.approx(value, abs=near)


def test_the_trajectory_is_twice_as_good_as_the_best_smoothing_splines() -> None:
    truth = simulate(FINE, two_sines, *TRUE)
    ratio = []
    for seed in range(3):
        # The smoothing is chosen by the truth: cross-validation does worse.
        rough = np.geomspace(1e-8, 1e-3, 6)
        splines = [make_smoothing_spline(TIME, _noisy(seed), lam=x) for x in rough]
        best = min(np.std(one(FINE) - truth.angle) for one in splines)
        own = _fitted(seed).predict(FINE)
        ratio.append(np.std(own.angle - truth.angle) / best)
        for value, band, right in (
            (own.angle, own.angle_interval, truth.angle),
            (own.velocity, own.velocity_interval, truth.velocity),
            (own.acceleration, own.acceleration_interval, truth.acceleration),
        ):
            assert ((band[:, 0] < value) & (value < band[:, 1])).all()
            assert (np.abs(right - value) < (band[:, 1] - value) * 1.6).all()  # 3 deviations
    assert np.median(ratio) < 0.5


def test_left_alone_it_comes_to_rest_as_the_true_joint_does() -> None:
    later = np.linspace(4.0, 9.0, 251)[1:]
    guess = _fitted(0).predict(later, torque=0.0)
    inertia, _, stiffness = _fitted(0).parameters_.values()
    energy = 0.5 * inertia * guess.velocity**2 + 0.5 * stiffness * guess.angle**2
    assert (np.diff(energy) < 0).all()
    assert energy[-1] < 1e-5 * energy[0]
    end = simulate(FINE, two_sines, *TRUE)
    truth = simulate(
        np.r_[4.0, later], 0.0, *TRUE, angle=end.angle[-1], velocity=end.velocity[-1]
    ).angle[1:]
    assert np.abs(guess.angle - truth).max() < 0.05 * np.abs(truth).max()
    reach = (guess.angle_interval[:, 1] - guess.angle) * 1.6
    assert (np.abs(guess.angle - truth) < reach).all()
    both = _fitted(0).predict(np.r_[3.9, 4.0, 4.001])
    assert np.abs(np.diff(both.angle[1:])).max() < 0.01


def test_given_parameters_stay_and_sharpen_the_others() -> None:
    elbow = ElbowPINN(inertia=0.08).fit(TIME, _noisy(1), two_sines)
    assert elbow.inertia_ == 0.08
    assert elbow.deviation_["inertia"] == 0.0
    assert elbow.deviation_["stiffness"] < 0.6 * _fitted(1).deviation_["stiffness"]
    low, high = elbow.interval_["stiffness"]
    assert low < 4.0 < high


def test_a_swing_without_torque_needs_one_parameter() -> None:
    angle = _noisy(0, 0.0, angle=0.8)
    with pytest.raises(BioenvError, match="give a torque, or one of"):
        ElbowPINN().fit(TIME, angle)
    elbow = ElbowPINN(inertia=0.08).fit(TIME, angle)
    assert elbow.status_ is Status.CONVERGED, elbow.message_
    for name, true in (("damping", 0.3), ("stiffness", 4.0)):
        low, high = elbow.interval_[name]
        assert low < true < high
        assert high - low < 0.25 * true


def test_torque_samples_and_a_known_start() -> None:
    at = np.linspace(0.0, 4.0, 101)
    elbow = ElbowPINN(initial=(0.0, 0.0), noise=NOISE)
    elbow.fit(TIME, _noisy(0), (at, two_sines(at)))
    start = elbow.predict([0.0])
    assert (start.angle[0], start.velocity[0]) == (0.0, 0.0)
    assert elbow.noise_ == NOISE
    for name in NAMES:
        near = elbow.deviation_[name]
        assert elbow.parameters_[name] == pytest.approx(_fitted(0).parameters_[name], abs=near)
    with pytest.raises(BioenvError, match="cover 0 to 4 s"):
        elbow.predict([3.0, 5.0])


def test_a_torque_that_jumps_is_followed() -> None:
    def pulses(t: Array) -> Array:
        return 2.0 * (t > 0.5) - 1.0 * (t > 2.2)

    elbow = ElbowPINN().fit(TIME, _noisy(0, pulses), pulses)
    bound = cramer_rao(TIME, pulses, *TRUE, NOISE)
    assert elbow.status_ is Status.CONVERGED, elbow.message_
    for name, true in zip(NAMES, TRUE, strict=True):
        assert elbow.parameters_[name] == pytest.approx(true, abs=3 * bound[name])


def test_a_hidden_layer_and_no_nominal_answer_change_nothing_that_matters() -> None:
    elbow = ElbowPINN(hidden=(4,), nominal=False).fit(TIME, _noisy(0), two_sines)
    for name in NAMES:
        near = 0.1 * elbow.deviation_[name]
        assert elbow.parameters_[name] == pytest.approx(_fitted(0).parameters_[name], abs=near)


def test_a_torque_nobody_told_of_is_told() -> None:
    def burst(t: Array) -> Array:
        return two_sines(t) + 2.0 * np.exp(-(((t - 2.0) / 0.1) ** 2))

    elbow = ElbowPINN().fit(TIME, _noisy(1, burst), two_sines)
    assert elbow.status_ is Status.LARGE_RESIDUAL
    assert "the samples refute the strict equation" in elbow.message_
    truth = simulate(FINE, burst, *TRUE).angle
    assert np.std(elbow.predict(FINE).angle - truth) < 1.5 * NOISE


def test_samples_that_are_only_noise_identify_nothing() -> None:
    angle = np.random.default_rng(0).normal(size=30)
    elbow = ElbowPINN().fit(TIME, angle, two_sines)
    assert elbow.status_ is Status.LARGE_RESIDUAL
    assert all(np.isfinite(value) for value in elbow.parameters_.values())


def test_the_same_seed_gives_the_same_numbers() -> None:
    again = ElbowPINN(seed=2).fit(TIME, _noisy(2), two_sines)
    assert again.parameters_ == _fitted(2).parameters_


def _changed(values: Array, at: int, value: float) -> Array:
    out = values.copy()
    out[at] = value
    return out


@pytest.mark.parametrize(
    ("time", "angle", "torque", "told"),
    [
        (TIME, _changed(_noisy(0), 7, np.nan), two_sines, "angle is not finite in sample 7"),
        (_changed(TIME, 3, np.inf), _noisy(0), two_sines, "time is not finite in sample 3"),
        (TIME[::-1], _noisy(0), two_sines, "sort the samples"),
        (_changed(TIME, 3, TIME[2]), _noisy(0), two_sines, "sample 3 does not"),
        (TIME[:7], _noisy(0)[:7], two_sines, "at least 8 samples"),
        (TIME, _noisy(0)[:-1], two_sines, "same N"),
        (TIME, np.ones(30), two_sines, "never changes"),
        (TIME, 57.0 * _noisy(0), two_sines, "radians"),
        (TIME, _noisy(0), lambda t: t / 0.0 if (t > 1).any() else t, "not finite"),
        (TIME, _noisy(0), lambda t: np.ones((2, 3)), "one N m per instant"),
        (TIME, _noisy(0), np.ones(7), "as many times as values"),
        (TIME, _noisy(0), (TIME[:9], np.ones(9)), "cover"),
        (TIME, _noisy(0), "2 N m", "torque must be a function"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_bad_samples_are_refused(time: Array, angle: Array, torque: object, told: str) -> None:
    with pytest.raises(BioenvError, match=told):
        ElbowPINN().fit(time, angle, torque)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"inertia": 0.0}, "inertia"),
        ({"stiffness": float("nan")}, "stiffness"),
        ({"noise": -0.1}, "noise"),
        ({"highest": -1.0}, "highest"),
        ({"highest": 900.0}, "lower `highest`"),
        ({"initial": (0.0, float("inf"))}, "initial"),
        ({"collocation": 2}, "collocation"),
        ({"method": "newton"}, "levenberg-marquardt"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], told: str) -> None:
    with pytest.raises(BioenvError, match=told):
        ElbowPINN(**settings).fit(TIME, _noisy(0), two_sines)


def test_the_past_is_not_told() -> None:
    with pytest.raises(BioenvError, match="before the first sample"):
        _fitted(0).predict([-0.1, 0.5])
    with pytest.raises(BioenvError, match="call fit"):
        ElbowPINN().predict([0.5])


def test_torque_samples_follow_their_curve() -> None:
    at = np.linspace(0.0, 4.0, 81)
    one = torque_of(lambda t: 2.0 if t < 1.0 else 0.0)(np.array([0.5, 1.5]))  # of one instant
    assert one.tolist() == [2.0, 0.0]
    np.testing.assert_allclose(torque_of((at, two_sines(at)))(FINE), two_sines(FINE), atol=3e-3)
