"""Terms of human gait: the head's acceleration in closed form, and what synergies cannot make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv import models
from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.envs import terms, terms_human
from bioenv.envs.simulation import Simulation
from bioenv.envs.state import Episode, State
from bioenv.envs.task import task
from bioenv.errors import BioenvError
from bioenv.models import Model
from bioenv.motion import Motion

SENSING = models.load("walker2d", edit=terms_human.with_head)
NUMBER, G = 5, 9.81


def state(model: Model, **start: np.ndarray) -> State:
    """The state of simulations that begin so."""
    sim = Simulation(model, NUMBER, threads=1)
    sim.reset(np.arange(NUMBER), start)
    return State(sim, Episode(sim, 0))


def random_state(model: Model = SENSING) -> State:
    rng = np.random.default_rng(3)
    qpos = model.home + rng.normal(0, 0.3, (NUMBER, model.mj.nq))
    qvel = rng.normal(0, 2.0, (NUMBER, model.mj.nv))
    activation = rng.uniform(0, 1, (NUMBER, len(model.muscles)))
    return state(model, qpos=qpos, qvel=qvel, activation=activation)


# ---- a steady head


def test_the_head_accelerates_as_the_end_of_two_turning_segments():
    s = random_state()
    spec = SENSING.mj
    lumbar, head = spec.body("torso").pos, spec.geom("head").pos
    tilt, bend = (SENSING.coordinate_index(n) for n in ("pelvis_tilt", "lumbar_extension"))
    # x + iz: a turn of the pelvis and of the trunk backward is a factor exp(i angle).
    expected = s.qacc[:, 0] + 1j * s.qacc[:, 1]
    turn = np.stack([a[:, [tilt]] + [0, 1] * a[:, [bend]] for a in (s.qpos, s.qvel, s.qacc)])
    for arm, (angle, speed, change) in zip((lumbar, head), turn.transpose(2, 0, 1), strict=True):
        spin = 1j * change - speed**2
        expected = expected + (arm[0] + 1j * arm[2]) * np.exp(1j * angle) * spin
    # In the air: gravity is the fall itself, not what a resting accelerometer reads.
    assert np.abs(expected).min() > 1.0
    np.testing.assert_allclose(
        terms_human.head_acceleration(s), np.abs(expected / G) ** 2, rtol=1e-9
    )


def test_feeling_the_head_changes_no_movement():
    policy, walk = Policy.load("WalkImitate-v0"), task("bioenv/WalkImitate-v0")
    edit = terms_human.with_head
    felt = replace(walk, model=lambda subject: models.load(walk.model, subject, edit=edit))
    both = [rollout(policy, seed=3, seconds=1.0, task=one) for one in (walk, felt)]
    np.testing.assert_array_equal(both[0]["qpos"], both[1]["qpos"])


def test_the_head_of_every_walking_body_can_be_felt():
    body = models.load("legs3d", edit=terms_human.with_head)
    assert terms_human.head_acceleration(random_state(body)).shape == (NUMBER,)
    with pytest.raises(BioenvError, match="no geom 'head'"):
        models.load("arm26", edit=terms_human.with_head)


# ---- muscles that work together

LEG = len(SENSING.muscles) // 2
PATTERNS = np.random.default_rng(0).uniform(0, 1, (LEG, 3))


def both_legs(right: np.ndarray, left: np.ndarray) -> np.ndarray:
    """(n, 18) activation from that of the legs (n, 9)."""
    values = np.zeros((len(right), len(SENSING.muscles)))
    for name, column in zip(SENSING.muscles[:LEG], range(LEG), strict=True):
        values[:, SENSING.muscle_index(name)] = right[:, column]
        values[:, SENSING.muscle_index(name.removesuffix("_r") + "_l")] = left[:, column]
    return values


def mixtures(seed: int) -> np.ndarray:
    """(NUMBER, 9) activation in 0..1 of the patterns."""
    return np.random.default_rng(seed).uniform(0, 0.3, (NUMBER, 3)) @ PATTERNS.T


def test_what_synergies_make_costs_nothing():
    s = state(SENSING, activation=both_legs(mixtures(1), mixtures(2)))
    np.testing.assert_allclose(terms_human.off_synergies(PATTERNS)(s), 0.0, atol=1e-15)


def test_what_they_cannot_make_costs_its_mean_square():
    outside = np.linalg.qr(PATTERNS, mode="complete")[0][:, 3]
    right = mixtures(1) + 0.05 * outside
    s = state(SENSING, activation=both_legs(right, mixtures(2)))
    expected = 0.05**2 / len(SENSING.muscles)
    np.testing.assert_allclose(terms_human.off_synergies(PATTERNS)(s), expected, rtol=1e-9)


def test_only_the_space_of_the_patterns_counts():
    s = random_state()
    mixed = PATTERNS @ np.array([[1.0, 2, 0], [0, 1, 3], [1, 0, 1]])
    one, other = (terms_human.off_synergies(p)(s) for p in (PATTERNS, mixed))
    np.testing.assert_allclose(one, other, rtol=1e-9)
    assert (one > 0).all()
    assert (one < terms.effort(s)).all()
    np.testing.assert_allclose(terms_human.off_synergies(np.eye(LEG))(s), 0.0, atol=1e-15)


def test_both_legs_cost_alike():
    s = random_state()
    image = state(SENSING, activation=s.activation[:, SENSING.mirror_muscle])
    term = terms_human.off_synergies(PATTERNS)
    np.testing.assert_allclose(term(s), term(image), rtol=1e-12)


def test_the_synergies_of_a_motion_are_found_and_hold_what_they_can():
    activation = both_legs(mixtures(1), mixtures(2))
    order = np.random.default_rng(4).permutation(len(SENSING.muscles))
    motion = Motion(np.arange(NUMBER) * 0.01).add(
        "activation",
        activation[:, order],
        labels=tuple(SENSING.muscles[i] for i in order),
        source="simulated",
    )
    found = terms_human.leg_synergies(motion, SENSING, 3)
    np.testing.assert_allclose(found.T @ found, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(found @ (found.T @ PATTERNS), PATTERNS, atol=1e-9)
    s = state(SENSING, activation=activation)
    fewer = terms_human.off_synergies(terms_human.leg_synergies(motion, SENSING, 2))(s).sum()
    singular = np.linalg.svd(np.concatenate((mixtures(1), mixtures(2))), compute_uv=False)
    assert fewer * len(SENSING.muscles) == pytest.approx(singular[2] ** 2)


def test_bad_patterns_are_refused():
    motion = Motion(np.arange(3) * 0.01)
    with pytest.raises(BioenvError, match="must be 1 to 9, got 10"):
        terms_human.leg_synergies(motion, SENSING, 10)
    with pytest.raises(BioenvError, match="lacks hamstrings_r, bifemsh_r"):
        terms_human.leg_synergies(motion, SENSING, 3)
    with pytest.raises(BioenvError, match="patterns of 4 muscles for a model with 9 in a leg"):
        terms_human.off_synergies(np.eye(4))(random_state())
