"""Inverse kinematics: exact recovery, optimality, limits, gaps, smoothing and mistakes."""

import numpy as np
import pytest
from leg import ANKLE, KNEE, Leg, markers_at, walk

from bioenv.errors import BioenvError
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.marker_fit import MarkerFit
from bioenv.inverse.marker_links import Links


@pytest.fixture
def leg() -> Leg:
    return Leg()


@pytest.mark.parametrize("heading", [0.0, np.pi / 2, np.pi])
def test_noise_free_markers_give_the_coordinates_back(leg, heading):
    time, q = walk(leg, 250, heading)
    found = inverse_kinematics(leg, time, leg.marker_names, markers_at(leg, q))
    np.testing.assert_allclose(found.q, q, atol=1e-8)
    assert set(found.status) == {"solved"}
    assert found.maximum.max() < 1e-8
    assert found.notes == ()


def test_a_turn_of_two_circles_is_followed(leg):
    time, q = walk(leg, 300)
    q[:, 3] = np.linspace(0.0, 4 * np.pi, len(q))
    found = inverse_kinematics(leg, time, leg.marker_names, markers_at(leg, q))
    turned = found.q[:, 3] - q[:, 3]
    np.testing.assert_allclose(turned, turned[0], atol=1e-8)
    np.testing.assert_allclose(np.cos(turned), 1.0, atol=1e-8)


def test_derivatives_are_those_of_the_markers(leg):
    rng = np.random.default_rng(1)
    free = np.flatnonzero(leg.independent)
    measured = rng.normal(size=(5, len(leg.markers), 3)) + np.array([7.0, 0.0, 1.0])
    measured[2, 3] = np.nan
    weights = rng.uniform(0.5, 2.0, len(leg.markers))
    fit = MarkerFit(leg, Links(leg, leg.markers), measured, weights, free)
    z, rows, h = rng.normal(size=(5, len(free))) * 0.4, np.arange(5), 1e-6
    apart = np.nan_to_num(markers_at(leg, fit.coordinates(z)) - measured)
    here = fit.evaluate(rows, z, np.ones(5))
    np.testing.assert_allclose(here.cost, 0.5 * np.einsum("m,tmi->t", weights, apart**2))
    slope, bend, lever = [], [], []
    for step in np.eye(len(free)) * h:
        up, down = (fit.evaluate(rows, z + s, np.ones(5)) for s in (step, -step))
        slope.append((up.cost - down.cost) / (2 * h))
        bend.append((up.gradient - down.gradient) / (2 * h))
        lever.append((fit.positions(rows, z + step) - fit.positions(rows, z - step)) / (2 * h))
    np.testing.assert_allclose(here.gradient, np.array(slope).T, atol=1e-6)
    error = here.hessian - np.moveaxis(bend, 0, 2)
    error[:, KNEE, KNEE] = 0.0  # the curvature of the knee's functions is left out
    np.testing.assert_allclose(error, 0.0, atol=1e-6)
    gauss = np.einsum("tm,ktmi,ltmi->tkl", fit.weight, lever, lever)
    plain = fit.evaluate(rows, z, np.array([0.0, 1.0, 0.0, 1.0, 0.0])).hessian
    np.testing.assert_allclose(plain[::2], gauss[::2], atol=1e-6)
    np.testing.assert_allclose(plain[1::2], here.hessian[1::2], atol=1e-12)


def cost_slope(leg, found, measured, weights):
    """(T, k) gradient of the marker cost by differences, independent of the fit's own."""
    slope, h = [], 1e-6
    for k in np.flatnonzero(leg.independent):
        step = h * np.eye(len(leg.coordinates))[k]
        costs = [
            0.5
            * np.nansum(weights[:, None] * (markers_at(leg, found.q + s) - measured) ** 2, (1, 2))
            for s in (step, -step)
        ]
        slope.append((costs[0] - costs[1]) / (2 * h))
    return np.array(slope).T


def test_noisy_markers_give_the_optimum_within_limits(leg):
    time, q = walk(leg)
    rng = np.random.default_rng(2)
    measured = markers_at(leg, q) + rng.normal(size=(len(q), len(leg.markers), 3)) * 0.02
    names, weights = leg.marker_names, rng.uniform(0.3, 3.0, len(leg.markers))
    given = dict(zip(names, weights, strict=True))
    found = inverse_kinematics(leg, time, names, measured, weights=given)
    assert np.abs(cost_slope(leg, found, measured, weights)).max() < 1e-7
    leg.clamped[[0, KNEE]] = True  # tx ends at 10 m: where one walks in the room has no limit
    leg.coordinate_range[KNEE] = 0.45, 0.75
    bound = inverse_kinematics(leg, time, names, measured, weights=given)
    knee, slope = bound.column("knee"), cost_slope(leg, bound, measured, weights)
    low, high = knee == 0.45, knee == 0.75
    assert min(low.sum(), high.sum()) > 5
    assert (slope[low, KNEE] > 0).all()
    assert (slope[high, KNEE] < 0).all()
    slope[low | high, KNEE] = 0.0
    assert np.abs(slope).max() < 1e-7
    assert any("knee is at the end of its range" in note for note in bound.notes)
    free = inverse_kinematics(leg, time, names, measured, weights=given, limits=False)
    np.testing.assert_allclose(free.q, found.q, atol=1e-8)


