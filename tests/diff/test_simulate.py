"""Simulation in torch is MuJoCo's, step by step, and its gradients are those of differences."""

from __future__ import annotations

import copy

import mujoco
import numpy as np
import pytest
import torch

from bioenv import diff, models
from bioenv.errors import BioenvError

INTEGRATORS = {
    "euler": mujoco.mjtIntegrator.mjINT_EULER,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
}
TUMBLING = """
<mujoco><option timestep="0.005"/><default><geom contype="0" conaffinity="0"/></default>
<worldbody><body pos="0 0 1"><freejoint/>
  <geom type="box" size=".1 .2 .3" pos=".1 0 0"/>
  <body pos="0 .3 0"><joint type="ball"/><geom type="capsule" size=".05 .2" pos="0 0 .2"/>
    <body pos="0 0 .4"><joint axis="1 1 0"/><geom type="sphere" size=".1" pos="0 0 .1"/></body>
  </body></body></worldbody></mujoco>
"""


@pytest.fixture(scope="module")
def walker() -> models.Model:
    return models.load("walker2d")


def start(model: models.Model) -> diff.SimulationState:
    rng = np.random.default_rng(0)
    v, act = 0.5 * rng.normal(size=model.mj.nv), rng.uniform(0.1, 0.5, model.mj.nu)
    return diff.SimulationState(*(torch.tensor(np.array(x)) for x in (model.home, v, act)))


def excitation(model: models.Model, steps: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(1).uniform(0.05, 0.6, (steps, model.mj.nu)))


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("name", ["walker2d", "arm26"])
def test_steps_are_mujocos(name: str, integrator: str) -> None:
    model = models.load(name)
    mj = copy.copy(model.mj)
    mj.opt.integrator, mj.opt.tolerance, mj.opt.iterations = INTEGRATORS[integrator], 0.0, 200
    state, control = start(model), excitation(model, 40)
    data = mujoco.MjData(mj)
    data.qpos[:], data.qvel[:], data.act[:] = (x.numpy() for x in state)
    found = diff.simulate(diff.Dynamics(mj), state, control, integrator=integrator)
    assert found.time[-1] == pytest.approx(40 * mj.opt.timestep)
    for k, u in enumerate(control.numpy()):
        data.ctrl[:] = u
        mujoco.mj_step(mj, data)
        for mine, his in zip(found[1:], (data.qpos, data.qvel, data.act), strict=True):
            np.testing.assert_allclose(mine[k + 1].numpy(), his, rtol=1e-8, atol=1e-8)


def test_free_and_ball_joints_tumble_as_in_mujoco() -> None:
    mj = mujoco.MjModel.from_xml_string(TUMBLING)
    data, rng = mujoco.MjData(mj), np.random.default_rng(0)
    data.qvel[:] = rng.normal(size=mj.nv)
    state = diff.SimulationState(
        torch.tensor(data.qpos.copy()), torch.tensor(data.qvel.copy()), torch.zeros(0).double()
    )
    dyn = diff.Dynamics(mj)
    for _ in range(100):
        state, _ = diff.step(dyn, state, None, 0.005)
        mujoco.mj_step(mj, data)
    np.testing.assert_allclose(state.qpos.numpy(), data.qpos, atol=1e-10)


def test_batches_are_single_runs(walker: models.Model) -> None:
    dyn, state = diff.Dynamics(walker), start(walker)
    control = torch.stack([excitation(walker, 5), 0.5 * excitation(walker, 5)], 1)
    both = diff.simulate(dyn, state, control)
    for i in range(2):
        one = diff.simulate(dyn, state, control[:, i])
        torch.testing.assert_close(both.qpos[:, i], one.qpos, rtol=1e-9, atol=1e-9)


def test_gradients_are_those_of_differences_and_checkpoints_change_nothing(
    walker: models.Model,
) -> None:
    """By the first state, the controls and parameters, over 12 steps with the feet on the floor."""
    dyn, state = diff.Dynamics(walker), start(walker)
    control = excitation(walker, 12)
    slack, mass = dyn.parameters["tendon_slack_length"], dyn.parameters["mass"]

    def loss(checkpoint: int | None, *x: torch.Tensor) -> torch.Tensor:
        other = dyn.with_parameters(tendon_slack_length=x[3], mass=x[4])
        first = diff.SimulationState(x[0], x[1], state.activation)
        run = diff.simulate(other, first, x[2], checkpoint=checkpoint)
        return run.qpos[-1].square().sum() + 0.1 * run.qvel[-1].sum()

    inputs = [x.clone().requires_grad_(True) for x in (*state[:2], control, slack, mass)]
    plain = torch.autograd.grad(loss(None, *inputs), inputs)
    again = torch.autograd.grad(loss(3, *inputs), inputs)
    torch.manual_seed(0)
    for i, (a, b) in enumerate(zip(plain, again, strict=True)):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        way = torch.randn_like(a) * (0.0 if i == 4 else 1.0)
        if i == 4:
            way[1:] = 1.0
        ends = []
        with torch.no_grad():
            for sign in (1, -1):
                moved = [*inputs]
                moved[i] = inputs[i] + sign * 1e-7 * way
                ends.append(loss(None, *moved))
        difference = float(ends[0] - ends[1]) / 2e-7
        assert float((a * way).sum()) == pytest.approx(difference, rel=1e-4, abs=1e-6)


def test_bad_input_and_broken_states_are_said(walker: models.Model) -> None:
    dyn, state, control = diff.Dynamics(walker), start(walker), excitation(walker, 4)
    with pytest.raises(BioenvError, match=r"excitation must have shape \(T, \.\.\., 18\)"):
        diff.simulate(dyn, state, control[:, :3])
    with pytest.raises(BioenvError, match=r"integrator 'rk4'.*euler, implicitfast"):
        diff.simulate(dyn, state, control, integrator="rk4")
    with pytest.raises(BioenvError, match="timestep must be positive"):
        diff.simulate(dyn, state, control, timestep=0.0)
    with pytest.raises(BioenvError, match="qvel of the first state must be finite"):
        diff.simulate(dyn, state._replace(qvel=state.qvel * torch.nan), control)
    control[2] = torch.nan
    with pytest.raises(BioenvError, match=r"step [23] of the simulation"):
        diff.simulate(dyn, state, control)
