"""Rollouts: one instant per frame, the physics of the frames, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.agents.rollout import rollout
from bioenv.errors import BioenvError
from bioenv.inverse import residuals


class Constant:
    """A policy that always asks for the same excitation."""

    card: dict = {}  # noqa: RUF012

    def __init__(self, task: str, level: float) -> None:
        self.task, self.level = task, level

    def act(self, obs: np.ndarray) -> np.ndarray:
        return np.full((len(obs), 18), self.level)


@pytest.fixture(scope="module")
def motion():
    return rollout(Constant("bioenv/Walk-v0", 0.1), seed=3, seconds=0.6)


def test_frames_are_physics_steps_from_the_start(motion):
    np.testing.assert_allclose(np.diff(motion.time), 1 / 150, atol=1e-12)
    assert motion.time[0] == 0.0
    assert motion.meta["seed"] == 3
    assert motion.meta["task"] == "bioenv/Walk-v0"


def test_frames_follow_the_semi_implicit_step(motion):
    """q' = q + h v', exactly: no frame is missing and none is doubled."""
    h = np.diff(motion.time)[:, None]
    q, v = motion["qpos"], motion["qvel"]
    np.testing.assert_allclose(q[1:], q[:-1] + h * v[1:], atol=1e-12)


def test_momentum_of_the_whole_body_equals_its_external_forces(motion):
    # with forces of the frame before or after, tens of percent of the peak force would be left
    figures = residuals.check(motion)
    assert figures["root_force_rms_percent"] < 1e-6


def test_same_seed_same_bits_and_bad_seconds(motion):
    again = rollout(Constant("bioenv/Walk-v0", 0.1), seed=3, seconds=0.6)
    for name in motion.signals:
        np.testing.assert_array_equal(motion[name], again[name])
    with pytest.raises(BioenvError, match="seconds"):
        rollout(Constant("bioenv/Walk-v0", 0.1), seconds=-1)
