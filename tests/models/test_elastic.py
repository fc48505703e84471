"""walker2d_elastic: the tendon is a spring in series with the fibers, and nothing else changed."""

from __future__ import annotations

import importlib.util
import sys

import mujoco
import numpy as np
import pytest
from at_rest import at

from bioenv import models
from bioenv.envs.simulation import Simulation
from bioenv.models import Model, Subject
from bioenv.paths import asset

MUSCLES = ("soleus", "gastroc")
ROOT = asset("walker2d").parents[1]


@pytest.fixture(scope="module")
def elastic() -> Model:
    return models.load("walker2d_elastic")


@pytest.fixture(scope="module")
def rigid() -> Model:
    return models.load("walker2d")


def test_the_file_is_what_its_script_writes():
    path = ROOT / "benchmarks" / "make_walker2d_elastic.py"
    spec = importlib.util.spec_from_file_location("make_walker2d_elastic", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    text = asset("walker2d", "model.xml").read_text(encoding="utf-8")
    assert asset("walker2d_elastic", "model.xml").read_text(encoding="utf-8") == made.elastic(text)


def test_fibers_are_those_of_walker2d_while_the_tendon_is_slack(elastic, rigid):
    rng = np.random.default_rng(0)
    for _ in range(10):
        angles = {
            f"{joint}_{side}": rng.uniform(low, high)
            for joint, low, high in (("knee_angle", 0.0, 1.2), ("ankle_angle", -0.4, 0.3))
            for side in "rl"
        }
        ours, theirs = at(elastic, **angles), at(rigid, **angles)
        mine, other = elastic.muscle, rigid.muscle
        fibers = [
            (d.actuator_length - p.tendon_slack_length) / p.optimal_fiber_length
            for d, p in ((ours, mine), (theirs, other))
        ]
        np.testing.assert_allclose(*fibers, atol=2e-5)
        knee, ankle = (elastic.coordinate_index(f"{j}_angle_r") for j in ("knee", "ankle"))
        knee_, ankle_ = (rigid.coordinate_index(f"{j}_angle_r") for j in ("knee", "ankle"))
        moments = [_arms(m, d) for m, d in ((elastic, ours), (rigid, theirs))]
        np.testing.assert_allclose(
            moments[0][:, [knee, ankle]], moments[1][:, [knee_, ankle_]], atol=1e-7
        )


def _arms(model: Model, data: mujoco.MjData) -> np.ndarray:
    full = np.zeros((model.mj.nu, model.mj.nv))
    mujoco.mju_sparse2dense(
        full, data.actuator_moment, data.moment_rownnz, data.moment_rowadr, data.moment_colind
    )
    return full


@pytest.mark.parametrize("muscle", MUSCLES)
def test_stretch_shortens_the_muscle_by_as_much(elastic, muscle):
    i = elastic.muscle_index(f"{muscle}_r")
    lengths = [
        at(elastic, **{f"{muscle}_stretch_r": x, "ankle_angle_r": 0.0}).actuator_length[i]
        for x in (0.0, 0.01)
    ]
    assert lengths[0] - lengths[1] == pytest.approx(0.01, abs=2e-5)


def test_at_rest_force_over_stiffness_is_the_stretch(elastic):
    """Body fixed in the air, calf active: the spring bears the muscle's force along its line."""
    mj = elastic.mj
    sim = Simulation(elastic, 1)
    sim.batch.expand("dof_damping")[:, [i for i in range(mj.nv) if "stretch" not in
                                        elastic.coordinates[i]]] = 1e5  # fmt: skip
    sim.reset(np.arange(1), {"activation": np.full((1, len(elastic.muscles)), 0.3)})
    sim.excitation[:] = 0.3
    sim.advance(60)
    for muscle in MUSCLES:
        joint = mj.joint(f"{muscle}_stretch_r").id
        force = -sim.actuator_force[0, elastic.muscle_index(f"{muscle}_r")]
        stretch = sim.qpos[0, elastic.coordinate_index(f"{muscle}_stretch_r")]
        assert force > 100
        assert mj.jnt_stiffness[joint] * stretch == pytest.approx(force, rel=0.01)


def test_the_spring_is_within_what_the_step_bears(elastic):
    mj = elastic.mj
    for muscle in MUSCLES:
        joint = mj.joint(f"{muscle}_stretch_r").id
        mass = mj.dof_armature[mj.jnt_dofadr[joint]]
        own = np.sqrt(mj.jnt_stiffness[joint] / mass) * mj.opt.timestep
        assert own == pytest.approx(1.0, rel=1e-3)  # rad; semi-implicit Euler bears 2


def test_a_subject_has_tendons_of_its_size_and_segments_of_its_own(elastic):
    own = elastic.subject
    assert own is not None
    scaled = models.load("walker2d_elastic", Subject(own.mass * 1.2, own.height * 1.1))
    for muscle in MUSCLES:
        k = [m.mj.jnt_stiffness[m.mj.joint(f"{muscle}_stretch_r").id] for m in (elastic, scaled)]
        assert k[1] == pytest.approx(k[0] * 1.2 / 1.1)
    longer = models.load(
        "walker2d_elastic", Subject(own.mass, own.height, segment_lengths={"femur": 0.5})
    )
    assert np.linalg.norm(longer.mj.body("tibia_r").pos) == pytest.approx(0.5)
