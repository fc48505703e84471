"""The physics check passes what a simulator made and finds what somebody tampered with."""

from functools import cache

import mujoco
import numpy as np
import pytest

from bioenv import models
from bioenv.errors import BioenvError
from bioenv.inverse.residuals import FORCE_LIMIT_PERCENT, MOMENT_LIMIT_PERCENT, check
from bioenv.motion import Motion, Signal

FEET = ("r", "l", "toes_r", "toes_l")


@cache
def simulated(name: str = "walker2d", seconds: float = 0.5) -> Motion:
    """A body under rhythmic excitation, every frame's forces of the instant of its state."""
    model = models.load(name)
    mj, rng = model.mj, np.random.default_rng(0)
    data = mujoco.MjData(mj)
    data.qpos[:] = model.home
    data.qvel[0] = 0.6
    phase = rng.uniform(0, 2 * np.pi, mj.nu)
    keep: dict[str, list[np.ndarray]] = {}
    time = []
    for _ in range(round(seconds / mj.opt.timestep)):
        data.ctrl[:] = np.clip(0.15 + 0.3 * np.sin(2 * np.pi * 1.1 * data.time + phase), 0, 1)
        mujoco.mj_step(mj, data)
        mujoco.mj_forward(mj, data)
        time.append(data.time)
        frame = {"qpos": data.qpos, "qvel": data.qvel, "qacc": data.qacc, "activation": data.act,
                 "muscle_force": -data.actuator_force}  # fmt: skip
        if model.feet:
            frame |= ground(model, data)
        for key, values in frame.items():
            keep.setdefault(key, []).append(np.array(values))
    muscular, feet = ("activation", "muscle_force"), ("ground_reaction_force", "free_moment")
    labels = dict.fromkeys(keep, model.coordinates) | dict.fromkeys(muscular, model.muscles)
    labels |= dict.fromkeys((*feet, "center_of_pressure"), FEET)
    signals = {k: Signal(np.array(v), labels[k], "simulated") for k, v in keep.items()}
    return Motion(np.array(time), signals, name)


def ground(model: models.Model, data: mujoco.MjData) -> dict[str, np.ndarray]:
    """Force, point of zero sagittal moment and moment of each foot and of its toes."""
    mj = model.mj
    force, point, moment = np.zeros((4, 3)), np.full((4, 3), np.nan), np.zeros((4, 3))
    for i, foot in enumerate(FEET):
        side = foot[-1]
        bodies = {mj.body(f"toes_{side}").id} | (
            set() if foot.startswith("toes") else {mj.body(f"calcn_{side}").id}
        )
        places = []
        for k in range(data.ncon):
            contact, local = data.contact[k], np.zeros(6)
            if mj.geom_bodyid[contact.geom2] in bodies:
                mujoco.mj_contactForce(mj, data, k, local)
                one = contact.frame.reshape(3, 3).T @ local[:3]
                force[i] += one
                moment[i] += np.cross(contact.pos, one)
                places.append(contact.pos.copy())
        if force[i, 2] > 0:
            point[i] = np.mean(places, axis=0)
            moment[i] -= np.cross(point[i], force[i])
        else:
            moment[i] = 0
    return {"ground_reaction_force": force, "center_of_pressure": point, "free_moment": moment}


def changed(motion: Motion, name: str, values: np.ndarray) -> Motion:
    old = motion.signals[name]
    return Motion(
        motion.time, dict(motion.signals) | {name: Signal(values, old.labels, old.source)},
        motion.model, motion.meta,
    )  # fmt: skip


def without(motion: Motion, *names: str) -> Motion:
    signals = {k: v for k, v in motion.signals.items() if k not in names}
    return Motion(motion.time, signals, motion.model, motion.meta)


