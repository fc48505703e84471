"""Model: names, parameters that can be recovered exactly, mirrors, and errors that help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.models import Model
from bioenv.models.model import from_mujoco
from bioenv.paths import asset

NAMES = ("arm26", "elbow", "legs3d", "walker2d", "walker2d_elastic")
LEG = ("hip_flexion", "knee_angle", "ankle_angle", "mtp_angle")
MUSCLES = (
    "hamstrings", "bifemsh", "glut_max", "iliopsoas", "rect_fem", "vasti", "gastroc", "soleus",
    "tib_ant",
)  # fmt: skip


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> Model:
    return models.load(request.param)


@pytest.fixture(scope="module")
def walker() -> Model:
    return models.load("walker2d")


def test_the_built_in_models_are_listed() -> None:
    assert models.available() == NAMES


def test_names_of_the_walker(walker: Model) -> None:
    root = ("pelvis_tx", "pelvis_tz", "pelvis_tilt", "lumbar_extension")
    legs = tuple(f"{name}_{side}" for side in "rl" for name in LEG)
    assert walker.coordinates == root + legs
    assert walker.muscles == tuple(f"{name}_{side}" for side in "rl" for name in MUSCLES)
    assert walker.feet == ("r", "l")
    assert walker.contact_joints == ("hip_r", "knee_r", "ankle_r", "hip_l", "knee_l", "ankle_l")
    assert walker.mass == pytest.approx(72.6, abs=1e-9)
    assert walker.body_weight == pytest.approx(72.6 * 9.81)


def test_one_coordinate_for_one_velocity(model: Model) -> None:
    assert model.mj.nq == model.mj.nv == len(model.coordinates) == model.home.size


@pytest.mark.parametrize("joint", [*(f"{n}_{s}" for s in "rl" for n in LEG), "lumbar_extension"])
def test_positive_senses(walker: Model, joint: str) -> None:
    """Flexion lifts the thigh forward, bends the knee back, dorsiflexion and toes go up."""
    data = mujoco.MjData(walker.mj)
    child = walker.mj.jnt_bodyid[walker.coordinate_index(joint)]

    def point(angle: float) -> np.ndarray:
        data.qpos[:] = 0.0
        data.qpos[walker.coordinate_index(joint)] = angle
        mujoco.mj_kinematics(walker.mj, data)
        return data.xipos[child].copy()

    move = point(0.1) - point(0.0)
    if joint.startswith("hip"):
        assert move[0] > 0
    elif joint.startswith("knee") or joint == "lumbar_extension":
        assert move[0] < 0
    else:
        assert move[2] > 0


def test_leaning_back_is_positive_tilt(walker: Model) -> None:
    data = mujoco.MjData(walker.mj)
    data.qpos[walker.coordinate_index("pelvis_tilt")] = 0.2
    mujoco.mj_kinematics(walker.mj, data)
    assert data.body("torso").xipos[0] < data.body("pelvis").xipos[0] - 0.05


def test_parameters_describe_mujocos_element(model: Model) -> None:
    """L0 and slack length follow from range and lengthrange; force from F0 and pennation."""
    p, mj = model.muscle, model.mj
    assert len(p) == mj.nu
    np.testing.assert_allclose(
        p.tendon_slack_length + p.range_min * p.element_length, mj.actuator_lengthrange[:, 0]
    )
    np.testing.assert_allclose(
        p.tendon_slack_length + p.range_max * p.element_length, mj.actuator_lengthrange[:, 1]
    )
    np.testing.assert_allclose(p.F0_tendon, p.max_isometric_force * np.cos(p.pennation))
    np.testing.assert_allclose(p.element_length, p.optimal_fiber_length * np.cos(p.pennation))
    data = mujoco.MjData(mj)
    data.qpos[:], data.act[:] = model.home, 1.0
    mujoco.mj_forward(mj, data)
    fiber = (data.actuator_length - p.tendon_slack_length) / p.element_length
    bias = [
        mujoco.mju_muscleBias(length, span, 1.0, prm[:9])
        for length, span, prm in zip(
            data.actuator_length, mj.actuator_lengthrange, mj.actuator_biasprm, strict=True
        )
    ]
    slack = fiber <= 1.0
    np.testing.assert_allclose(np.array(bias)[slack], 0.0, atol=1e-9)
    assert ((fiber > 0.4) & (fiber < 1.4)).all()


def test_source_values_survive(walker: Model) -> None:
    """F0, L0 and pennation are gait10dof18musc's, to the rounding of the file."""
    index, p = walker.muscle_index("soleus_r"), walker.muscle
    assert p.max_isometric_force[index] == pytest.approx(5137.0, rel=1e-6)
    assert p.optimal_fiber_length[index] == pytest.approx(0.0502888, rel=1e-5)
    assert p.pennation[index] == pytest.approx(0.43633231)
    assert (p.max_velocity == 10.0).all()
    assert 5.0 < p.mass.sum() < 12.0  # kg, both legs; half the legs' muscles by name


