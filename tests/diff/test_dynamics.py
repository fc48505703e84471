"""The torch model is MuJoCo's: random states of every shipped model, imported ones, free bodies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from torch_states import Truth, relative, truth

from bioenv import diff, models, paths
from bioenv.errors import BioenvError
from bioenv.models import osim
from bioenv.models.changed import with_mass

LAB = paths.lab_data()
STATES = 1000
TREE = """
<mujoco><option cone="pyramidal"/><worldbody>
  <geom name="floor" type="plane" size="1 1 1"/>
  <body pos="0 0 1"><freejoint/>
    <geom type="box" size=".1 .2 .3" pos=".1 .2 .05" euler="10 20 30" contype="0" conaffinity="0"/>
    <geom type="capsule" size=".1 .3" pos=".1 .2 -.5" euler="10 40 30" condim="3"/>
    <body pos=".1 .3 .2" quat="1 .2 .3 .1"><joint type="ball" pos=".1 .02 .03" damping=".3"/>
      <geom type="capsule" size=".1 .2" contype="0" conaffinity="0"/>
      <body pos=".2 .1 0" gravcomp="0.3">
        <joint type="hinge" axis="1 2 3" pos=".1 0 .1" armature=".3" damping="2" stiffness="5"
               springref=".3"/>
        <joint type="slide" axis="0 1 1" ref=".2" range="-.5 .5" limited="true"/>
        <joint type="hinge" axis="1 0 3" pos=".1 0 .1" ref=".5"/>
        <geom type="box" size=".1 .2 .3" pos=".1 .2 .05" contype="0" conaffinity="0"/>
    </body></body>
    <body pos=".3 .3 .2" quat="1 .2 .3 .1"><joint type="hinge" pos=".1 .02 .03"/>
      <geom type="sphere" size=".3" pos="0 0 -.5" condim="1"/></body>
  </body>
</worldbody></mujoco>
"""
IMPORTED = {
    "gait10dof18musc": "opensim_gait_subject01/gait10dof18musc/subject01.osim",
    "rajagopal": "rajagopal2016_walk/subject_walk_scaled.osim",
}


def compare(model: models.Model | mujoco.MjModel, states: Truth) -> dict[str, float]:
    """Largest relative errors by quantity."""
    dyn = diff.Dynamics(model)
    q, v, act, a = states.tensors("q", "v", "act", "qacc")
    contacts = dyn.contacts(q, v, a)
    pose = dyn.kinematics(q)
    ground = dyn.external(pose, dyn.contact_law.body, contacts.force, contacts.point)
    errors = {
        "mass": relative(dyn.mass_matrix(q), states.mass),
        "bias": relative(dyn.bias(q, v), states.bias),
        "passive": relative(dyn.passive_torque(q, v), states.passive),
        "constraint": relative(ground + dyn.constraint_torque(q, v, a), states.constraint),
    }
    muscles = None
    if dyn.nm:
        path, muscles = dyn.muscle_path(q), act
        errors["length"] = relative(path.length, states.length)
        errors["slope"] = relative(path.slope, states.slope)
        errors["force"] = relative(dyn.muscle(q, v, act).force, states.force)
        missing = dyn.balance(q, v, a, act).abs().max()
        errors["balance"] = float(missing) / float(np.abs(states.force).max())
    errors["qacc"] = relative(dyn.forward_dynamics(q, v, muscles), states.qacc)
    return errors


def assert_close(errors: dict[str, float]) -> None:
    """1e-10, and 1e-6 where MuJoCo's contact solver has a say."""
    for name, error in errors.items():
        solved = name in ("qacc", "constraint", "balance")
        assert error < (1e-6 if solved else 1e-10), f"{name}: {error:.1e}"


@pytest.mark.parametrize("name", models.available())
def test_shipped_models_agree_with_mujoco(name: str) -> None:
    model = models.load(name)
    assert_close(compare(model, truth(model.mj, STATES)))