def test_markers_lost_for_a_while(leg):
    time, q = walk(leg)
    measured = markers_at(leg, q)
    measured[20:30, 10:13] = np.nan  # the foot: its ankle is open
    measured[40:42] = np.nan  # everything
    measured[50, :3] = np.nan  # one pelvis marker left: the rest still carries the fit
    found = inverse_kinematics(leg, time, leg.marker_names, measured)
    status = np.full(len(time), "solved", dtype="<U11")
    status[20:30], status[40:42] = "estimated", "unseen"
    np.testing.assert_array_equal(found.status, status)
    seen = status == "solved"
    np.testing.assert_allclose(found.q[seen], q[seen], atol=1e-8)
    gap = np.delete(found.q - q, ANKLE, axis=1)[20:30]
    np.testing.assert_allclose(gap, 0.0, atol=1e-6)
    assert np.abs(found.q - q)[20:30, ANKLE].max() < 0.03
    assert found.estimated[20:30].sum() == 10
    assert np.abs(found.q - q)[40:42].max() < 0.02
    assert any("do not determine ankle in 12 of 61" in note for note in found.notes)
    assert any("no marker is seen in 2 of 61" in note for note in found.notes)
    assert np.isnan(found.rms[40])


def test_markers_never_there(leg):
    time, q = walk(leg, 12)
    measured = markers_at(leg, q)
    measured[:, 10] = np.nan
    names = [*leg.marker_names[:10], *leg.marker_names[10:13], "head"]
    found = inverse_kinematics(leg, time, names, measured)
    np.testing.assert_allclose(found.q, q, atol=1e-8)
    assert found.unused == ("head",)
    assert found.missing == ("patella0",)
    assert any("never seen and left out: foot0" in note for note in found.notes)
    bare = inverse_kinematics(leg, time, leg.marker_names[:10], measured[:, :10])
    np.testing.assert_allclose(bare.column("ankle"), leg.default[ANKLE])
    assert any("no marker moves with ankle" in note for note in bare.notes)


def test_locked_coordinates_and_targets(leg):
    time, q = walk(leg, 9)
    leg.locked[ANKLE], leg.default[ANKLE] = True, 0.2
    held = inverse_kinematics(leg, time, leg.marker_names, markers_at(leg, q))
    np.testing.assert_array_equal(held.column("ankle"), 0.2)
    leg.locked[ANKLE] = False
    # tx alone answers the pelvis markers: sum w e^2 / sum w + c (x - target)^2.
    names, shift = leg.marker_names[:4], np.array([0.5, 0.0, 0.9])
    leg.locked[1:] = True
    at_rest = markers_at(leg, leg.default[None])[:, :4]
    pulled = inverse_kinematics(
        leg,
        [0.0],
        names,
        at_rest - [0, 0, 0.9] + shift,
        coordinate_weights={"tx": 3.0},
        coordinate_targets={"tx": 0.1},
    )
    np.testing.assert_allclose(pulled.column("tx"), (0.5 + 3.0 * 0.1) / 4.0, atol=1e-12)
    heavy = {"pelvis0": 2.0, "pelvis1": 0.0, "pelvis2": 1.0}
    apart = at_rest.copy()
    apart[0, 0, 0] += 0.3
    weighed = inverse_kinematics(leg, [0.0], names, apart, weights=heavy)
    np.testing.assert_allclose(weighed.column("tx"), 0.2, atol=1e-12)
    assert weighed.marker_names == ("pelvis0", "pelvis2")


def test_smoothing_halves_a_shake_at_its_frequency(leg):
    leg.locked[1:] = True  # the law holds for a coordinate that no other can stand in for
    time = np.arange(400) / 100
    q = np.tile(leg.default, (400, 1))
    q[:, 0] = np.sin(2 * np.pi * 0.3 * time) + 0.01 * np.sin(2 * np.pi * 12 * time)
    found = inverse_kinematics(leg, time, leg.marker_names, markers_at(leg, q), smooth=12.0)
    middle = slice(100, 300)
    shake = found.q[middle, 0] - np.sin(2 * np.pi * 0.3 * time[middle])
    np.testing.assert_allclose(shake, 0.5 * (q[:, 0] - np.sin(2 * np.pi * 0.3 * time))[middle],
                               atol=2e-4)  # fmt: skip
    with pytest.raises(BioenvError, match="half the sampling rate, 50 Hz; got 60"):
        inverse_kinematics(leg, time, leg.marker_names, markers_at(leg, q), smooth=60.0)
    time = time + 0.05 * (time > 2)
    with pytest.raises(BioenvError, match="evenly sampled"):
        inverse_kinematics(leg, time, leg.marker_names, markers_at(leg, q), smooth=6.0)


def test_mistakes_are_named(leg):
    time, q = walk(leg, 5)
    names, measured = leg.marker_names, markers_at(leg, q)
    wrong = [
        ((time, names[:-1], measured), {}, r"shape \(5, 13, 3\) for 5 frames and 13 names"),
        ((time[::-1], names, measured), {}, "increase"),
        ((time, [*names[:-1], names[0]], measured), {}, "more than once: pelvis0"),
        ((time, [f"m{i}" for i in range(14)], measured), {}, "none of the 14 markers"),
        ((time, names, np.full_like(measured, np.nan)), {}, "is seen in any frame"),
        ((time, names, measured * 1000), {}, "must be in meters"),
        ((time, names, measured), {"weights": {"patela0": 1.0}}, "did you mean 'patella0'"),
        ((time, names, measured), {"weights": {"pelvis0": -1.0}}, "must be 0 or more"),
        ((time, names, measured), {"coordinate_weights": {"kne": 1.0}}, "did you mean 'knee'"),
        ((time, names, measured), {"coordinate_targets": {"knee": [1.0]}}, r"have shape \(5,\)"),
    ]
    for given, options, message in wrong:
        with pytest.raises(BioenvError, match=message):
            inverse_kinematics(leg, *given, **options)