def test_arrays_are_read_only(model: Model) -> None:
    for array in (model.home, model.mirror_qpos, model.mirror_muscle, model.muscle.mass):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_mirror_is_exact(walker: Model) -> None:
    """Twice is the identity; every parameter and every length is that of the other side."""
    for mirror in (walker.mirror_qpos, walker.mirror_muscle):
        np.testing.assert_array_equal(mirror[mirror], np.arange(mirror.size))
    assert walker.muscles[walker.mirror_muscle[0]] == "hamstrings_l"
    assert walker.coordinates[walker.mirror_qpos[4]] == "hip_flexion_l"
    for name, values in vars(walker.muscle).items():
        np.testing.assert_array_equal(values[walker.mirror_muscle], values, err_msg=name)
    mj, rng = walker.mj, np.random.default_rng(0)
    for field in ("jnt_range", "dof_damping", "jnt_stiffness", "dof_armature"):
        values = getattr(mj, field)
        np.testing.assert_array_equal(values[walker.mirror_qpos], values, err_msg=field)
    data, other = mujoco.MjData(mj), mujoco.MjData(mj)
    for _ in range(20):
        data.qpos[:] = rng.uniform(-0.5, 0.8, mj.nq)
        other.qpos[:] = data.qpos[walker.mirror_qpos]
        mujoco.mj_forward(mj, data)
        mujoco.mj_forward(mj, other)
        np.testing.assert_allclose(
            other.actuator_length[walker.mirror_muscle], data.actuator_length, atol=1e-15
        )


def test_home_stands_on_its_feet(walker: Model) -> None:
    """Feet flat, the floor carries the weight, the centre of mass is above the foot's middle."""
    data = mujoco.MjData(walker.mj)
    data.qpos[:] = walker.home
    mujoco.mj_inverse(walker.mj, data)
    assert data.qfrc_inverse[1] == pytest.approx(0.0, abs=1.0)
    assert data.ncon == 6
    ankle, toe = data.body("calcn_r").xpos[0], data.geom("toe_r").xpos[0]
    assert ankle < data.subtree_com[0][0] < toe
    knees = walker.home[[walker.coordinate_index(f"knee_angle_{s}") for s in "rl"]]
    assert (np.rad2deg(knees) > 3).all()


def test_the_feet_have_a_persons_size(walker: Model) -> None:
    """Drillis and Contini 1966: foot length 0.152 of the height, 27 cm; ankle 7 cm high."""
    data, mj = mujoco.MjData(walker.mj), walker.mj
    mujoco.mj_kinematics(mj, data)
    ankle = data.body("calcn_r").xpos
    heel = ankle[0] - (data.geom("heel_r").xpos[0] - mj.geom("heel_r").size[0])
    toe = data.geom("toe_r").xpos[0] + mj.geom("toe_r").size[0] - ankle[0]
    sole = ankle[2] - (data.geom("heel_r").xpos[2] - mj.geom("heel_r").size[0])
    assert 0.04 < heel < 0.07
    assert 0.18 < toe < 0.24
    assert 0.06 < sole < 0.09
    for name in ("ball_r", "toe_r"):  # flat: all spheres touch the same plane
        low = data.geom(name).xpos[2] - mj.geom(name).size[0]
        assert ankle[2] - low == pytest.approx(sole, abs=1e-5)


def test_only_feet_touch_the_floor(walker: Model) -> None:
    data = mujoco.MjData(walker.mj)
    data.qpos[1], data.qpos[2] = 0.1, 1.5  # lying in the floor
    mujoco.mj_forward(walker.mj, data)
    touching = {walker.mj.geom(int(g)).name for c in data.contact for g in (c.geom1, c.geom2)}
    assert touching <= {"floor"} | {f"{n}_{s}" for n in ("heel", "ball", "toe") for s in "rl"}


