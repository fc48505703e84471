"""The physics check inside an evaluation: a simulated fall obeys Newton, a forged one does not."""

import numpy as np
import pytest

from bioenv import models
from bioenv.evaluate import evaluate
from bioenv.evaluate.physics import physics_figures
from bioenv.models import Model
from bioenv.motion import Motion


@pytest.fixture(scope="module")
def body() -> Model:
    return models.load("walker2d")


def falling(body: Model, mass: float | None = None) -> Motion:
    """Free fall of the standing walker: no ground, no muscles, no residual."""
    time = np.arange(0, 0.2, 0.01)
    qpos = np.tile(body.home, (time.size, 1))
    qvel = np.zeros_like(qpos)
    up = body.coordinate_index("pelvis_tz")
    qpos[:, up] -= 9.81 * time**2 / 2
    qvel[:, up] = -9.81 * time
    motion = Motion(time, model="walker2d", meta={"mass_kg": mass or body.mass})
    nothing = np.zeros((time.size, 2, 3))
    for name, values, labels in (
        ("qpos", qpos, body.coordinates),
        ("qvel", qvel, body.coordinates),
        ("qacc", np.gradient(qvel, time, axis=0), body.coordinates),
        ("ground_reaction_force", nothing, body.feet),
        ("center_of_pressure", np.full_like(nothing, np.nan), body.feet),
    ):
        motion = motion.add(name, values, labels=labels, source="computed")
    return motion


def test_free_fall_has_no_residual_and_no_torque(body):
    result = evaluate(falling(body), against=None)
    assert result.score("root_force_peak").value == pytest.approx(0, abs=1e-6)
    root = [body.coordinate_index(n) for n in ("pelvis_tx", "pelvis_tz", "pelvis_tilt")]
    torque = np.delete(result.motions[0]["joint_torque"], root, axis=1)
    assert result.motions[0].source("joint_torque") == "computed"
    # net torques of a body in free fall without motion in its joints vanish
    assert np.abs(torque).max() < 1e-6


def test_a_hovering_body_is_caught(body):
    """The same pose held in the air by nothing: the residual is its weight."""
    motion = falling(body)
    still = np.tile(body.home, (len(motion), 1))
    motion = motion.add("qpos", still, labels=body.coordinates, source="computed")
    for name in ("qvel", "qacc"):
        motion = motion.add(name, 0 * still, labels=body.coordinates, source="computed")
    found = evaluate(motion, against=None).score("root_force_rms")
    assert found.value == pytest.approx(body.body_weight, rel=1e-6)


def test_reasons_are_given_where_nothing_can_be_checked(body):
    assert "no known model" in physics_figures(Motion([0.0, 1.0]), None)[1]
    assert "qpos" in physics_figures(Motion([0.0, 1.0], model="walker2d"), body)[1]
    heavy = falling(body, mass=100.0)
    assert "100 kg" in physics_figures(heavy, body)[1]
    result = evaluate(heavy, against=None)
    assert np.isnan(result.score("root_force_rms_percent").value)
    assert "100 kg" in result.score("root_force_rms_percent").source
    assert "joint_torque" not in result.motions[0]
