"""Experiments as functions: derivatives, physics against the simulator, changes, and joining."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch
from identifiability_cases import line
from identify_cases import walk

from bioenv import models
from bioenv.diff import Dynamics
from bioenv.errors import BioenvError
from bioenv.learn.identifiability import Experiment, joined, ready
from bioenv.learn.identifiability.elbow import isometric
from bioenv.learn.identifiability.pendulum import SEGMENT, _equations

torch.set_num_threads(1)

READY = {
    "pendulum": {"duration": 0.5, "motor": 1.0},
    "elbow": {"duration": 0.3, "muscles": ("flexor", "extensor"), "load": 0.5},
    "elbow-isometric": {"postures": (0.7, 1.4), "muscles": ("extensor", "flexor")},
    "foot-contact": {"duration": 0.05, "slide": 2.0, "push": 50.0},
    "gait-muscle": {"muscles": ("soleus_r", "gastroc_r")},
}


def _all_measured(one: Experiment) -> Experiment:
    return one.measuring(*(output.name for output in one.outputs))


@pytest.mark.parametrize("name", READY)
def test_derivatives_agree_with_differences(name: str) -> None:
    one = _all_measured(ready(name, **READY[name]))
    rng = np.random.default_rng(0)
    steps = torch.tensor(0.05 * rng.normal(size=(2, len(one.free))))
    value, slope = one.sensitivities(steps)
    with torch.no_grad():
        torch.testing.assert_close(value, one.evaluate(steps))
        for k in range(len(one.free)):
            move = torch.zeros(len(one.free), dtype=torch.float64)
            move[k] = 1e-5
            wanted = (one.evaluate(steps + move) - one.evaluate(steps - move)) / 2e-5
            size = slope.abs().amax(dim=(0, 1, 3))
            off = (slope[..., k] - wanted).abs().amax(dim=(0, 1))
            assert bool((off <= 2e-6 * size + 1e-9).all()), (one.names[k], off / size)


def test_the_pendulum_is_mujocos() -> None:
    """Its acceleration and its joint's reaction, with MuJoCo's hinge, load cell and gravity."""
    mass, com, inertia, damping = (value for value, _ in SEGMENT.values())
    xml = f"""<mujoco><option gravity="0 0 -9.80665" timestep="1e-5"/><worldbody><body>
      <joint type="hinge" axis="0 -1 0" damping="{damping}"/><site name="joint"/>
      <inertial pos="0 0 {-com}" mass="{mass}" diaginertia="{inertia - mass * com**2} 1e-2 1e-3"/>
      </body></worldbody><sensor><force site="joint"/></sensor></mujoco>"""
    xml = xml.replace(
        f"{inertia - mass * com**2} 1e-2 1e-3", f"0.02 {inertia - mass * com**2} 0.015"
    )
    mj = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(mj)
    q, v = 0.7, -2.0
    data.qpos[0], data.qvel[0] = q, v
    mujoco.mj_forward(mj, data)
    equations = _equations(0.0)
    p = {k: torch.tensor(x, dtype=torch.float64) for k, (x, _) in SEGMENT.items()}
    state = {"angle": torch.tensor(q, dtype=torch.float64), "velocity": torch.tensor(v).double()}
    drive = {"motor": torch.zeros((), dtype=torch.float64)}
    found = equations.rate(state, p, drive)["velocity"]
    np.testing.assert_allclose(found, data.qacc[0], rtol=1e-9)
    reaction = equations.output(state, p, drive)
    turn = data.site_xmat[0].reshape(3, 3)
    # The sensor gives the child's force on its parent, in the site's frame.
    world = -turn @ data.sensordata
    np.testing.assert_allclose(abs(float(reaction["reaction_x"])), abs(world[0]), rtol=1e-9)
    np.testing.assert_allclose(abs(float(reaction["reaction_z"])), abs(world[2]), rtol=1e-9)


def test_the_sliding_foot_obeys_coulomb_and_the_standing_one_carries_its_weight() -> None:
    sliding = _all_measured(ready("foot-contact", slide=4.0, duration=0.01))
    force = sliding.evaluate(torch.zeros(6, dtype=torch.float64))[:3, 2:]
    np.testing.assert_allclose(-force[:, 0], 0.8 * force[:, 1], rtol=1e-6)
    standing = _all_measured(ready("foot-contact", push=20.0, duration=0.6))
    last = standing.evaluate(torch.zeros(6, dtype=torch.float64))[-1]
    np.testing.assert_allclose(last[2:], [-20.0, 800.0 + 5.0 * 9.81], rtol=1e-2)


def test_the_gait_experiment_gives_the_models_own_moments() -> None:
    motion, model = walk(), models.load("walker2d")
    one = ready("gait-muscle", muscles=("gastroc_r", "soleus_r"))
    found = _all_measured(one).evaluate(torch.zeros(8, dtype=torch.float64))
    wanted = Dynamics(model).muscle_torque(
        *(torch.tensor(motion[name]) for name in ("qpos", "qvel", "activation"))
    )
    at = [model.coordinate_index(output.name.removeprefix("moment/")) for output in one.outputs]
    assert sorted(model.coordinates[i] for i in at) == ["ankle_angle_r", "knee_angle_r"]
    torch.testing.assert_close(found, wanted[:, at])


def test_an_isometric_contraction_is_the_models_muscle() -> None:
    """At the rest angle the constant arm is the model's own, so are length and force."""
    one = _all_measured(isometric(levels=(1.0,), repeats=1))
    torque, active, force, fiber = one.evaluate(torch.zeros(5, dtype=torch.float64))[0].tolist()
    model = models.load("elbow")
    dyn, at = Dynamics(model), model.muscle_index("BIClong")
    q, v = (torch.tensor([x], dtype=torch.float64) for x in (1.2, 0.0))
    activation = torch.zeros(dyn.nm, dtype=torch.float64)
    activation[at] = active
    state = dyn.muscle(q, v, activation)
    np.testing.assert_allclose(force, state.force[at], rtol=1e-9)
    np.testing.assert_allclose(fiber, state.fiber_length[at] * 0.1157, rtol=1e-6)
    np.testing.assert_allclose(torque, force * -dyn.muscle_path(q).slope[at, 0], rtol=1e-9)


