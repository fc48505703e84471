"""Interventions change a body by what they say, in MuJoCo and in its symbolic twin alike."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from at_rest import at
from numpy.typing import NDArray

from bioenv.diff.symbolic.model import build
from bioenv.errors import BioenvError
from bioenv.models import Model, load, muscle
from bioenv.models.interventions import body, changed, cord_torque, one_sided

Array = NDArray[np.float64]


def plain() -> Model:
    return load("walker2d")


# ---- mass and strength
def test_added_mass_is_added_exactly() -> None:
    heavy = body("walker2d", {"mass.calcn": 2.0, "mass.pelvis": 10.0})
    difference = heavy.mj.body_mass - plain().mj.body_mass
    named = {heavy.mj.body(i).name: d for i, d in enumerate(difference) if d}
    assert named == pytest.approx({"calcn_r": 2.0, "calcn_l": 2.0, "pelvis": 10.0})
    assert heavy.mass == pytest.approx(plain().mass + 14.0)


def test_weakness_scales_force_and_muscle_mass_of_what_is_named() -> None:
    weak, before = body("walker2d", {"strength.soleus": 0.6}), plain()
    factor = np.where([m.startswith("soleus") for m in before.muscles], 0.6, 1.0)
    force = weak.muscle.max_isometric_force / before.muscle.max_isometric_force
    np.testing.assert_allclose(force, factor)
    np.testing.assert_allclose(weak.muscle.mass / before.muscle.mass, factor)
    pulls = []
    for model in (weak, before):
        data = at(model)
        data.act[:] = 1.0
        mujoco.mj_forward(model.mj, data)
        pulls.append(data.actuator_force.copy())
    np.testing.assert_allclose(pulls[0] / pulls[1], factor)


# ---- contracture
def test_contracture_shortens_fibers_and_leaves_tendon_and_force() -> None:
    short, before = changed("walker2d", {"contracture.gastroc_r": 0.8}), plain()
    i = before.muscle_index("gastroc_r")
    others = np.arange(len(before.muscles)) != i
    for name, factor in (("optimal_fiber_length", 0.8), ("tendon_slack_length", 1.0),
                         ("max_isometric_force", 1.0), ("mass", 0.8)):  # fmt: skip
        ratio = getattr(short.muscle, name) / getattr(before.muscle, name)
        assert ratio[i] == pytest.approx(factor), name
        np.testing.assert_allclose(ratio[others], 1.0)


def test_contracture_shifts_the_passive_force_to_shorter_lengths() -> None:
    """The force at slack + x is what it was at slack + x / 0.8."""
    short, before = changed("walker2d", {"contracture.soleus": 0.8}), plain()
    slack = before.muscle.tendon_slack_length
    stretch = np.linspace(0.9, 1.6, 30)[:, None] * before.muscle.element_length

    def passive(model: Model, x: Array) -> Array:
        zero = np.zeros_like(x)
        return muscle.muscle_force(slack + x, zero, zero, model.muscle)

    i = before.muscle_index("soleus_r")
    np.testing.assert_allclose(
        passive(short, 0.8 * stretch)[:, i], passive(before, stretch)[:, i], rtol=1e-9
    )
    assert (passive(short, stretch)[:, i] >= passive(before, stretch)[:, i]).all()


def test_a_contracted_calf_holds_the_ankle_back_in_mujoco() -> None:
    bent = {"ankle_angle_r": 0.3, "knee_angle_r": 0.05}
    short = changed("walker2d", {"contracture.soleus": 0.7})
    i = short.coordinate_index("ankle_angle_r")
    torque = [at(model, **bent).qfrc_actuator[i] for model in (plain(), short)]
    assert torque[1] < torque[0] - 20.0  # N*m


# ---- legs
def test_a_longer_leg_is_longer_by_that_much_and_the_other_is_as_it_was() -> None:
    model = changed("walker2d", {"leg_length.r": 0.02})

    def leg(one: Model, side: str) -> float:
        mj = one.mj
        return sum(float(np.linalg.norm(mj.body(f"{name}_{side}").pos))
                   for name in ("tibia", "calcn"))  # fmt: skip

    assert leg(model, "r") - leg(plain(), "r") == pytest.approx(0.02, abs=1e-12)
    assert leg(model, "l") == pytest.approx(leg(plain(), "l"))
    assert model.mass == pytest.approx(plain().mass)


def test_a_lift_lowers_the_sole_and_nothing_else() -> None:
    model, before = changed("walker2d", {"lift.r": 0.03}), plain()
    moved = (model.mj.geom_pos - before.mj.geom_pos)[:, 2]
    names = {model.mj.geom(i).name for i in np.flatnonzero(np.abs(moved) > 1e-12)}
    assert names == {"heel_r", "ball_r", "toe_r"}
    np.testing.assert_allclose(moved[np.abs(moved) > 1e-12], -0.03)
    np.testing.assert_array_equal(model.mj.body_mass, before.mj.body_mass)
    # Standing on the thick sole alone the pelvis is about its height higher.
    assert 0.02 < model.home[1] - before.home[1] < 0.03


# ---- the spring
@pytest.mark.parametrize("begins", [0.0, 0.1])
def test_the_spring_holds_with_k_times_the_angle_above_its_slack(begins: float) -> None:
    changes = {"exo.ankle": 180.0, "exo_angle.ankle": begins}
    model = changed("walker2d", changes)
    i = model.coordinate_index("ankle_angle_r")
    for angle in (-0.3, 0.05, 0.2, 0.35):
        data = at(model, ankle_angle_r=angle)
        wanted = -180.0 * max(angle - begins, 0.0)
        assert data.qfrc_passive[i] == pytest.approx(wanted, abs=1e-12)
        assert cord_torque(model, data.qpos[None])[0, i] == pytest.approx(wanted, abs=1e-12)
    assert not cord_torque(plain(), model.home[None]).any()


def test_one_ankle_alone_can_wear_a_spring() -> None:
    model = changed("walker2d", {"exo.ankle_l": 50.0})
    q = np.full((1, model.mj.nq), 0.2)
    (found,) = np.flatnonzero(cord_torque(model, q)[0])
    assert found == model.coordinate_index("ankle_angle_l")


# ---- both engines
def test_the_symbolic_body_is_mujocos() -> None:
    """Forces that the motion needs, with contact, springs and the changed body; muscles' too."""
    model = changed("walker2d", {"exo.ankle": 180.0, "exo_angle.ankle": -0.1, "lift.r": 0.03,
                                 "leg_length.l": 0.02, "contracture.soleus": 0.7})  # fmt: skip
    symbolic, data = build(model, smoothing=0.0), mujoco.MjData(model.mj)
    p, rng = symbolic.parameters.default, np.random.default_rng(0)
    for _ in range(5):
        q = np.clip(model.home + 0.2 * rng.normal(size=model.mj.nq), *symbolic.valid_range.T)
        q[1] = model.home[1] - rng.uniform(0.0, 0.05)
        v, a = rng.normal(size=q.size), 5.0 * rng.normal(size=q.size)
        act = rng.uniform(size=symbolic.nm)
        data.qpos[:], data.qvel[:], data.qacc[:] = q, v, a
        mujoco.mj_inverse(model.mj, data)
        need = np.array(symbolic.balance(q, v, a, act, p) + symbolic.muscle_torque(q, v, act, p))
        np.testing.assert_allclose(need.ravel(), data.qfrc_inverse, atol=1e-6)
        force = np.array(symbolic.muscle(q, v, act, p)[0]).ravel()
        lengths = data.actuator_length, data.actuator_velocity
        expected = muscle.muscle_force(*(np.array(x) for x in lengths), act, model.muscle)
        # The paths are fitted: a millimetre is some percent of a short fiber's force.
        np.testing.assert_allclose(force, expected, atol=0.02 * expected.max())