def test_a_simulation_obeys_newton() -> None:
    figures = check(simulated())
    assert figures["external_force_peak"] > 700  # the walker stood on its feet
    assert 0.8 < figures["com_height"] < 1.1
    assert figures["root_force_peak_percent"] < 1e-6
    assert figures["root_moment_peak_percent"] < 1e-6
    assert figures["torque_mismatch_percent"] < 0.2
    assert figures["torque_mismatch_rms/knee_angle_r"] < 0.1
    assert "torque_mismatch_rms/mtp_angle_r" in figures


def test_activation_alone_tells_the_muscle_force() -> None:
    figures = check(without(simulated(), "muscle_force"))
    assert figures["torque_mismatch_percent"] < 0.2
    bare = check(without(simulated(), "muscle_force", "activation"))
    assert bare["root_force_peak_percent"] < 1e-6
    assert not any(name.startswith("torque_mismatch") for name in bare)


def test_the_toe_joint_is_judged_only_with_the_force_under_the_toes() -> None:
    motion = simulated()
    kept = {}
    for name in ("ground_reaction_force", "center_of_pressure", "free_moment"):
        kept[name] = Signal(motion[name][:, :2], ("r", "l"), "simulated")
    figures = check(Motion(motion.time, dict(motion.signals) | kept, motion.model))
    assert "torque_mismatch_rms/mtp_angle_r" not in figures
    assert figures["torque_mismatch_percent"] < 0.2


def test_tampering_shows() -> None:
    motion = simulated()
    stronger = check(
        changed(motion, "ground_reaction_force", 1.1 * motion["ground_reaction_force"])
    )
    assert stronger["root_force_peak_percent"] > FORCE_LIMIT_PERCENT
    moved = check(
        changed(motion, "center_of_pressure", motion["center_of_pressure"] + [0.03, 0, 0])
    )
    assert moved["root_moment_peak_percent"] > MOMENT_LIMIT_PERCENT
    assert moved["root_force_peak_percent"] < 1e-6
    relaxed = check(changed(motion, "muscle_force", 0.5 * motion["muscle_force"]))
    assert relaxed["torque_mismatch_percent"] > 10
    late = check(changed(motion, "qvel", np.roll(motion["qvel"], 1, axis=0)))
    assert late["root_force_peak_percent"] > FORCE_LIMIT_PERCENT
    floating = check(without(motion, "ground_reaction_force", "center_of_pressure"))
    assert floating["root_force_rms"] > 300
    assert "root_force_rms_percent" not in floating


@pytest.mark.parametrize("name", ["elbow", "arm26"])
def test_an_arm_has_no_root_and_its_muscles_explain_its_motion(name: str) -> None:
    figures = check(simulated(name))
    assert not any(key.startswith("root") for key in figures)
    assert figures["torque_mismatch_percent"] < 1.0


def test_a_measured_fall_uses_central_differences() -> None:
    model = models.load("walker2d")
    time = np.arange(0, 0.4, 0.01)
    fall = np.zeros(model.mj.nv)
    fall[1] = model.mj.opt.gravity[2]
    qpos = model.home + 0.5 * fall * time[:, None] ** 2
    motion = Motion(
        time,
        {
            "qpos": Signal(qpos, model.coordinates, "measured"),
            "qvel": Signal(fall * time[:, None], model.coordinates, "measured"),
        },
        "walker2d",
    )
    figures = check(motion)
    assert figures["root_force_peak"] < 1e-8
    assert figures["root_moment_peak"] < 1e-8


def test_mistakes_are_named() -> None:
    motion = simulated()
    with pytest.raises(BioenvError, match="no channel qvel"):
        check(without(motion, "qvel"))
    with pytest.raises(BioenvError, match="weighs 60 kg"):
        check(motion.with_meta(mass_kg=60.0))
    with pytest.raises(BioenvError, match="three frames"):
        check(motion.between(motion.time[0], motion.time[1]))
    with pytest.raises(BioenvError, match="the model has"):
        check(motion, models.load("elbow"))
    with pytest.raises(BioenvError, match="names no model"):
        check(Motion(motion.time, motion.signals))
