"""From OpenSim's names, axes and senses to those of a Motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_legs import COORDINATES, Walk
from two_legs_model import write_model

from bioenv import models
from bioenv.inverse.analysis import Analysis, GroundContact, Kinematics, Loads, Settings
from bioenv.inverse.standard import between, joint_label, own_joints, to_motion
from bioenv.lab.axes import OPENSIM, to_world
from bioenv.lab.electrodes import Electrode
from bioenv.models import osim
from bioenv.models.native_anatomy import NativeAnatomy


def still(body, count=20):
    """An analysis of a body that stands still."""
    q = np.tile(body.default, (count, 1))
    time = np.arange(count) / 100
    moved = Kinematics(time, q, 0 * q, 0 * q, time, q)
    return Analysis("still", body, Settings(), moved)


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return osim.load(write_model(tmp_path_factory.mktemp("standard") / "two.osim"))


def contact(body, force, point, moment=(0, 0, 0), count=20):
    rows = [np.tile(np.array(values, dtype=float), (count, 1)) for values in (force, point, moment)]
    return GroundContact(f"on {body}", body, *rows)


def test_axes_turn_from_y_up_to_z_up():
    np.testing.assert_array_equal(to_world(np.eye(3), OPENSIM), [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def test_one_name_for_one_joint():
    assert joint_label("walker_knee_r") == joint_label("knee_r") == "knee_r"


def test_senses_of_the_joints(body):
    own = {body.coordinates[i]: (name, sign) for i, _, name, sign in own_joints(body)}
    assert own["knee_angle_r"] == ("knee_angle_r", -1.0)
    assert own["hip_flexion_l"] == ("hip_flexion_l", 1.0)
    assert own["pelvis_ty"] == ("pelvis_tz", 1.0)
    assert set(own) == set(COORDINATES)


def test_two_plates_under_a_foot_are_one_wrench(body):
    both = (
        contact("calcn_r", (10, 0, 300), (0.0, 0.1, 0.0), (0, 0, 2)),
        contact("calcn_r", (-5, 4, 100), (0.2, 0.1, 0.0), (0, 0, -1)),
        contact("calcn_l", (0, 0, 50), (0.5, 0.3, 0.0)),
    )
    motion = to_motion(replace(still(body), contacts=both))
    assert motion.labels("ground_reaction_force") == ("r", "l")
    force = motion.column("ground_reaction_force", "r")[0]
    point = motion.column("center_of_pressure", "r")[0]
    moment = motion.column("free_moment", "r")[0]
    np.testing.assert_allclose(force, [5, 4, 400])
    np.testing.assert_allclose(point, [0.05, 0.1, 0.0])
    expected = sum(np.cross(c.point[0], c.force[0]) + c.moment[0] for c in both[:2])
    np.testing.assert_allclose(np.cross(point, force) + moment, expected)


def test_an_unloaded_plate_leaves_the_other_alone(body):
    empty = contact("calcn_r", (0, 0, 0), (np.nan,) * 3)
    loaded = contact("calcn_r", (0, 0, 300), (0.1, 0, 0))
    motion = to_motion(replace(still(body), contacts=(empty, loaded)))
    np.testing.assert_allclose(motion.column("center_of_pressure", "r")[0], [0.1, 0, 0])
    alone = to_motion(replace(still(body), contacts=(empty, empty)))
    assert np.isnan(alone.column("center_of_pressure", "r")).all()


def test_loads_of_either_kind_of_body_have_z_up(body):
    force = np.tile([1.0, 2.0, 3.0], (20, 1, 1))
    loads = Loads(("walker_knee_r",), ("knee",), force, 0 * force, 0 * force)
    turned = to_motion(replace(still(body), loads=loads))
    np.testing.assert_allclose(turned.column("joint_contact_force", "knee_r")[0], [1, -3, 2])
    own = NativeAnatomy(models.load("arm26"))
    kept = to_motion(replace(still(own), loads=loads))
    np.testing.assert_allclose(kept.column("joint_contact_force", "knee_r")[0], [1, 2, 3])


def test_markers_come_onto_the_motions_clock():
    time = np.arange(6) / 10
    values = np.column_stack([time, 2 * time])[:, None]
    values[3] = np.nan
    at = np.array([0.0, 0.05, 0.1, 0.25, 0.35, 0.4, 0.5])
    found = between(time, values, at)[:, 0, 0]
    np.testing.assert_allclose(found[[0, 1, 2, 5, 6]], [0.0, 0.05, 0.1, 0.4, 0.5])
    assert np.isnan(found[[3, 4]]).all()
    assert between(time, values, time) is values


def test_emg_is_named_by_site_and_nan_beside_its_recording(body):
    found = replace(
        still(body),
        emg_time=np.arange(5, 30) / 100,
        emg={"SOL": np.ones(25)},
        electrodes=(Electrode("SOL", "soleus", "r", ("soleus_r",)),),
    )
    motion = to_motion(found)
    assert motion.labels("emg") == ("soleus_r",)
    assert np.isnan(motion.column("emg", "soleus_r")[:5]).all()
    assert (motion.column("emg", "soleus_r")[5:] == 1).all()


def test_the_walks_motion_keeps_positions(body):
    walk = Walk(seconds=0.3)
    moved = Kinematics(walk.time, walk.q, 0 * walk.q, 0 * walk.q, walk.time, walk.q)
    motion = to_motion(Analysis("walk", body, Settings(), moved, belt_speed=1.2))
    q = dict(zip(COORDINATES, walk.q.T, strict=True))
    np.testing.assert_allclose(motion.column("qpos", "knee_angle_l"), -q["knee_angle_l"])
    np.testing.assert_allclose(motion.column("qpos", "pelvis_tz"), q["pelvis_ty"])
    assert motion.meta["belt_speed"] == 1.2
    assert motion.meta["mass_kg"] == pytest.approx(body.mass)