def test_stiff_springs_that_are_no_cords_are_still_refused() -> None:
    def edit(spec: mujoco.MjSpec) -> None:
        tendon = next(one for one in spec.tendons if one.name == "soleus_r_tendon")
        tendon.stiffness = np.array([10.0, 0.0, 0.0])

    with pytest.raises(BioenvError, match="stiffness of tendon 'soleus_r_tendon'"):
        build(load("walker2d", edit=edit))


# ---- nothing, and nonsense
def test_neutral_values_change_nothing() -> None:
    model = changed("walker2d", {"contracture.soleus": 1.0, "lift.r": 0.0, "exo.ankle": 0.0,
                                 "leg_length.l": 0.0})  # fmt: skip
    for name in ("body_mass", "geom_pos", "actuator_lengthrange", "key_qpos"):
        np.testing.assert_array_equal(getattr(model.mj, name), getattr(plain().mj, name))
    assert model.mj.ntendon == plain().mj.ntendon


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stiffness.ankle": 1.0}, "unknown intervention 'stiffness'.*contracture, leg_length"),
        ({"contracture.solus": 0.8}, "unknown muscle 'solus'; did you mean 'soleus"),
        ({"contracture.soleus": 0.1}, "from 0.3 to 1.5 of the optimal fiber length, not 0.1"),
        ({"leg_length.left": 0.02}, "unknown leg 'left'.*Available: r, l"),
        ({"lift.r": 0.5}, "lift.r is a number from 0 to 0.1 m"),
        ({"exo.knee": 100.0}, "unknown exo 'knee'.*ankle_r, ankle_l"),
        ({"exo.ankle": float("nan")}, "exo.ankle is a number from 0 to 2000"),
        ({"exo_angle.ankle": 0.1}, "its stiffness exo.ankle is missing"),
        ({"lift": 0.02}, "lift needs what it changes, for instance lift.r=0.03"),
    ],
)
def test_what_cannot_be_is_refused_with_the_valid_names(
    changes: dict[str, float], says: str
) -> None:
    with pytest.raises(BioenvError, match=says):
        changed("walker2d", changes)


def test_which_settings_make_the_sides_unlike() -> None:
    settings = dict.fromkeys(
        ("leg_length.r", "strength.soleus", "mass.calcn_l", "exo.ankle", "contracture.gastroc_r"),
        1.0,
    )
    assert one_sided(settings) == ("leg_length.r", "mass.calcn_l", "contracture.gastroc_r")
