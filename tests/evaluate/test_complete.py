"""Channels that are computed are those that MuJoCo would have given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv import models
from bioenv.agents.rollout import rollout
from bioenv.evaluate.complete import completed, whole_feet
from bioenv.evaluate.contact import contact_force, contact_loss
from bioenv.evaluate.gait import analyse
from bioenv.evaluate.loads import energy
from bioenv.inverse import inverse_dynamics, limit_torque, muscle_torque
from bioenv.models import Model
from bioenv.motion import Motion

ADDED = ("joint_contact_force", "metabolic_rate")


class Tense:
    """Holds every muscle at its own level, so that the body stands for a moment and then sinks."""

    task = "bioenv/Stand-v0"

    def act(self, observation: np.ndarray) -> np.ndarray:
        return np.linspace(0.05, 0.4, 18)[None]


@pytest.fixture(scope="module")
def body() -> Model:
    return models.load("walker2d")


@pytest.fixture(scope="module")
def simulated() -> Motion:
    """0.6 s with loaded feet; muscles, contact and ends of range are MuJoCo's."""
    motion = rollout(Tense(), seed=0, seconds=0.6)  # type: ignore[arg-type]
    assert motion["ground_reaction_force"][..., 2].max() > 500
    return motion


def without(motion: Motion, *names: str) -> Motion:
    return replace(motion, signals={n: s for n, s in motion.signals.items() if n not in names})


def test_joint_contact_force_and_metabolic_rate_are_mujocos_own(simulated, body):
    found = completed(without(simulated, *ADDED), body)
    assert found.source("joint_contact_force") == "computed"
    assert found.labels("joint_contact_force") == simulated.labels("joint_contact_force")
    size = np.abs(simulated["joint_contact_force"]).max()
    difference = found["joint_contact_force"] - simulated["joint_contact_force"]
    assert np.abs(difference).max() < 1e-6 * size
    np.testing.assert_allclose(found["metabolic_rate"], simulated["metabolic_rate"], rtol=1e-9)


def test_contact_force_is_what_the_feet_recorded(simulated, body):
    """On the root's slides it is the ground reaction itself."""
    force = contact_force(simulated, body)
    ground = simulated["ground_reaction_force"].sum(axis=1)
    root = [body.coordinate_index(name) for name in ("pelvis_tx", "pelvis_tz")]
    np.testing.assert_allclose(force[:, root], ground[:, [0, 2]], atol=1e-9 * np.abs(ground).max())


def test_what_the_ground_takes_is_what_nobody_else_gives(simulated, body):
    """Newton leaves no other place for the power that muscles, joints and inertia do not show."""
    still = replace(simulated.signals["qvel"], source="computed")  # every sample by itself
    motion = replace(simulated, signals={**simulated.signals, "qvel": still})
    state = [motion[name] for name in ("qpos", "qvel", "qacc")]
    others = muscle_torque(body, motion["qpos"], motion["muscle_force"])
    others += limit_torque(body, *state)
    given = ((inverse_dynamics(body, *state) - others) * motion["qvel"]).sum(axis=1)
    loss = contact_loss(motion, body)
    np.testing.assert_allclose(loss, -given, atol=1e-9 * np.abs(given).max())
    # In a simulation a force acts until the next sample.
    later = contact_loss(simulated, body)
    assert np.abs(later - loss).max() > 1
    assert later[-1] == loss[-1]


def test_what_a_motion_carries_is_kept(simulated, body):
    found = completed(simulated, body)
    for name in ADDED:
        assert found[name] is simulated[name]
        assert found.source(name) == "simulated"
    again = completed(found, body)
    assert again["joint_torque"] is found["joint_torque"]


def test_torque_of_muscles_alone_becomes_the_net_torque(simulated, body):
    net = completed(simulated, body)["joint_torque"]
    muscles = simulated.add(
        "joint_torque", 0 * net, labels=body.coordinates, source="optimized"
    )  # fmt: skip
    np.testing.assert_allclose(completed(muscles, body)["joint_torque"], net)


def test_toes_are_counted_once(simulated, body):
    force, point = simulated["ground_reaction_force"], simulated["center_of_pressure"]
    with_toes = simulated
    for name, values in (("ground_reaction_force", force), ("center_of_pressure", point)):
        toes = np.concatenate([values, 0.5 * values], axis=1)
        with_toes = with_toes.add(
            name, toes, labels=("r", "l", "toes_r", "toes_l"), source="optimized"
        )
    found = whole_feet(with_toes)
    assert found.labels("ground_reaction_force") == body.feet
    np.testing.assert_array_equal(found["ground_reaction_force"], force)
    assert whole_feet(simulated) is simulated
    # Without their feet, toes are all there is.
    alone = simulated.add("ground_reaction_force", force, labels=("toes_r", "l"), source="measured")
    assert whole_feet(alone).labels("ground_reaction_force") == ("toes_r", "l")


def test_a_strengthened_muscle_costs_as_a_thicker_one(simulated, body):
    soleus = [body.muscle_index("soleus_r"), body.muscle_index("soleus_l")]
    force = simulated["muscle_force"].copy()
    force[:, soleus] *= 2
    bare = without(simulated, *ADDED).with_meta(parameters={"strength.soleus": 2.0, "gravity": 9})
    strong = completed(
        bare.add("muscle_force", force, labels=body.muscles, source="optimized"), body
    )
    factor = np.ones(len(body.muscles))
    factor[soleus] = 2
    expected = factor * simulated["metabolic_rate"]
    np.testing.assert_allclose(strong["metabolic_rate"], expected, rtol=1e-9)


def test_nothing_is_made_up(simulated, body):
    bare = without(simulated, *ADDED)
    assert completed(bare, None) is bare
    other = bare.with_meta(mass_kg=100.0)
    assert completed(other, body) is other
    no_force = completed(without(bare, "muscle_force"), body)
    assert not {*ADDED} & set(no_force.signals)
    assert "joint_torque" in no_force
    one_foot = bare.add("ground_reaction_force", bare["ground_reaction_force"][:, :1],
                        labels="r", source="measured")  # fmt: skip
    assert "joint_contact_force" not in completed(one_foot, body)
    assert energy(analyse(bare)) == {}
