"""Next states: what a network learned of accelerations, beside MuJoCo's own step."""

from __future__ import annotations

import copy
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.learn.bodygraph import (
    Bodies,
    BodyGraph,
    Skeleton,
    around_gait,
    collect,
    draw_states,
    next_states,
)
from bioenv.learn.bodygraph.training import PLAN

STEP = 0.002  # s


@pytest.fixture(scope="module")
def arms() -> BodyGraph:
    """Learned on drawn arms, in seconds."""
    rng = np.random.default_rng(0)
    train, valid = (collect(draw_states(Bodies(), "arm26", n, 20, rng)) for n in (16, 6))
    graph = BodyGraph(
        "acceleration", hidden=8, members=1, first=250, plan=replace(PLAN, epochs=2, batch=32)
    )
    return graph.fit(train, valid)


def stepped(mj: mujoco.MjModel, states: object, index: int) -> tuple[np.ndarray, np.ndarray]:
    """MuJoCo's step of a bare skeleton with the torque applied."""
    mj = copy.copy(mj)
    off = mujoco.mjtDisableBit
    mj.opt.disableflags |= off.mjDSBL_CONSTRAINT | off.mjDSBL_ACTUATION
    mj.opt.integrator, mj.opt.timestep = mujoco.mjtIntegrator.mjINT_EULER, STEP
    mj.dof_damping[:], mj.jnt_stiffness[:] = 0.0, 0.0
    data = mujoco.MjData(mj)
    data.qpos, data.qvel = states.qpos[index], states.qvel[index]  # type: ignore[attr-defined]
    data.qfrc_applied = states.torque[index]  # type: ignore[attr-defined]
    mujoco.mj_step(mj, data)
    return np.array(data.qpos), np.array(data.qvel)


def test_a_step_is_mujocos_up_to_the_error_of_the_network(arms: BodyGraph) -> None:
    rng = np.random.default_rng(1)
    states = around_gait(Bodies().draw("arm26", rng), 10, rng)
    found = next_states(states.skeleton, states.qpos, states.qvel, states.torque, STEP, arms)
    truth = [stepped(states.skeleton.mj, states, i) for i in range(10)]
    qpos, qvel = (np.stack(x) for x in zip(*truth, strict=True))
    change = np.sqrt(np.mean((qvel - states.qvel) ** 2))
    assert np.sqrt(np.mean((found.qvel - qvel) ** 2)) < 0.1 * change
    np.testing.assert_allclose(found.qpos, states.qpos + STEP * found.qvel, atol=1e-12)
    assert np.abs(found.qpos - qpos).max() < 0.5 * STEP * change
    assert found.flag.shape == (10,)


def test_the_band_holds_most_accelerations_of_other_arms(arms: BodyGraph) -> None:
    rng = np.random.default_rng(2)
    others = draw_states(Bodies(), "arm26", 10, 20, rng)
    held = [
        (f.lower <= s.qacc) & (s.qacc <= f.upper)
        for s in others
        for f in [next_states(s.skeleton, s.qpos, s.qvel, s.torque, STEP, arms)]
    ]
    assert 0.8 < np.mean(held) < 0.98


def test_what_cannot_step_is_refused(arms: BodyGraph) -> None:
    skeleton = Skeleton(models.load("arm26"))
    rest = np.zeros((1, 2))
    with pytest.raises(BioenvError, match="need a body graph with the job acceleration: torque"):
        next_states(skeleton, rest, rest, rest, STEP, BodyGraph("torque"))
    with pytest.raises(BioenvError, match="step must be a positive number of seconds, got -1"):
        next_states(skeleton, rest, rest, rest, -1.0, arms)
    mj = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body><freejoint/><geom size="0.1"/></body></worldbody></mujoco>'
    )
    with pytest.raises(BioenvError, match="'toy' has a free or ball joint"):
        next_states(
            Skeleton(mj, "toy"), [[0, 0, 0, 1, 0, 0, 0]], np.zeros((1, 6)), np.zeros((1, 6)), STEP,
            arms,
        )  # fmt: skip
