"""Identification finds the body that a trial was made with, and says what the trial cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from identify_cases import LABORATORY, ROUGH, arm, other_body, seen, shaken, walk

from bioenv import models
from bioenv.diff import Dynamics
from bioenv.errors import BioenvError
from bioenv.learn.fit import Status
from bioenv.learn.identify import Identify
from bioenv.learn.identify_equations import Equations
from bioenv.learn.identify_model import applied, grouped
from bioenv.learn.identify_solver import correlation_time
from bioenv.learn.identify_trial import TrialNoise, trial
from bioenv.motion import Motion

torch.set_num_threads(1)
WALKER, ARM = models.load("walker2d"), models.load("arm26")


@pytest.fixture(scope="module")
def walked() -> Motion:
    return walk()


@pytest.fixture(scope="module")
def moved() -> Motion:
    return arm()


def _off(found: Identify, truth: dict[str, float]) -> np.ndarray:
    return np.array([found.values_[name] - truth[name] for name in found.names])


def _covered(found: Identify, truth: dict[str, float]) -> np.ndarray:
    return np.array([low <= truth[n] <= high for n, (low, high) in found.intervals_.items()])


# Recovery ----------------------------------------------------------------------------------------


def test_strengths_and_slack_lengths_of_a_simulated_arm(moved: Motion) -> None:
    wrong, truth = other_body(ARM, 0, strength=0.2, slack=0.03)
    found = Identify(wrong, strengths="all", tendon_slack_lengths="all").fit(moved)
    assert found.status_ is Status.CONVERGED
    assert np.abs(_off(found, truth)).max() < 1e-3
    assert _covered(found, truth).all()
    assert found.untold_ == ()
    for before, after in zip(
        found.residual_before_.values(), found.residual_after_.values(), strict=True
    ):
        assert after < 1e-3 * before


@pytest.mark.parametrize(
    ("change", "sought", "error"),
    [
        ({"strength": 0.15}, "strengths", 0.02),
        ({"strength": 0.0, "slack": 0.03}, "tendon_slack_lengths", 0.01),
        ({"strength": 0.0, "mass": 0.1}, "masses", 0.02),
    ],
)
def test_a_walks_body_is_found_again(
    walked: Motion, change: dict, sought: str, error: float
) -> None:
    wrong, truth = other_body(WALKER, 1, **change)
    found = Identify(wrong, **{sought: "all"}).fit(walked)
    assert found.status_ is Status.CONVERGED
    assert np.abs(_off(found, truth)).max() < error
    assert sum(found.residual_after_.values()) < 0.3 * sum(found.residual_before_.values())


def test_with_noise_the_intervals_hold_and_all_three_are_found_together(walked: Motion) -> None:
    covered, off = [], []
    for seed in range(3):
        wrong, truth = other_body(WALKER, seed, strength=0.15, slack=0.03, mass=0.1)
        found = Identify(wrong, strengths="all", tendon_slack_lengths="all", masses="all").fit(
            shaken(walked, ROUGH.times(0.3), seed)
        )
        covered.append(_covered(found, truth))
        off.append(_off(found, truth))
        assert 0.15 < found.noise_ < 0.45
    assert np.mean(covered) > 0.85
    assert np.sqrt(np.mean(np.square(off))) < 0.06


def test_noisy_accelerations_do_not_make_the_body_light(walked: Motion) -> None:
    """Divided by a constant noise, they would: that is what plain least squares does."""
    wrong, truth = other_body(WALKER, 0, strength=0.0, mass=0.1)
    factors = []
    for seed in range(3):
        found = Identify(wrong, masses="all", mass_prior=1.0).fit(shaken(walked, ROUGH, seed))
        factors.append([found.values_[n] / truth[n] for n in ("mass/torso", "mass/femur")])
    assert np.abs(np.mean(factors, axis=0) - 1.0).max() < 0.1


def test_the_whole_laboratory_chain_says_that_much_is_missing(walked: Motion) -> None:
    wrong, truth = other_body(WALKER, 0)
    found = Identify(wrong, strengths="all", accept=0.1).fit(seen(walked, LABORATORY.times(0.3), 0))
    assert found.status_ is Status.LARGE_RESIDUAL
    assert "hip_flexion_r" in found.message_
    assert found.notes_ == ("no qacc: central differences of qvel",)
    assert np.sqrt(np.mean(_off(found, truth) ** 2)) < 0.1
    assert found.frames_ < 0.8 * len(walked)  # smoothed errors are alike


def test_masses_without_activations(walked: Motion) -> None:
    names = [name for name in walked.signals if name != "activation"]
    silent = Motion(walked.time, {n: walked.signals[n] for n in names}, walked.model)
    wrong, truth = other_body(WALKER, 2, strength=0.0, mass=0.1)
    found = Identify(wrong, masses="all").fit(silent)
    assert "only the root" in found.notes_[0]
    assert list(found.residual_after_) == ["pelvis_tx", "pelvis_tz", "pelvis_tilt"]
    assert found.model_.mass == pytest.approx(WALKER.mass, rel=2e-3)
    assert _covered(found, truth).all()


def test_the_model_found_balances(moved: Motion) -> None:
    wrong, _ = other_body(ARM, 3, strength=0.2, slack=0.02)
    found = Identify(wrong, strengths="all", tendon_slack_lengths="all").fit(moved)
    again = Identify(found.model_, strengths="all").fit(moved)
    for name, left in found.residual_after_.items():
        assert again.residual_before_[name] == pytest.approx(left, rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(
        found.model_.muscle.max_isometric_force, ARM.muscle.max_isometric_force, rtol=1e-3
    )
    np.testing.assert_allclose(
        found.model_.muscle.tendon_slack_length, ARM.muscle.tendon_slack_length, atol=1e-4
    )


# What the data cannot tell -----------------------------------------------------------------------


def test_a_muscle_that_never_works_is_untold(moved: Motion) -> None:
    quiet = moved["activation"].copy()
    quiet[:, 0] = 0.0
    still = moved.add("activation", quiet, labels=ARM.muscles, source="measured")
    found = Identify(ARM, strengths=[ARM.muscles[0], ARM.muscles[5]]).fit(still)
    assert found.untold_ == (f"strength/{ARM.muscles[0]}",)
    assert found.ratio_[f"strength/{ARM.muscles[0]}"] > 0.99
    assert found.ratio_[f"strength/{ARM.muscles[5]}"] < 0.5


def test_one_pose_tells_two_things_of_six(moved: Motion) -> None:
    """Two joints, six muscles, and the same instant again and again: two combinations."""
    rows = np.full(50, 100)
    once = Motion(np.arange(50) / 100.0, model="arm26")
    for name in ("qpos", "qvel", "qacc", "activation"):
        once = once.add(name, moved[name][rows], labels=moved.labels(name), source="measured")
    found = Identify(ARM, strengths="all").fit(once)
    information = [one.information for one in found.directions_]
    assert information[:4] == pytest.approx([0.0] * 4, abs=1e-4)
    assert information[4] > 10.0
    assert len(found.untold_) >= 4
    assert sum(part**2 for part in found.directions_[5].parts.values()) == pytest.approx(1, abs=0.2)


def test_more_noise_tells_less(walked: Motion) -> None:
    wrong, _ = other_body(WALKER, 0)
    small, large = (
        Identify(wrong, strengths="all").fit(shaken(walked, ROUGH.times(f), 0)).ratio_
        for f in (0.3, 2.0)
    )
    assert all(large[name] > small[name] for name in small)


# Parts -------------------------------------------------------------------------------------------


def test_equations_are_the_balance_of_the_dynamics(moved: Motion) -> None:
    groups = [grouped(ARM.muscles, "all", True, "muscle")] * 2
    bodies = [ARM.mj.body(i).name for i in range(ARM.mj.nbody)]
    masses = grouped(bodies, "all", True, "body", ARM.mj.body_mass > 0)
    dynamics = Dynamics(ARM)
    one = trial(ARM, dynamics, moved, masses, TrialNoise())
    equations = Equations(ARM, one, dynamics.parameters, *groups)
    count = 2 * len(groups[0].names) + len(masses.names)
    step = 0.1 * np.random.default_rng(0).normal(size=count)
    strength, slack = (groups[0].spread(s, 0.0) for s in np.split(step, [6, 12])[:2])
    mass = np.exp(masses.spread(step[12:], 0.0))
    changed = Dynamics(ARM).with_parameters(
        max_isometric_force=ARM.muscle.max_isometric_force * np.exp(strength),
        tendon_slack_length=ARM.muscle.tendon_slack_length
        + slack * ARM.muscle.optimal_fiber_length,
        mass=ARM.mj.body_mass * mass,
        inertia=ARM.mj.body_inertia * mass[:, None],
    )
    state = [torch.tensor(np.array(moved[n])) for n in ("qpos", "qvel", "qacc", "activation")]
    np.testing.assert_allclose(equations.missing(step), changed.balance(*state).numpy(), atol=1e-9)
    gradient, matrix = equations.normal(step, np.ones(ARM.mj.nv))
    for i in (0, 7, count - 1):
        beside = 1e-5 * np.eye(count)[i]
        ends = [0.5 * (equations.scaled(step + s * beside) ** 2).sum() for s in (1, -1)]
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient[i], rel=1e-5)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9)
    assert not np.isfinite(equations.scaled(np.full(count, 800.0))).any()


def test_correlation_time_of_known_processes() -> None:
    rng = np.random.default_rng(0)
    white = rng.normal(size=4000)
    assert correlation_time(white) == pytest.approx(1.0, abs=0.15)
    slow = np.zeros(20000)
    for i, kick in enumerate(rng.normal(size=len(slow) - 1)):
        slow[i + 1] = 0.8 * slow[i] + kick
    assert correlation_time(slow) == pytest.approx((1 + 0.8) / (1 - 0.8), rel=0.2)
    assert correlation_time(np.ones(100)) > 20
    assert correlation_time(np.zeros(10)) == 1.0


def test_applied_changes_what_it_says() -> None:
    strength, slack = np.full(18, 1.1), np.full(18, 0.01)
    mass = np.full(WALKER.mj.nbody, 1.2)
    new, old = applied(WALKER, strength, slack, mass), WALKER.muscle
    np.testing.assert_allclose(new.muscle.max_isometric_force, 1.1 * old.max_isometric_force)
    np.testing.assert_allclose(new.muscle.tendon_slack_length, old.tendon_slack_length + 0.01)
    np.testing.assert_allclose(new.muscle.optimal_fiber_length, old.optimal_fiber_length)
    assert new.mass == pytest.approx(1.2 * WALKER.mass)
    assert WALKER.mass == pytest.approx(72.6, abs=3)  # the old one is untouched


def test_sides_are_tied_or_apart() -> None:
    tied = grouped(WALKER.muscles, ["soleus", "vasti_r"], True, "muscle")
    assert tied.names == ("vasti", "soleus")
    assert np.count_nonzero(tied.of >= 0) == 4
    apart = grouped(WALKER.muscles, ["soleus", "vasti_r"], False, "muscle")
    assert apart.names == ("vasti_r", "soleus_r", "soleus_l")


# Bad input ---------------------------------------------------------------------------------------


def test_bad_settings_are_refused() -> None:
    with pytest.raises(BioenvError, match="nothing is sought"):
        Identify(WALKER)
    with pytest.raises(BioenvError, match="unknown muscle 'sole'"):
        Identify(WALKER, strengths=["sole"])
    with pytest.raises(BioenvError, match="unknown body 'world'"):
        Identify(WALKER, masses=["world"])
    with pytest.raises(BioenvError, match="list of names"):
        Identify(WALKER, strengths="soleus")
    with pytest.raises(BioenvError, match="must be positive"):
        Identify(WALKER, strengths="all", accept=0.0)
    with pytest.raises(BioenvError, match="0 or positive"):
        TrialNoise(force=-1.0)


def test_motions_that_do_not_fit_are_refused(walked: Motion, moved: Motion) -> None:
    ask = Identify(WALKER, strengths="all")
    with pytest.raises(BioenvError, match="qpos of the motion is for"):
        ask.fit(moved)
    with pytest.raises(BioenvError, match="10 frames or more"):
        ask.fit(walked.between(0.0, 0.03))
    bare = Motion(walked.time, {"qpos": walked.signals["qpos"]}, "walker2d")
    with pytest.raises(BioenvError, match="no channel qvel"):
        ask.fit(bare)
    floating = {n: walked.signals[n] for n in ("qpos", "qvel", "activation")}
    with pytest.raises(BioenvError, match="floats"):
        ask.fit(Motion(walked.time, floating, "walker2d"))
    arm_only = {n: moved.signals[n] for n in ("qpos", "qvel")}
    with pytest.raises(BioenvError, match="needs activations"):
        Identify(ARM, strengths="all").fit(Motion(moved.time, arm_only, "arm26"))
