"""The safety filter's closed forms: projection, forward invariance, doubt, fallback."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from bioenv.envs.assist import Estimate, Limits, Readings, SafetyFilter
from bioenv.errors import BioenvError

FILTER = SafetyFilter()
SAFE = FILTER.limits


def readings(angle, speed=0.0, ground=0.0, forefoot=0.0, tendon=0.0) -> Readings:
    shape = np.broadcast_shapes(*(np.shape(one) for one in (angle, speed, ground, forefoot)))
    return Readings(*(np.broadcast_to(np.asarray(one, float), shape)
                      for one in (angle, speed, ground, forefoot, tendon)))  # fmt: skip


def estimate(load=0.0, deviation=0.0, flag=False, state=0.0, shape=(1, 2)) -> Estimate:
    return Estimate(
        np.full(shape, float(load)), np.full(shape, float(deviation)),
        np.full(shape[0], flag), np.full(shape, float(state)),
    )  # fmt: skip


def decide(filter_, asked, previous, seen, acceleration=0.0, guess=None, trusted=True):
    shape = seen.angle.shape
    return filter_(
        np.broadcast_to(np.asarray(asked, float), shape),
        np.broadcast_to(np.asarray(previous, float), shape),
        seen,
        np.broadcast_to(np.asarray(acceleration, float), shape),
        guess if guess is not None else estimate(shape=shape),
        np.broadcast_to(trusted, shape),
    )


def drawn(num: int, seed: int = 0):
    """Random situations inside and outside of the limits."""
    rng = np.random.default_rng(seed)
    seen = Readings(
        rng.uniform(-1.0, 0.7, (num, 2)), rng.uniform(-15.0, 15.0, (num, 2)),
        rng.uniform(0.0, 1500.0, (num, 2)), rng.uniform(0.0, 1000.0, (num, 2)),
        rng.uniform(0.0, 4000.0, (num, 2)),
    )  # fmt: skip
    guess = Estimate(
        rng.uniform(0.0, 8.0, (num, 2)), rng.uniform(0.0, 1.0, (num, 2)),
        rng.uniform(size=num) < 0.1, rng.uniform(0.0, 0.05, (num, 2)),
    )  # fmt: skip
    asked = rng.uniform(-150.0, 150.0, (num, 2))
    previous = rng.uniform(*SAFE.torque, (num, 2))
    acceleration = rng.normal(0.0, 200.0, (num, 2))
    return asked, previous, seen, acceleration, guess, rng.uniform(size=(num, 2)) > 0.1


def test_torque_and_rate_hold_whatever_is_asked_and_read():
    asked, previous, seen, acceleration, guess, trusted = drawn(2000)
    asked[:50], asked[50:100], asked[100:150] = np.nan, np.inf, -np.inf
    for field in seen:
        field[150:200] = np.nan
    trusted[150:200] = False
    torque = FILTER(asked, previous, seen, acceleration, guess, trusted).torque
    assert np.isfinite(torque).all()
    assert (torque >= SAFE.torque[0]).all()
    assert (torque <= SAFE.torque[1]).all()
    assert np.abs(torque - previous).max() <= SAFE.torque_rate * FILTER.dt + 1e-9


def test_it_is_the_quadratic_program():
    """Against a numerical solver, where the bounds meet; and within its own interval always."""
    case = drawn(400, seed=1)
    out = FILTER(*case)
    wish = np.where(out.fallback, 0.0, case[0])
    meets = out.lower <= out.upper
    assert meets.mean() > 0.5
    assert (out.torque >= out.lower - 1e-9)[meets].all()
    assert (out.torque <= out.upper + 1e-9)[meets].all()
    rows = np.argwhere(meets)[:: max(1, int(meets.sum()) // 25)]
    for row in map(tuple, rows):
        inside = LinearConstraint([[1.0]], out.lower[row], out.upper[row])
        found = minimize(
            lambda u, w=wish[row]: (u[0] - w) ** 2, [0.5 * (out.lower[row] + out.upper[row])],
            jac=lambda u, w=wish[row]: 2.0 * (u - w), constraints=[inside], method="SLSQP",
        )  # fmt: skip
        assert out.torque[row] == pytest.approx(found.x[0], abs=1e-4)


def test_what_is_safe_is_left_alone():
    """Middle of stance, a little load, a torque that grows slowly: nothing is changed."""
    seen = readings(np.full((1, 2), 0.1), ground=700.0, forefoot=500.0)
    out = decide(FILTER, -22.0, -20.0, seen, guess=estimate(2.0, 0.1))
    np.testing.assert_array_equal(out.torque, -22.0)
    assert not out.changed.any()
    assert not out.fallback.any()


def test_priorities_where_barriers_contradict_each_other():
    """Bent beyond the limit under too high a load: the brake against bending wins, as strong as it
    may be."""
    seen = readings(np.full((1, 2), 0.8), speed=3.0, ground=900.0, forefoot=900.0)
    out = decide(FILTER, 15.0, 0.0, seen, guess=estimate(9.0, 0.5))
    np.testing.assert_allclose(out.torque, -FILTER.brake_most)


@pytest.mark.parametrize("inertia_share", [0.2, 0.5, 1.0])
def test_device_alone_never_brings_a_free_joint_out(inertia_share):
    """Double integrator v' = b u with b from p dt / brake (0.11) to all of the assumed one, started
    at rest anywhere inside, asked for the worst of three wishes: angle and speed stay inside."""
    rng, num = np.random.default_rng(2), 300
    # an unloaded foot may be pushed down and up, which the device forbids by default
    filter_ = replace(FILTER, swing_angle=-0.6, push_speed=(6.0, 6.0))
    b, dt = inertia_share * filter_.inverse_inertia, filter_.dt
    angle = rng.uniform(SAFE.angle[0] + 0.1, SAFE.angle[1] - 0.1, (num, 2))
    speed, torque, before = np.zeros((3, num, 2))
    kind = np.arange(num) % 3
    for step in range(600):
        pump, far = np.sign(speed + 1e-12), np.where(step // 20 % 2, 1.0, -1.0)
        noise = rng.uniform(-1.0, 1.0, (num, 2))
        asked = 200.0 * np.select([kind[:, None] == 0, kind[:, None] == 1], [pump, far], noise)
        seen = readings(angle, speed)
        torque = decide(filter_, asked, torque, seen, (speed - before) / dt).torque
        before = speed.copy()
        speed = speed + b * torque * dt
        angle = angle + speed * dt
        assert np.abs(speed).max() <= SAFE.speed
        assert angle.max() <= SAFE.angle[1]
        assert angle.min() >= SAFE.angle[0]


def test_letting_go_at_once_is_always_in_time():
    """The bound on pushes is recursive: from the bound, torque u - R dt is within the next one, and
    the speed that a free joint has gained when the torque is gone is the reserve."""
    rate, dt, b = SAFE.torque_rate, FILTER.dt, FILTER.inverse_inertia
    reserve = np.linspace(0.05, 12.0, 60)
    torque, speed = FILTER.push(reserve), np.zeros(60)
    for _ in range(40):
        speed = speed + b * torque * dt
        torque = np.maximum(torque - rate * dt, 0.0)
        assert (torque <= FILTER.push(reserve - speed) + 1e-9).all()
    assert (torque == 0.0).all()
    assert (speed <= reserve + 1e-9).all()
    # exact but for the last, broken sample
    assert (speed >= reserve - b * rate * dt * dt).all()


def test_unloaded_feet_are_not_pushed_down_and_loaded_ones_are():
    angle = np.zeros((1, 2))
    free = decide(FILTER, -50.0, 0.0, readings(angle))
    np.testing.assert_array_equal(free.torque, 0.0)
    heel = decide(FILTER, -50.0, 0.0, readings(angle, ground=700.0))
    np.testing.assert_array_equal(heel.torque, 0.0)
    loaded = decide(FILTER, -50.0, -40.0, readings(angle, ground=700.0, forefoot=700.0))
    assert (loaded.torque < -40.0).all()
    lifted = decide(FILTER, 15.0, 0.0, readings(angle))
    np.testing.assert_array_equal(lifted.torque, 0.0)  # it lifts no foot


def test_it_brakes_what_is_too_fast_but_not_a_crash():
    fast = readings(np.zeros((1, 2)), speed=-10.5, ground=700.0)
    gain = FILTER.brake / (FILTER.inverse_inertia * FILTER.dt)
    too_fast = 10.5 - (SAFE.speed - FILTER.speed_margin)
    np.testing.assert_allclose(decide(FILTER, 0.0, 0.0, fast).torque, gain * too_fast)
    crash = readings(np.zeros((1, 2)), speed=-12.0, ground=2500.0)
    np.testing.assert_array_equal(decide(FILTER, 0.0, 0.0, crash).torque, 0.0)


def test_limits_come_nearer_with_doubt():
    """Each standard deviation costs k of it: to the number, for load and for angle."""
    per = FILTER.load_per_torque + FILTER.load_growth / SAFE.torque_rate
    seen = readings(np.full((1, 2), 0.1), ground=900.0, forefoot=900.0)
    caps = []
    for deviation in (0.05, 0.1, 0.15):
        guess = estimate(5.5, deviation)
        caps.append(decide(FILTER, -50.0, -5.0, seen, guess=guess).torque[0, 0])
    np.testing.assert_allclose(np.diff(caps), FILTER.deviations * 0.05 / per, rtol=1e-9)
    near = SAFE.angle[1] - 0.1
    certain = decide(FILTER, 0.0, 0.0, readings(np.full((1, 2), near), speed=2.0))
    doubtful = decide(
        FILTER, 0.0, 0.0, readings(np.full((1, 2), near), speed=2.0), guess=estimate(state=0.02)
    )
    gain = FILTER.brake / (FILTER.inverse_inertia * FILTER.dt)
    np.testing.assert_allclose(
        certain.torque - doubtful.torque, gain * FILTER.approach * FILTER.deviations * 0.02
    )


@pytest.mark.parametrize("reason", ["flag", "nan load", "nan deviation", "negative", "sensors"])
def test_fallback_takes_the_torque_to_zero_at_the_devices_rate(reason):
    seen, torque = (
        readings(np.full((1, 2), 0.1), ground=900.0, forefoot=900.0),
        -np.full((1, 2), 45.0),
    )
    guess = {
        "flag": estimate(1.0, 0.1, flag=True), "nan load": estimate(np.nan, 0.1),
        "nan deviation": estimate(1.0, np.nan), "negative": estimate(1.0, -0.1),
        "sensors": estimate(1.0, 0.1),
    }[reason]  # fmt: skip
    step = SAFE.torque_rate * FILTER.dt
    for expected in (-45.0 + step, -45.0 + 2 * step, -45.0 + 3 * step, 0.0, 0.0):
        out = decide(FILTER, -50.0, torque, seen, guess=guess, trusted=reason != "sensors")
        torque = out.torque
        assert out.fallback.all()
        np.testing.assert_allclose(torque, expected, atol=1e-9)


def test_rows_do_not_see_each_other():
    case = drawn(64, seed=5)
    whole = FILTER(*case)
    for row in (0, 17, 63):
        one = [
            type(part)(*(np.atleast_1d(field[row : row + 1]) for field in part))
            if isinstance(part, tuple)
            else part[row : row + 1]
            for part in case
        ]
        np.testing.assert_array_equal(FILTER(*one).torque, whole.torque[row : row + 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(angle=(0.1, 0.5)), "limit angle must be"),
        (lambda: Limits(torque=(5.0, -5.0)), "limit torque must be"),
        (lambda: Limits(speed=0.0), "limit speed must be a positive number, got 0"),
        (lambda: Limits(load=np.nan), "limit load must be a positive number"),
        (lambda: SafetyFilter(dt=-1.0), "dt must be a positive number, got -1"),
        (lambda: SafetyFilter(push_speed=(6.0, -1.0)), "push_speed must be a positive number"),
        (lambda: SafetyFilter(approach=200.0), "too fast for samples of 0.00666667 s"),
        (lambda: SafetyFilter(push_margin=1.0), "leave no room inside the limits"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(BioenvError, match=message):
        make()
