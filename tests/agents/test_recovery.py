"""Recovery from a push: what the push is, and that it decides who falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv.agents import recovery as module
from bioenv.agents.policy import Policy
from bioenv.agents.recovery import recovery
from bioenv.envs.task import task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError

WALKER = Policy.load("WalkImitate-v0")


def test_small_pushes_are_recovered_and_great_ones_are_not():
    small, great = (recovery(WALKER, v, phases=6, within_s=3.0, threads=1) for v in (1e-6, 1.5))
    assert small.reached == great.reached == 1.0
    assert small.share == 1.0
    assert great.share < 0.2
    np.testing.assert_allclose(small.phase, np.arange(6) / 6)
    assert small.recovered.shape == (6, 2)
    assert small.share == pytest.approx((small.forward + small.backward) / 2)


def test_the_push_has_its_impulse_its_phase_and_its_sign(monkeypatch):
    """Forces as applied, integrated over time: mass times velocity, once for every walker."""
    seen = []

    class Watched(BioVectorEnv):
        def step(self, actions):
            out = super().step(actions)
            seen.append((self.simulation.external_force[:, :, 0].copy(), self.state.phase.copy()))
            return out

    monkeypatch.setattr(module, "BioVectorEnv", Watched)
    found = recovery(WALKER, 0.2, phases=5, within_s=0.5, warm_up_s=1.0, threads=1)
    force, phase = (np.array(part) for part in zip(*seen, strict=True))
    body = BioVectorEnv("bioenv/WalkImitate-v0").model
    torso = body.mj.body("torso").id
    impulse = force.sum(axis=0) * 0.02
    np.testing.assert_allclose(impulse[:, torso], 0.2 * body.mass * np.repeat([1, -1], 5))
    np.testing.assert_array_equal(np.delete(impulse, torso, axis=1), 0.0)
    first = (force[:, :, torso] != 0).argmax(axis=0)
    miss = phase[first, np.arange(10)] - np.tile(found.phase, 2)
    # the phase is that of the end of the step in which the push begins
    np.testing.assert_allclose((miss + 0.5) % 1.0 - 0.5, 0.015, atol=0.015)


def test_what_cannot_be_pushed_is_refused():
    with pytest.raises(BioenvError, match="gait clock"):
        recovery(WALKER, task=replace(task("bioenv/WalkImitate-v0"), cycle_s=None))
    with pytest.raises(BioenvError, match="no segment 'trunk'"):
        recovery(WALKER, body="trunk", phases=1)
    with pytest.raises(BioenvError, match="velocity must be positive"):
        recovery(WALKER, velocity=0.0)
