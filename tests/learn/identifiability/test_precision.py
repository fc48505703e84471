"""Bounds against closed forms and re-estimation; profiles and their open ends; the ranking."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from identifiability_cases import ARM, DRIVE, F0, FIBER, SLACK, line, springs

from bioenv.errors import BioenvError
from bioenv.learn.elbow_ode import cramer_rao
from bioenv.learn.identifiability import (
    Equations,
    Experiment,
    Movement,
    Output,
    Parameter,
    Typical,
    extras,
    identifiability,
    monte_carlo,
    precision,
    profile,
    profiles,
    rank,
    ready,
    refit,
)

torch.set_num_threads(1)
KNOWN_ARM = {DRIVE: 0.0, ARM: 0.05}
POSTURES = (0.6, 1.2, 1.8)


def _joint() -> Experiment:
    """The linear joint of :mod:`bioenv.learn.elbow_ode`."""
    names = ("inertia", "damping", "stiffness", "angle", "velocity")

    def rate(x, p, u):  # type: ignore[no-untyped-def]
        torque = u["torque"] - p["damping"] * x["velocity"] - p["stiffness"] * x["angle"]
        return {"angle": x["velocity"], "velocity": torque / p["inertia"]}

    equations = Equations(
        lambda values: {name: values[..., i] for i, name in enumerate(names)},
        rate,
        lambda x, p, u: {"angle": x["angle"]},
        lambda p: {"angle": p["angle"], "velocity": p["velocity"]},
        lambda time: {"torque": torch.sin(5.0 * time) + torch.sin(9.0 * time)},
        Typical({}, {}),
    )
    parameters = (
        Parameter("inertia", 0.08, "kg m^2"),
        Parameter("damping", 0.3, "N m s/rad"),
        Parameter("stiffness", 4.0, "N m/rad"),
        Parameter("angle", 0.1, "rad", size=1.0, nuisance=True),
        Parameter("velocity", 0.2, "rad/s", size=1.0, nuisance=True),
    )
    movement = Movement(equations, 2.0, 50.0, 4)
    return Experiment("joint", parameters, (Output("angle", "rad", 0.02),), movement, equations)


# Cramér-Rao ---------------------------------------------------------------------------------------


def test_the_bound_of_a_line_is_the_textbooks() -> None:
    t = np.linspace(0.0, 1.0, 11)
    found = precision(line(0.1))
    spread = ((t - t.mean()) ** 2).sum()
    np.testing.assert_allclose(found.deviation["slope"], 0.1 / np.sqrt(spread))
    np.testing.assert_allclose(
        found.deviation["offset"], 0.1 * np.sqrt(1 / 11 + t.mean() ** 2 / spread)
    )
    wanted = -t.mean() / np.sqrt((t**2).mean())
    np.testing.assert_allclose(found.correlation[0, 1], wanted)
    ((one, other, size),) = found.pairs(0.8)
    assert (one, other) == ("offset", "slope")
    np.testing.assert_allclose(size, wanted)
    assert found.pairs(0.95) == ()


def test_the_bound_of_the_linear_joint_agrees_with_the_exact_solutions() -> None:
    time = np.linspace(0.0, 2.0, 101)
    wanted = cramer_rao(
        time, lambda t: np.sin(5 * t) + np.sin(9 * t), 0.08, 0.3, 4.0, 0.02, angle=0.1, velocity=0.2
    )
    found = precision(_joint()).deviation
    for name in ("inertia", "damping", "stiffness"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4)


def test_what_is_known_beforehand_adds_information() -> None:
    alone = precision(line()).information
    known = precision(line().knowing(slope=0.2)).information
    np.testing.assert_allclose(known - alone, np.diag([0.0, 25.0]), atol=1e-9)
    fixed = precision(line().knowing(slope=0.0))
    np.testing.assert_allclose(fixed.deviation["offset"], 0.1 / np.sqrt(11))


def test_half_the_noise_is_half_the_bound_and_four_times_the_samples_as_well() -> None:
    one = ready("elbow-isometric", postures=POSTURES).knowing(KNOWN_ARM | {ARM: 0.0})
    half = precision(one.noisy(torque=0.15))
    more = precision(ready("elbow-isometric", postures=POSTURES, repeats=40).like(one))
    for name, share in precision(one).share.items():
        np.testing.assert_allclose([half.share[name], more.share[name]], share / 2)


def test_untold_parameters_are_infinite_and_their_product_is_not() -> None:
    found = precision(ready("elbow-isometric").knowing({DRIVE: 0.0, FIBER: 0.0, SLACK: 0.0}))
    assert found.share == {F0: np.inf, ARM: np.inf}
    torque = ready("elbow-isometric").evaluate(torch.zeros(5, dtype=torch.float64))[0, 0]
    np.testing.assert_allclose(found.of({F0: 1.0, ARM: 1.0}), 0.3 / np.sqrt(10) / float(torque))
    assert found.of({F0: 1.0}) == found.of({F0: 1.0, ARM: -1.0}) == np.inf
    assert found.directions[0].deviation == np.inf
    np.testing.assert_allclose(np.abs(list(found.directions[0].parts.values())), np.sqrt(0.5))
    with pytest.raises(BioenvError, match="unknown parameter 'mass'"):
        found.of({"mass": 1.0})


def test_the_sum_of_two_springs_is_as_sure_as_one_alone() -> None:
    both, one = precision(springs()), precision(springs().knowing(right=0.0))
    assert both.share["left"] == np.inf
    weights = {"left": 0.6, "right": 0.4}  # d log(sum), in steps of logarithms
    np.testing.assert_allclose(both.of(weights) * 500.0, one.deviation["left"], rtol=1e-6)


# Re-estimation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: ready("elbow-isometric", postures=POSTURES).knowing(KNOWN_ARM),
        lambda: ready("elbow-isometric", postures=POSTURES).knowing({DRIVE: 0.0}),
        lambda: ready("gait-muscle", noise=1.0).knowing(moment_arm=0.03),
        lambda: ready("pendulum", duration=1.0, rate=50.0, motor=1.0),
        springs,
    ],
    ids=["arm known to 5 %", "arm unknown", "gait", "swing", "springs"],
)  # fmt: skip
def test_a_thousand_estimates_vary_as_the_bound_says(make) -> None:  # type: ignore[no-untyped-def]
    check = monte_carlo(make(), 1000, seed=0)
    assert check.converged == 1.0
    assert len(check.rows) >= 2
    assert check.worst < 0.1, {row.name: row.ratio for row in check.rows}
    for row in check.rows:
        assert abs(row.bias) < 0.2 * row.bound


def test_estimates_from_far_away_find_the_same() -> None:
    one = ready("elbow-isometric", postures=POSTURES).knowing({DRIVE: 0.0, ARM: 0.0})
    truth = one.evaluate(torch.zeros(3, dtype=torch.float64))
    noise = torch.randn(4, *truth.shape, generator=torch.Generator().manual_seed(0)).double()
    data = truth + 0.3 * noise
    near = refit(one, data)
    far = refit(one, data, start=torch.full((4, 3), 0.15, dtype=torch.float64))
    assert near.converged.all()
    assert far.converged.all()
    bound = list(precision(one).share.values())
    assert (np.abs(near.steps - far.steps) < 0.03 * np.array(bound)).all()


def test_data_of_another_shape_are_refused() -> None:
    with pytest.raises(BioenvError, match=r"end in 1 outputs \(place\)"):
        refit(line(), torch.zeros(3, 11, 2, dtype=torch.float64))
    with pytest.raises(BioenvError, match="must be finite"):
        refit(line(), torch.full((3, 11, 1), torch.nan, dtype=torch.float64))


# Profiles -----------------------------------------------------------------------------------------


def test_the_profile_of_a_linear_parameter_is_its_parabola() -> None:
    found = profile(line(), "slope")
    deviation = precision(line()).deviation["slope"]
    np.testing.assert_allclose(found.worse, ((found.values - 3.0) / deviation) ** 2, rtol=1e-6,
                               atol=1e-9)  # fmt: skip
    np.testing.assert_allclose(found.interval, [3 - 1.96 * deviation, 3 + 1.96 * deviation],
                               rtol=1e-3)  # fmt: skip
    assert found.told
    assert found.converged


def test_a_profile_from_data_is_centered_on_their_estimate() -> None:
    one = line()
    data = one.evaluate(torch.tensor([0.05, -0.1], dtype=torch.float64))
    found = profile(one, "slope", data)
    np.testing.assert_allclose(found.best, 2.9, rtol=1e-6)
    np.testing.assert_allclose(np.mean(found.interval), 2.9, rtol=1e-4)


def test_an_untold_parameter_has_an_open_interval() -> None:
    """Lengths and arm may shrink together without end, and grow until no tendon is left."""
    one = ready("elbow-isometric", postures=POSTURES).knowing({DRIVE: 0.0})
    by_name = {found.name: found for found in profiles(one)}
    assert {name: found.open_ for name, found in by_name.items()} == {
        F0: "above", ARM: "below", FIBER: "below", SLACK: "below"
    }  # fmt: skip
    length, slack = 0.3715145, one.free[3].value
    most = length / (length - slack)  # of the arm, where the slack length is none
    np.testing.assert_allclose(by_name[ARM].interval[1] / one.free[1].value, most, rtol=0.02)
    told = profile(one.knowing({ARM: 0.05}), F0)
    assert told.told
    bound = precision(one.knowing({ARM: 0.05})).share[F0]
    np.testing.assert_allclose(np.log(told.interval[1] / told.interval[0]), 2 * 1.96 * bound,
                               rtol=0.02)  # fmt: skip


def test_structurally_told_is_not_practically_told() -> None:
    """A passive force of 1 N in 600 tells strength from drive, were there no noise."""
    one = ready("elbow-isometric", postures=POSTURES, levels=(0.5, 1.0)).knowing(moment_arm=0.0)
    found = identifiability(one, {})
    assert F0 in found.structure.told
    assert found.verdict(F0) == "vague"
    low, high = profile(one, F0).interval
    assert high > 10.0 * low
    assert identifiability(one.measuring("torque", "emg"), {}).verdict(F0) == "told"


def test_bad_profiles_get_one_clear_error() -> None:
    with pytest.raises(BioenvError, match="unknown parameter that is sought 'slop'"):
        profile(line(), "slop")
    with pytest.raises(BioenvError, match="level must be between 0 and 1"):
        profile(line(), "slope", level=95.0)


# Design -------------------------------------------------------------------------------------------


def test_the_ranking_names_what_tells_most() -> None:
    swing = ready("pendulum", duration=1.0)
    gains = {one.name: one for one in rank(swing, extras("pendulum", swing, duration=1.0))}
    assert next(iter(gains)) == "measure reaction_z"
    assert gains["measure reaction_z"].newly_told == (
        "mass", "center_of_mass", "inertia", "damping"
    )  # fmt: skip
    assert gains["a known motor torque of 1 N m"].newly_told == ("inertia", "damping")
    assert gains["know mass to 5 %"].newly_told == ("mass",)
    assert gains["twice the sampling rate"].newly_told == ()


@pytest.mark.parametrize("criterion", ["D", "A", "worst"])
def test_nothing_added_makes_anything_worse(criterion: str) -> None:
    one = ready("elbow-isometric")
    gains = rank(one, extras("elbow-isometric", one), criterion=criterion)
    assert len(gains) > 8
    for gain in gains:
        assert gain.volume >= 1.0 - 1e-9
        assert gain.variance <= 1.0 + 1e-9
        assert gain.worst[1] <= gain.before + 1e-9
    by = [gain.by(criterion) for gain in gains]
    assert by == sorted(by)


def test_only_two_loads_tell_the_scale_of_a_movement() -> None:
    """A known mass in the hand is no scale when every trial has it: I + m l^2 is one number."""
    one = ready("elbow", duration=1.0).knowing({ARM: 0.0, DRIVE: 0.0})
    name = "a second trial, with 1 kg in the hand"
    (gain,) = rank(one, {name: extras("elbow", one, duration=1.0)[name]})
    assert set(gain.newly_told) == {"inertia", "damping", "stiffness", F0}
    loaded = ready("elbow", duration=1.0, load=1.0).like(one)
    assert set(precision(loaded).told) == set(precision(one).told)


def test_bad_designs_get_one_clear_error() -> None:
    with pytest.raises(BioenvError, match="unknown criterion 'E'"):
        rank(line(), criterion="E")
    with pytest.raises(BioenvError, match="lacks offset, slope"):
        rank(line(), {"other": springs()})
