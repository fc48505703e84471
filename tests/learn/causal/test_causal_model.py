"""The causal model is MuJoCo's body; its counterfactuals are reruns with the same noise."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.causal import (
    Body,
    CausalModel,
    Do,
    Population,
    Records,
    Reflex,
    from_motions,
)
from bioenv.learn.causal.model import Exogenous

Array = NDArray[np.float64]

ELBOW, ARM = Body("elbow"), Body("arm26")
PEOPLE = Population(seconds=0.6)


def _trials(body: Body, number: int = 6, seed: int = 0) -> tuple[CausalModel, Exogenous, Records]:
    model, exogenous = PEOPLE.model(body), PEOPLE.draw(body, number, seed)
    return model, exogenous, model.rollout(exogenous)


# Mechanics ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [ELBOW, ARM], ids=["elbow", "arm26"])
def test_a_trial_is_what_mujoco_makes_of_the_same_excitations(body: Body) -> None:
    """MuJoCo with its own muscles, its explicit Euler steps and the same inputs."""
    _, exogenous, records = _trials(body, 2)
    mj = body.mj.__copy__()
    mj.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_ACTUATION)
    given = {name: exogenous.inputs[name][1] for name in ("strength", "load", "assistance", "push")}
    for table in (mj.actuator_gainprm, mj.actuator_biasprm):
        table[:, 2] *= given["strength"][0]
    hand = mj.body("carried_load").id
    mj.body_mass[hand] = given["load"][0, 0]
    data = mujoco.MjData(mj)
    mujoco.mj_setConst(mj, data)
    data.qpos[:], data.act[:] = exogenous.qpos[1], exogenous.activation[1]
    for k in range(len(records.time)):
        np.testing.assert_allclose(data.qpos, records["qpos"][1, k], atol=1e-9)
        np.testing.assert_allclose(data.act, records["activation"][1, k], atol=1e-9)
        data.ctrl[:] = records["excitation"][1, k]
        data.qfrc_applied[:] = given["assistance"][0] + exogenous.disturbance[1, k]
        data.xfrc_applied[hand, :3] = given["push"][k]
        mujoco.mj_step(mj, data)
        np.testing.assert_allclose(-data.actuator_force, records["force"][1, k], rtol=1e-7)


def test_moment_arms_are_derivatives_of_length() -> None:
    rng, h = np.random.default_rng(0), 1e-6
    qpos = rng.uniform(0.3, 1.5, (20, 2))
    arm = ARM.paths(qpos).arm
    for j, step in enumerate(h * np.eye(2)):
        slope = (ARM.paths(qpos + step).length - ARM.paths(qpos - step).length) / (2 * h)
        np.testing.assert_allclose(arm[..., j], slope, atol=1e-7)


@pytest.mark.parametrize("body", [ELBOW, ARM], ids=["elbow", "arm26"])
def test_torque_for_inverts_accelerate_also_at_the_ends_of_range(body: Body) -> None:
    rng, n = np.random.default_rng(1), 50
    qpos = rng.uniform(-0.1, 2.3, (n, body.nv))
    qvel, torque = 3 * rng.normal(size=(n, body.nv)), 5 * rng.normal(size=(n, body.nv))
    load, push = rng.uniform(0, 2, n), 10 * rng.normal(size=(n, 3))
    qacc = body.accelerate(qpos, qvel, torque, load, push)
    found = body.torque_for(qpos, qvel, qacc, load, push)
    np.testing.assert_allclose(found, torque, atol=1e-5)


def test_a_load_is_a_point_mass_in_the_hand() -> None:
    """Its weight and its inertia at the hand, in closed form."""
    still, at = np.zeros((1, 1)), np.array([[0.7]])
    none, push = np.zeros(1), np.zeros((1, 3))

    def balance(load: float, qacc: float) -> float:
        args = (at, still, np.array([[qacc]]), np.array([load]), push)
        return float(ELBOW.torque_for(*args)[0, 0])

    data = mujoco.MjData(ELBOW.mj)
    data.qpos[:] = at[0]
    mujoco.mj_forward(ELBOW.mj, data)
    lever = (data.site("hand").xpos - data.xanchor[0])[[0, 2]]
    assert balance(1.3, 0.0) - balance(0.0, 0.0) == pytest.approx(1.3 * 9.81 * lever[0], rel=1e-6)
    inertia = balance(1.3, 1.0) - balance(1.3, 0.0) - balance(0.0, 1.0) + balance(0.0, 0.0)
    assert inertia == pytest.approx(1.3 * lever @ lever, rel=1e-6)
    up = np.array([[0.0, 0.0, 1.3 * 9.81]])
    held = ELBOW.torque_for(at, still, still, np.array([1.3]), up)
    free = ELBOW.torque_for(at, still, still, none, push)
    np.testing.assert_allclose(held, free, atol=1e-9)


def test_a_reflex_is_silent_at_the_wanted_posture_and_answers_stretch() -> None:
    reflex, at, still = Reflex(), np.array([[1.1]]), np.zeros((1, 1))
    np.testing.assert_allclose(reflex.excite(ELBOW, at, still, at), reflex.tone, atol=1e-12)
    falling = reflex.excite(ELBOW, at, np.array([[-1.0]]), at)[0]
    flexors = np.isin(ELBOW.model.muscles, ("BIClong", "BICshort", "BRA"))
    assert (falling[flexors] > reflex.tone).all()
    assert (falling[~flexors] < reflex.tone).all()
    assert reflex.lag(0.005) == 6
    with pytest.raises(BioenvError, match="numbers from 0"):
        Reflex(delay=-0.01)


# Interventions -----------------------------------------------------------------------------------


def test_do_sets_what_it_names_and_no_effect_precedes_it() -> None:
    model, exogenous, before = _trials(ELBOW)
    after = model.rollout(exogenous, [Do.parse("excitation.biceps=0.7@0.2:0.3")])
    inside = before.steps((0.2, 0.295))
    both = [ELBOW.model.muscle_index(name) for name in ("BIClong", "BICshort")]
    assert (after["excitation"][:, inside][..., both] == 0.7).all()
    first = inside[0]
    for name in ("qpos", "qvel", "activation"):
        np.testing.assert_allclose(
            after[name][:, : first + 1], before[name][:, : first + 1], rtol=0.0, atol=1e-12
        )
    late = after["excitation"][:, -1] - before["excitation"][:, -1]
    assert (np.abs(late).max(axis=1) > 0.01).all()  # the reflex answers


def test_inputs_change_only_inside_their_interval() -> None:
    model, exogenous, before = _trials(ELBOW)
    after = model.rollout(exogenous, [Do.parse("assistance.elbow+=2@0.2:0.4")])
    added = after["assistance"] - before["assistance"]
    inside = np.isin(np.arange(len(before.time)), before.steps((0.2, 0.395)))
    np.testing.assert_allclose(added[:, inside], 2.0)
    np.testing.assert_array_equal(added[:, ~inside], 0.0)
    torque = (after["torque"] - before["torque"])[:, np.flatnonzero(inside)[0]]
    np.testing.assert_allclose(torque, 2.0, atol=1e-9)
    strong = model.rollout(exogenous, [Do.parse("strength.biceps*=1.2"), Do.parse("load=0")])
    np.testing.assert_allclose(strong["strength"] / exogenous.inputs["strength"],
                               np.where(np.isin(ELBOW.model.muscles, ("BIClong", "BICshort")),
                                        1.2, 1.0)[None, None].repeat(6, 0))  # fmt: skip
    assert (strong["load"] == 0).all()


# Counterfactuals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [ELBOW, ARM], ids=["elbow", "arm26"])
def test_abduction_finds_the_noise_and_no_action_gives_the_trial_back(body: Body) -> None:
    model, exogenous, records = _trials(body)
    found = model.abduct(records)
    assert found.silent is not None
    told = ~found.silent
    assert told.mean() > 0.5
    np.testing.assert_allclose(found.neural[told], exogenous.neural[told], atol=1e-12)
    np.testing.assert_allclose(found.disturbance, exogenous.disturbance, atol=1e-7)
    np.testing.assert_allclose(found.fiber, 0.0, atol=1e-12)
    again = model.rollout(found)
    for name in records.values:
        np.testing.assert_allclose(again[name], records[name], atol=1e-7, err_msg=name)


@pytest.mark.parametrize("text", ["strength*=1.2", "assistance.elbow+=2", "load+=0.5@0.3:",
                                  "excitation.flexors=0.5@0.3:0.4"])  # fmt: skip
def test_a_counterfactual_is_the_rerun_with_the_same_noise(text: str) -> None:
    model = PEOPLE.model(ELBOW)
    # Trials in which no muscle is ever silent tell all of their noise.
    exogenous = PEOPLE.draw(ELBOW, 30, 3)
    records = model.rollout(exogenous)
    calm = ((records["excitation"] > 0) & (records["excitation"] < 1)).all(axis=(1, 2))
    assert calm.sum() >= 3
    exogenous, records = exogenous.take(np.flatnonzero(calm)), records.take(calm)
    would = model.counterfactual(records, [Do.parse(text)])
    truth = model.rollout(exogenous, [Do.parse(text)])
    np.testing.assert_allclose(would["qpos"], truth["qpos"], atol=1e-9)
    assert np.abs(would["qpos"] - records["qpos"]).max() > 1e-3


def test_where_the_record_is_silent_draws_cover_the_truth() -> None:
    """A muscle that was off: its noise is known to one side only, so the prediction has a width."""
    body, model = ELBOW, PEOPLE.model(ELBOW)
    exogenous = PEOPLE.draw(body, 25, 5)
    exogenous = replace(exogenous, neural=8.0 * exogenous.neural)
    records, do = model.rollout(exogenous), [Do.parse("load+=1")]
    drawn = model.counterfactual(records, do, draws=40, seed=1).column("qpos", (0.6, 0.6))
    low, high = np.quantile(drawn.reshape(25, 40), [0.05, 0.95], axis=1)
    truth = model.rollout(exogenous, do).column("qpos", (0.6, 0.6))
    assert (high > low).all()
    # 90 % of 25: at least 18 and so not by accident (binomial, p < 0.01 below).
    assert ((truth > low) & (truth < high)).sum() >= 18


def test_a_motion_is_a_record_without_activations_and_velocities_too() -> None:
    model, _, records = _trials(ELBOW)
    motion = records.motion(2)
    assert motion.meta["load"]["load"] == pytest.approx(records["load"][2, 0, 0])
    given = {name: value[2, 0] for name, value in records.values.items()
             if name in ("health", "strength", "load", "assistance", "target")}  # fmt: skip
    inputs = [{**given, "push": np.zeros(3)}]
    back = from_motions([motion], ELBOW.model, inputs)
    np.testing.assert_array_equal(back["qpos"][0], records["qpos"][2])
    poor = back.without("activation", "qvel", "qacc", "force", "torque")
    would = model.counterfactual(poor)
    np.testing.assert_allclose(would["qpos"], back["qpos"], atol=1e-9)


# Bad input ---------------------------------------------------------------------------------------


def test_what_cannot_be_a_counterfactual() -> None:
    model, exogenous, records = _trials(ELBOW, 2)
    with pytest.raises(BioenvError, match="needs strength in the record"):
        model.counterfactual(records.without("strength"))
    with pytest.raises(BioenvError, match=r"steps of 0.005 s, the causal model of 0.002 s"):
        PEOPLE.model(Body("elbow", dt=0.002)).abduct(records)
    with pytest.raises(BioenvError, match="record is of coordinates elbow_flexion"):
        PEOPLE.model(ARM).abduct(records)
    with pytest.raises(BioenvError, match=r"unknown label of strength 'bicep'.*biceps"):
        model.rollout(exogenous, [Do.parse("strength.bicep=1")])
    with pytest.raises(BioenvError, match=r"acts at no instant of a trial from 0 to 0.6 s"):
        model.rollout(exogenous, [Do.parse("load=1@2:3")])
    with pytest.raises(BioenvError, match=r"unknown site for the load 'foot'"):
        Body("elbow", hand="foot")
    with pytest.raises(BioenvError, match=r"unknown node of these records 'emg'"):
        records.without("emg")