def test_sensor_slices(walker: Model) -> None:
    found = walker.sensor_slice("contact_knee_l")
    assert found.stop - found.start == 3
    assert walker.sensor_slice("grf_r").start == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.coordinate_index("knee_r"), "unknown coordinate 'knee_r'; did you"),
        (lambda m: m.muscle_index("solues_r"), "unknown muscle 'solues_r'; did you"),
        (lambda m: m.sensor_slice("grf_x"), "unknown sensor 'grf_x'; did you mean 'grf_"),
        (lambda m: models.load("walkr2d"), "unknown model 'walkr2d'; did you mean 'walker2d'"),
        (lambda m: models.load("nowhere/model.xml"), "no model file"),
    ],
)  # fmt: skip
def test_unknown_names_say_what_exists(walker: Model, call, message: str) -> None:
    with pytest.raises(BioenvError, match=message):
        call(walker)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<mujoco>", "no valid MuJoCo model"),
        ("<mujoco/>", "every actuator must be a muscle"),
        ("<mujoco><worldbody><body><freejoint/><geom size='.1'/></body></worldbody></mujoco>",
         "every joint must be a hinge or a slide"),
    ],
)  # fmt: skip
def test_foreign_models_are_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.xml"
    path.write_text(text)
    with pytest.raises(BioenvError, match=message):
        models.load(path)


def test_a_model_loads_by_path_and_can_be_edited() -> None:
    def add_seat(spec: mujoco.MjSpec) -> None:
        spec.worldbody.add_geom(name="seat", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.2, 0.2, 0.02])

    model = models.load(asset("walker2d", "model.xml"), edit=add_seat)
    assert model.name == "walker2d"
    assert model.mj.geom("seat").size[0] == 0.2


def test_naming_the_package_imports_no_mujoco() -> None:
    code = "import sys, bioenv.models; sys.exit('mujoco' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_goes_from_side_to_side_changes_its_sign_in_the_mirror():
    """A body in three dimensions and its mirror image have mirrored body positions."""
    xml = """<mujoco><size nuser_actuator="3"/><worldbody><body name="pelvis" pos="0 0 1">
      <joint name="pelvis_tx" type="slide" axis="1 0 0"/>
      <joint name="pelvis_ty" type="slide" axis="0 1 0"/>
      <joint name="pelvis_list" axis="1 0 0"/><joint name="pelvis_tilt" axis="0 -1 0"/>
      <joint name="pelvis_rotation" axis="0 0 1"/><geom size=".1"/>
      <body name="femur_r" pos="0 -.1 0"><joint name="hip_adduction_r" axis="1 0 0"/>
        <joint name="hip_rotation_r" axis="0 0 1"/><geom size=".05" pos=".1 0 -.4"/>
        <site name="a_r"/><site name="b_r" pos="0 0 -.1"/></body>
      <body name="femur_l" pos="0 .1 0"><joint name="hip_adduction_l" axis="-1 0 0"/>
        <joint name="hip_rotation_l" axis="0 0 -1"/><geom size=".05" pos=".1 0 -.4"/>
        <site name="a_l"/><site name="b_l" pos="0 0 -.1"/></body>
    </body></worldbody>
    <tendon><spatial name="t_r"><site site="a_r"/><site site="b_r"/></spatial>
      <spatial name="t_l"><site site="a_l"/><site site="b_l"/></spatial></tendon>
    <actuator><muscle name="m_r" tendon="t_r" lengthrange=".05 .2" user="0 .5 6e5"/>
      <muscle name="m_l" tendon="t_l" lengthrange=".05 .2" user="0 .5 6e5"/></actuator></mujoco>"""
    model = from_mujoco(mujoco.MjModel.from_xml_string(xml), "two_thighs")
    flips = [c for c, s in zip(model.coordinates, model.mirror_sign, strict=True) if s < 0]
    assert flips == ["pelvis_ty", "pelvis_list", "pelvis_rotation"]
    q = np.random.default_rng(0).normal(0, 0.4, model.mj.nq)
    data, other = mujoco.MjData(model.mj), mujoco.MjData(model.mj)
    data.qpos[:], other.qpos[:] = q, model.mirror_sign * q[model.mirror_qpos]
    mujoco.mj_kinematics(model.mj, data)
    mujoco.mj_kinematics(model.mj, other)
    np.testing.assert_allclose(
        other.body("femur_l").xipos, data.body("femur_r").xipos * [1, -1, 1], atol=1e-12
    )