def test_free_ball_hinge_and_slide_joints_agree_with_mujoco() -> None:
    mj = mujoco.MjModel.from_xml_string(TREE)
    states = truth(mj, STATES)
    assert (np.abs(states.constraint).max(axis=1) > 0).mean() > 0.2, "too few states in contact"
    assert_close(compare(mj, states))


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="the lab data are not here")
@pytest.mark.parametrize("name", IMPORTED)
def test_imported_models_agree_with_mujoco(name: str, tmp_path: Path) -> None:
    assert LAB is not None
    osim.convert(LAB / IMPORTED[name], tmp_path)
    model = models.load(tmp_path / "model.xml")
    assert_close(compare(model, truth(model.mj, 100)))


@pytest.fixture(scope="module")
def walker() -> models.Model:
    return models.load("walker2d")


def standing(walker: models.Model, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """q, v, activation of a body whose feet press into the floor."""
    rng = np.random.default_rng(seed)
    q = walker.home + 0.02 * rng.normal(size=walker.mj.nq)
    q[walker.coordinate_index("pelvis_tz")] -= 0.01
    v, act = 0.3 * rng.normal(size=walker.mj.nv), rng.uniform(0.1, 0.9, walker.mj.nu)
    return tuple(torch.tensor(x) for x in (q, v, act))


def gradcheck(function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> bool:
    leaves = tuple(x.clone().requires_grad_(True) for x in inputs)
    return torch.autograd.gradcheck(function, leaves, eps=1e-7, atol=1e-5, rtol=1e-6)


def test_gradients_by_state_are_those_of_differences(walker: models.Model) -> None:
    dyn = diff.Dynamics(walker)
    q, v, act = standing(walker)
    a = torch.linspace(-3, 3, dyn.nv, dtype=torch.float64)
    weight = 1e-2  # torques are of the order of 100
    assert gradcheck(lambda q, v, a: weight * dyn.inverse_dynamics(q, v, a), q, v, a)
    assert gradcheck(lambda q: weight * dyn.mass_matrix(q), q)
    assert gradcheck(lambda q: dyn.muscle_path(q).slope, q)
    assert gradcheck(lambda q, v, act: weight * dyn.muscle_torque(q, v, act), q, v, act)
    assert gradcheck(lambda u, act: dyn.activation_rate(u, act), 0.9 * act + 0.05, act)


def test_gradients_through_contact_are_those_of_differences(walker: models.Model) -> None:
    """The implicit function theorem at the root that Newton found."""
    dyn = diff.Dynamics(walker)
    q, v, act = standing(walker)
    force = dyn.contacts(q, v, dyn.forward_dynamics(q, v, act)).force
    assert (force[:, 2] > 1.0).any()
    for seed in range(3):
        leaves = [x.clone().requires_grad_(True) for x in (q, v, act)]
        torch.manual_seed(seed)
        way = [torch.randn_like(x) for x in leaves]
        weight = torch.randn(dyn.nv, dtype=torch.float64)
        value = (dyn.forward_dynamics(*leaves) * weight).sum()
        slope = sum(
            (g * w).sum() for g, w in zip(torch.autograd.grad(value, leaves), way, strict=True)
        )
        step, ends = 1e-6, []
        for sign in (1, -1):
            moved = [x + sign * step * w for x, w in zip((q, v, act), way, strict=True)]
            ends.append((dyn.forward_dynamics(*moved) * weight).sum())
        assert float(slope) == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize(
    "name",
    ["mass", "center_of_mass", "inertia", "body_position", "gravity", "armature", "damping",
     "stiffness", "max_isometric_force", "optimal_fiber_length", "tendon_slack_length",
     "max_velocity", "passive_force", "friction", "contact_stiffness", "contact_damping"],
)  # fmt: skip
def test_gradients_by_parameters_are_those_of_differences(walker: models.Model, name: str) -> None:
    dyn = diff.Dynamics(walker)
    q, v, act = standing(walker)
    own = dyn.parameters[name]
    scale = own.abs().clamp(min=1e-3)
    torch.manual_seed(1)
    way = torch.randn_like(own) * scale
    if name == "mass":
        way[0] = 0.0

    def value(parameter: torch.Tensor) -> torch.Tensor:
        return dyn.with_parameters(**{name: parameter}).forward_dynamics(q, v, act).square().mean()

    leaf = own.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(value(leaf), leaf)
    step = 1e-6
    difference = (value(own + step * way) - value(own - step * way)) / (2 * step)
    assert float((gradient * way).sum()) == pytest.approx(float(difference), rel=1e-5, abs=1e-6)
    assert float(difference) != 0.0


def test_changed_masses_are_those_of_a_changed_model(walker: models.Model) -> None:
    heavy = with_mass(walker, {"torso": 20.0, "femur": 1.0})
    states = truth(heavy.mj, 20)
    mass = torch.tensor(heavy.mj.body_mass.copy())
    found = diff.Dynamics(walker).with_parameters(mass=mass)
    q, v = states.tensors("q", "v")
    assert relative(found.mass_matrix(q), states.mass) < 1e-12
    assert relative(found.bias(q, v), states.bias) < 1e-12


def test_parameters_and_states_share_leading_axes(walker: models.Model) -> None:
    """A population of bodies in one call is each body alone."""
    dyn = diff.Dynamics(walker)
    q, v, act = standing(walker)
    factor = torch.tensor([0.8, 1.0, 1.3], dtype=torch.float64)[:, None]
    population = dyn.with_parameters(
        mass=dyn.parameters["mass"] * factor,
        max_isometric_force=dyn.parameters["max_isometric_force"] * factor,
    )
    found = population.forward_dynamics(q, v, act)
    assert found.shape == (3, dyn.nv)
    for row, f in zip(found, factor, strict=True):
        one = dyn.with_parameters(
            mass=dyn.parameters["mass"] * f,
            max_isometric_force=dyn.parameters["max_isometric_force"] * f,
        )
        torch.testing.assert_close(row, one.forward_dynamics(q, v, act), rtol=1e-9, atol=1e-7)


def test_bad_input_is_said(walker: models.Model) -> None:
    dyn = diff.Dynamics(walker)
    with pytest.raises(BioenvError, match=r"q must end in 12 numbers.*\(3,\)"):
        dyn.mass_matrix(torch.zeros(3))
    with pytest.raises(BioenvError, match=r"parameter 'weight'.*mass"):
        dyn.with_parameters(weight=1.0)
    with pytest.raises(BioenvError, match=r"mass must end in shape.*kg"):
        dyn.with_parameters(mass=torch.ones(3))
    q, v, act = standing(walker)
    with pytest.raises(BioenvError, match="not finite"):
        dyn.forward_dynamics(q * torch.nan, v, act)
    with pytest.raises(BioenvError, match="no muscles"):
        diff.Dynamics(mujoco.MjModel.from_xml_string(TREE)).muscle_path(torch.zeros(15))


def test_what_cannot_be_expressed_is_named() -> None:
    xml = """<mujoco><worldbody><body name="a"><joint name="j" frictionloss="1"/><geom size="1"/>
    </body></worldbody></mujoco>"""
    with pytest.raises(BioenvError, match="friction loss of joint 'j'"):
        diff.Dynamics(mujoco.MjModel.from_xml_string(xml))


def test_free_fall_of_the_mass_center(walker: models.Model) -> None:
    """Whatever muscles do inside, the mass center of a body in the air falls with gravity."""
    dyn = diff.Dynamics(walker)
    q, v, act = standing(walker)
    q = q + 2.0 * torch.nn.functional.one_hot(torch.tensor(1), dyn.nq)
    a = dyn.forward_dynamics(q, v, act)

    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    center = dyn.center_of_mass(dyn.kinematics(q + v * t + 0.5 * a * t * t))
    for axis, gravity in enumerate(walker.mj.opt.gravity):
        (speed,) = torch.autograd.grad(center[axis], t, create_graph=True)
        (fall,) = torch.autograd.grad(speed, t, retain_graph=True)
        assert float(fall) == pytest.approx(gravity, abs=1e-9)
