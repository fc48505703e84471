"""Subject: scaling keeps what must be kept and changes what must change."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.models import Model, Subject

OWN = Subject(mass=72.6, height=1.803)
SMALL = Subject(mass=50.0, height=1.52)
TALL = Subject(mass=95.0, height=1.98)
FIELDS = (
    "body_mass", "body_inertia", "body_pos", "body_ipos", "site_pos", "geom_size", "geom_pos",
    "actuator_lengthrange", "actuator_gainprm", "actuator_biasprm", "key_qpos", "jnt_stiffness",
    "dof_damping", "dof_armature",
)  # fmt: skip


@pytest.fixture(scope="module")
def own() -> Model:
    return models.load("walker2d")


def forward(model: Model, qpos: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(model.mj)
    data.qpos[:] = qpos
    mujoco.mj_forward(model.mj, data)
    return data


def fibers(model: Model, qpos: np.ndarray) -> np.ndarray:
    p = model.muscle
    return (forward(model, qpos).actuator_length - p.tendon_slack_length) / p.element_length


def moment_arms(model: Model, qpos: np.ndarray) -> np.ndarray:
    data, mj = forward(model, qpos), model.mj
    moment = np.zeros((mj.nu, mj.nv))
    mujoco.mju_sparse2dense(
        moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind
    )
    return moment


@pytest.mark.parametrize("name", ["arm26", "elbow", "walker2d"])
def test_the_models_own_subject_changes_no_bit(name: str) -> None:
    plain = models.load(name)
    assert plain.subject is not None
    again = models.load(name, plain.subject)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(again.mj, field), getattr(plain.mj, field), field)


@pytest.mark.parametrize("subject", [SMALL, TALL, Subject(150.0, 1.7), Subject(20.0, 1.1)])
def test_total_mass_is_the_subjects(subject: Subject) -> None:
    model = models.load("walker2d", subject)
    assert model.mass == pytest.approx(subject.mass, rel=1e-12)
    assert model.subject == subject


def test_lengths_follow_the_height(own: Model) -> None:
    model = models.load("walker2d", TALL)
    ratio = TALL.height / OWN.height
    q = np.zeros(own.mj.nq)
    before, after = forward(own, q), forward(model, q)
    np.testing.assert_allclose(after.xpos, ratio * before.xpos, atol=1e-12)
    np.testing.assert_allclose(after.site_xpos, ratio * before.site_xpos, atol=1e-12)
    np.testing.assert_allclose(after.xipos, ratio * before.xipos, atol=1e-12)
    body = model.mj.geom_bodyid > 0
    np.testing.assert_allclose(model.mj.geom_size[body], ratio * own.mj.geom_size[body])
    np.testing.assert_allclose(
        moment_arms(model, q)[:, 2:], ratio * moment_arms(own, q)[:, 2:], atol=1e-12
    )


def test_inertia_goes_with_mass_and_length_squared(own: Model) -> None:
    model = models.load("walker2d", TALL)
    factor = TALL.mass / OWN.mass * (TALL.height / OWN.height) ** 2
    np.testing.assert_allclose(model.mj.body_inertia, factor * own.mj.body_inertia, rtol=1e-9)


@pytest.mark.parametrize("subject", [SMALL, TALL, Subject(72.6, 1.803, {"femur": 0.5})])
def test_fibers_at_home_keep_their_normalized_length(own: Model, subject: Subject) -> None:
    model = models.load("walker2d", subject)
    np.testing.assert_allclose(fibers(model, model.home), fibers(own, own.home), atol=1e-6)


@pytest.mark.parametrize("subject", [SMALL, TALL, Subject(72.6, 1.803, {"tibia": 0.35})])
def test_the_feet_carry_the_weight_at_home(subject: Subject) -> None:
    model = models.load("walker2d", subject)
    data = mujoco.MjData(model.mj)
    data.qpos[:] = model.home
    mujoco.mj_inverse(model.mj, data)
    assert data.ncon == 6
    assert data.qfrc_inverse[1] == pytest.approx(0.0, abs=1e-6 * model.body_weight)


def test_similar_bodies_are_dynamically_similar(own: Model) -> None:
    """Geometric similarity: mass by length^3 makes force by length^2 = mass^(2/3)."""
    ratio = 0.8
    model = models.load("walker2d", Subject(OWN.mass * ratio**3, OWN.height * ratio))
    p, q = model.muscle, own.muscle
    np.testing.assert_allclose(p.max_isometric_force, ratio**2 * q.max_isometric_force, rtol=1e-9)
    np.testing.assert_allclose(p.optimal_fiber_length, ratio * q.optimal_fiber_length, rtol=1e-9)
    np.testing.assert_allclose(p.tendon_slack_length, ratio * q.tendon_slack_length, rtol=1e-9)
    np.testing.assert_allclose(p.mass.sum() / model.mass, q.mass.sum() / own.mass, rtol=1e-9)


@pytest.mark.parametrize("subject", [SMALL, TALL])
def test_scaled_bodies_stay_mirrors(subject: Subject) -> None:
    model = models.load("walker2d", subject)
    for name, values in vars(model.muscle).items():
        np.testing.assert_allclose(values[model.mirror_muscle], values, rtol=1e-14, err_msg=name)
    np.testing.assert_array_equal(model.home[model.mirror_qpos], model.home)


def test_a_named_segment_gets_its_length(own: Model) -> None:
    both = models.load("walker2d", Subject(72.6, 1.803, {"femur": 0.5}))
    one = models.load("walker2d", Subject(72.6, 1.803, {"femur_r": 0.5}))
    for side in "rl":
        assert np.linalg.norm(both.mj.body(f"tibia_{side}").pos) == pytest.approx(0.5)
    np.testing.assert_array_equal(one.mj.body("tibia_l").pos, own.mj.body("tibia_l").pos)
    assert both.mass == pytest.approx(72.6, rel=1e-12)
    # What hangs on the other segments keeps its size.
    np.testing.assert_array_equal(both.mj.body("calcn_r").pos, own.mj.body("calcn_r").pos)


def test_strength_scales_isometric_torque_linearly(own: Model) -> None:
    weak = models.load("walker2d", Subject(72.6, 1.803, strength=0.6))
    torques = []
    for model in (own, weak):
        data = mujoco.MjData(model.mj)
        data.qpos[:], data.act[:] = model.home, 0.7
        data.qpos[1] += 2.0
        mujoco.mj_forward(model.mj, data)
        torques.append(data.qfrc_actuator.copy())
    np.testing.assert_allclose(torques[1], 0.6 * torques[0], atol=1e-9)


def test_strength_of_single_muscles(own: Model) -> None:
    model = models.load("walker2d", Subject(72.6, 1.803, strength={"soleus": 0.5, "vasti_l": 1.5}))
    factor = model.muscle.max_isometric_force / own.muscle.max_isometric_force
    expected = np.ones(18)
    expected[[own.muscle_index(n) for n in ("soleus_r", "soleus_l")]] = 0.5
    expected[own.muscle_index("vasti_l")] = 1.5
    np.testing.assert_allclose(factor, expected, rtol=1e-12)


def test_there_and_back_again(own: Model) -> None:
    """Scaled factors are exact inverses: the ratios of two subjects multiply to one."""
    up = models.load("walker2d", TALL).muscle
    similar = Subject(OWN.mass**2 / TALL.mass, OWN.height**2 / TALL.height)
    down = models.load("walker2d", similar).muscle
    for name in ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length"):
        product = getattr(up, name) * getattr(down, name)
        np.testing.assert_allclose(product, getattr(own.muscle, name) ** 2, rtol=1e-9)


def test_a_scaled_body_can_stand_and_fall() -> None:
    model = models.load("walker2d", Subject(30.0, 1.3))
    data = mujoco.MjData(model.mj)
    data.qpos[:] = model.home
    for _ in range(200):
        mujoco.mj_step(model.mj, data)
    assert np.isfinite(data.qpos).all()
    assert np.abs(data.qvel).max() < 60.0


def test_subjects_are_values() -> None:
    assert Subject(70, 1.7, {"femur": 0.4}) == Subject(70, 1.7, {"femur": 0.4})
    assert len({Subject(70, 1.7, {"femur": 0.4}), Subject(70, 1.7, {"femur": 0.4})}) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Subject(0.0, 1.7), "mass is 0.0; expected a number above 5"),
        (lambda: Subject(-70.0, 1.7), "mass"),
        (lambda: Subject(70.0, 5.0), "height is 5.0; expected a number above 0.5 and up to 2.6 m"),
        (lambda: Subject(float("nan"), 1.7), "mass is nan"),
        (lambda: Subject(70.0, float("inf")), "height is inf"),
        (lambda: Subject("70", 1.7), "mass is '70'"),  # type: ignore[arg-type]
        (lambda: Subject(70.0, 1.7, {"femur": -0.4}), "length of 'femur' is -0.4"),
        (lambda: Subject(70.0, 1.7, strength=0.0), "strength is 0.0"),
        (lambda: Subject(70.0, 1.7, strength={"soleus": -1.0}), "strength of 'soleus' is -1.0"),
        (lambda: models.load("walker2d", Subject(70.0, 1.7, {"femor": 0.4})),
         "unknown segment 'femor'; did you mean 'femur_r'"),
        (lambda: models.load("walker2d", Subject(70.0, 1.7, {"torso": 0.4})),
         "segment 'torso' has no length between two joints"),
        (lambda: models.load("walker2d", Subject(70.0, 1.7, strength={"solues_r": 2.0})),
         "unknown muscle 'solues_r'; did you mean 'soleus_r'"),
    ],
)  # fmt: skip
def test_impossible_subjects_are_refused(make, message: str) -> None:
    with pytest.raises(BioenvError, match=message):
        make()