def test_changes_make_copies_and_stems_mean_all() -> None:
    two = ready("elbow", muscles=("flexor", "extensor"), duration=0.1)
    changed = two.measuring("emg", "angle").noisy(emg=0.2).knowing(moment_arm=0.0)
    assert [one.name for one in changed.measured] == ["angle", "emg/flexor", "emg/extensor"]
    assert changed.noise.tolist() == [0.01, 0.2, 0.2]
    assert not any("moment_arm" in name for name in changed.names)
    assert [one.name for one in two.measured] == ["angle"]
    assert any("moment_arm" in name for name in two.names)
    again = ready("elbow", muscles=("flexor", "extensor"), duration=0.2).like(changed)
    assert again.names == changed.names
    assert again.noise.tolist() == changed.noise.tolist()


def test_joined_information_is_the_sum() -> None:
    one, other = line(0.1), line(0.3)
    both = joined("both", one, other)
    parts = [e.scaled_slope() for e in (one, other)]
    total = both.scaled_slope()
    np.testing.assert_allclose(total.T @ total, sum(part.T @ part for part in parts))


def test_joined_experiments_share_parameters_and_not_nuisances() -> None:
    swing = ready("pendulum", duration=0.3)
    both = joined("both", swing, ready("pendulum", duration=0.3, motor=1.0))
    assert len(both.names) == 4 + 2 * 2
    with pytest.raises(BioenvError, match="must have one value"):
        joined("both", ready("elbow", duration=0.1), ready("elbow-isometric",
               muscles=("extensor",)))  # fmt: skip
