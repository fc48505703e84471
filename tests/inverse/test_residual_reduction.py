"""Residual reduction finds the error that was made, keeps its bounds and reports everything."""

import json

import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.residual_reduction import Bounds, reduce_residuals
from bioenv.models.native_anatomy import NativeAnatomy

TIME = np.arange(0, 2.0, 0.01)
Moved = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def walker() -> NativeAnatomy:
    return NativeAnatomy(models.load("walker2d"))


@pytest.fixture(scope="module")
def motion(walker: NativeAnatomy) -> Moved:
    """A body that sways and bobs, and its derivatives."""
    rng = np.random.default_rng(0)
    size = np.where(walker.rotational, 0.15, 0.02) * rng.uniform(0.5, 1, 12)
    rate, phase = 2 * np.pi * rng.uniform(0.5, 1.2, 12), rng.uniform(0, 6, 12)
    angle = rate * TIME[:, None] + phase
    q = walker.default + size * np.sin(angle)
    return q, size * rate * np.cos(angle), -size * rate**2 * np.sin(angle)


@pytest.fixture(scope="module")
def ground(walker: NativeAnatomy, motion: Moved) -> list[Contact]:
    """The one force on the ground that this motion of this body needs."""
    tau = generalized_forces(walker, *motion)
    x, y, tilt = (tau[:, walker.coordinates.index(f"pelvis_{n}")] for n in ("tx", "ty", "tilt"))
    force = np.stack([x, np.zeros_like(x), y], axis=1)
    point = np.zeros_like(force)
    height = motion[0][:, 1]
    point[:, 0] = motion[0][:, 0] + (tilt - height * x) / y
    return [Contact("calcn_r", force, point)]


def test_a_consistent_trial_is_left_alone(
    walker: NativeAnatomy, motion: Moved, ground: list[Contact]
) -> None:
    found = reduce_residuals(walker, TIME, *motion, ground)
    assert found.before.figures["force_rms"] < 1e-6
    np.testing.assert_allclose(found.q, motion[0], atol=2e-4)
    assert found.changes["mass_factor"] == pytest.approx(1, abs=2e-3)
    assert np.abs(found.changes["mass_center_shift"]).max() < 1e-3


def test_a_misplaced_trunk_is_put_back(
    walker: NativeAnatomy, motion: Moved, ground: list[Contact]
) -> None:
    wrong = NativeAnatomy(walker.model)
    torso = wrong.mj.body("torso")
    torso.ipos[0] -= 0.018
    found = reduce_residuals(wrong, TIME, *motion, ground)
    assert found.changes["body"] == "torso"
    np.testing.assert_allclose(found.changes["mass_center_shift"], [0.018, 0, 0], atol=2e-3)
    assert found.after.figures["moment_rms"] < 0.15 * found.before.figures["moment_rms"]
    # The model that was given is as before; the new one has moved.
    assert wrong.mj.body("torso").ipos[0] == torso.ipos[0]
    moved = found.anatomy.mj.body("torso").ipos - wrong.mj.body("torso").ipos
    np.testing.assert_allclose(moved, found.changes["mass_center_shift"])


def test_a_lighter_person_is_found(
    walker: NativeAnatomy, motion: Moved, ground: list[Contact]
) -> None:
    lighter = [one._replace(force=one.force * 0.97) for one in ground]
    found = reduce_residuals(walker, TIME, *motion, lighter)
    assert found.changes["mass_factor"] == pytest.approx(0.97, abs=3e-3)
    assert found.anatomy.mass == pytest.approx(0.97 * walker.mass, rel=3e-3)
    assert found.anatomy.body_weight == pytest.approx(9.81 * found.anatomy.mass)
    assert found.anatomy.mj.body_subtreemass[0] == pytest.approx(found.anatomy.mass)
    assert found.after.figures["force_rms"] < 0.2 * found.before.figures["force_rms"]


def test_errors_of_the_motion_shrink_within_bounds(
    walker: NativeAnatomy, motion: Moved, ground: list[Contact]
) -> None:
    rng = np.random.default_rng(1)
    size = np.where(walker.rotational, np.radians(0.7), 0.004) * rng.choice([-1, 1], 12)
    rate = 2 * np.pi * 1.5
    wave, slope = np.sin(rate * TIME)[:, None], rate * np.cos(rate * TIME)[:, None]
    q, qd, qdd = motion
    wrong = (q + size * wave, qd + size * slope, qdd - size * rate**2 * wave)
    bounds = Bounds(angle=np.radians(1.0), distance=0.006)
    found = reduce_residuals(walker, TIME, *wrong, ground, bounds=bounds)
    for what in ("force_rms", "moment_rms"):
        assert found.after.figures[what] < 0.25 * found.before.figures[what]
    change = np.abs(found.q - wrong[0]).max(axis=0)
    room = np.where(walker.rotational, bounds.angle, bounds.distance)
    assert (change <= room * (1 + 1e-5)).all()
    # Speeds and accelerations belong to the corrected coordinates.
    inner = slice(3, -3)
    for rate_of, values in ((found.qd, found.q), (found.qdd, found.qd)):
        steps = np.gradient(values, TIME, axis=0, edge_order=2)[inner]
        np.testing.assert_allclose(rate_of[inner], steps, atol=0.01 * np.abs(rate_of).max())
    told = found.changes["coordinates"]
    assert told["hip_flexion_l"]["peak"] == pytest.approx(
        change[walker.coordinates.index("hip_flexion_l")]
    )
    json.dumps(found.changes)
    assert "residuals reduced: force" in found.notes[0]
    torque = generalized_forces(found.anatomy, found.q, found.qd, found.qdd, ground)
    np.testing.assert_allclose(found.torque, torque)


def test_frames_beside_the_plates_do_not_pull(
    walker: NativeAnatomy, motion: Moved, ground: list[Contact]
) -> None:
    force = ground[0].force.copy()
    force[120:] = 0.0
    found = reduce_residuals(walker, TIME, *motion, [ground[0]._replace(force=force)])
    assert not found.before.meaningful[120:].any()
    np.testing.assert_allclose(found.q, motion[0], atol=1e-3)


def test_what_cannot_be_reduced_is_said(
    walker: NativeAnatomy, motion: Moved, ground: list[Contact]
) -> None:
    arm = NativeAnatomy(models.load("arm26"))
    rest = np.zeros((4, 2))
    with pytest.raises(BioenvError, match="has no root coordinates"):
        reduce_residuals(arm, TIME[:4], rest, rest, rest, [])
    with pytest.raises(BioenvError, match="no frame's residual is meaningful"):
        reduce_residuals(walker, TIME, *motion, [])
    with pytest.raises(BioenvError, match="unknown body 'trunk'"):
        reduce_residuals(walker, TIME, *motion, ground, body="trunk")
    with pytest.raises(BioenvError, match="time must be"):
        reduce_residuals(walker, TIME[::-1], *motion, ground)
    with pytest.raises(BioenvError, match="bound angle must be positive"):
        Bounds(angle=0.0)
