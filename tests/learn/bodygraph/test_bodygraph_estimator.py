"""BodyGraph: what it promises of its band, its file, its scores, and of bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from body_graphs import turned_world

from bioenv import models, paths
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import inverse_dynamics
from bioenv.learn.bodygraph import (
    Bodies,
    BodyGraph,
    Collection,
    collect,
    draw_states,
    estimate_torques,
    held_out,
    judge,
)
from bioenv.learn.bodygraph.motions import contacts_of
from bioenv.learn.bodygraph.skeleton import Skeleton
from bioenv.learn.bodygraph.training import PLAN
from bioenv.learn.estimators import auroc
from bioenv.motion import Motion


def people(seed: int, persons: int) -> Collection:
    rng = np.random.default_rng(seed)
    return collect(draw_states(Bodies(), "walker2d", persons, 20, rng, measured=True))


@pytest.fixture(scope="module")
def small() -> BodyGraph:
    """Two small members, hardly trained."""
    graph = BodyGraph(hidden=8, members=2, plan=replace(PLAN, epochs=1), first=20)
    return graph.fit(people(0, 8), people(1, 4))


@pytest.fixture(scope="module")
def shipped() -> BodyGraph:
    return BodyGraph.load("body_graph")


@pytest.fixture(scope="module")
def walk() -> Motion:
    return Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))


def test_total_variance_is_the_sum_and_lies_inside_the_band(small: BodyGraph) -> None:
    found = small.predict(people(2, 3))
    np.testing.assert_array_equal(found.total, found.aleatoric + found.epistemic)
    assert (found.aleatoric > 0).all()
    assert (found.epistemic >= 0).all()
    assert (found.lower < found.mean).all()
    assert (found.mean < found.upper).all()


def test_a_file_says_the_same_as_what_was_saved(small: BodyGraph, tmp_path: Path) -> None:
    small.save(tmp_path / "graph", {"data": "toy"})
    again = BodyGraph.load(tmp_path / "graph")
    other = people(3, 2)
    one, two = small.predict(other), again.predict(other)
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_allclose(one.upper, two.upper, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(one.novelty, two.novelty, rtol=1e-4)
    card = json.loads((tmp_path / "graph" / "card.json").read_text())
    assert card["data"] == "toy"
    assert card["units"] == "N and N*m"


def test_damaged_files_are_refused(small: BodyGraph, tmp_path: Path) -> None:
    folder = small.save(tmp_path / "graph")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "format": "other"}))
    with pytest.raises(BioenvError, match=r"format 'other' where .*bioenv body graph 1"):
        BodyGraph.load(folder)
    (folder / "card.json").write_text(json.dumps({**card, "network": "oracle"}))
    with pytest.raises(BioenvError, match="network must be one of physics, generic"):
        BodyGraph.load(folder)
    (folder / "card.json").write_text(json.dumps(card))
    raw = bytearray((folder / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (folder / "model.safetensors").write_bytes(raw)
    with pytest.raises(BioenvError, match="sha256 differs"):
        BodyGraph.load(folder)


@pytest.mark.parametrize("name", ["walker2d", "legs3d"])
def test_the_shipped_model_does_not_mind_how_the_world_lies(shipped: BodyGraph, name: str) -> None:
    """In single precision, in N*m of a body of 1 N*m weight times length: 1e-6."""
    rng = np.random.default_rng(5)
    (states,) = draw_states(Bodies(), name, 1, 30, rng)
    one, two = (shipped.predict(collect([x])) for x in (states, turned_world(states)))
    torque = states.skeleton.units.torque
    for a, b in ((one.mean, two.mean), (one.lower, two.lower), (one.upper, two.upper)):
        assert np.abs(a - b).max() / torque <= 1e-6
    np.testing.assert_array_equal(one.flag, two.flag)


@pytest.mark.parametrize("part", ["inside", "outside"])
def test_the_shipped_model_reproduces_its_scores(shipped: BodyGraph, part: str) -> None:
    found, told = judge(shipped, held_out(part)), shipped.card_["scores"][part]
    for name, value in told.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=2e-3), name


def test_the_shipped_model_keeps_its_promises(shipped: BodyGraph) -> None:
    scores = shipped.card_["scores"]
    assert 0.88 <= scores["inside"]["coverage"] <= 0.92
    assert 0.85 <= scores["outside"]["coverage"] <= 0.95
    for part in scores.values():
        assert part["rmse"] < 1.02 * part["inverse_dynamics_rmse"]


def test_a_motion_gets_torques_with_a_band_and_a_flag(shipped: BodyGraph, walk: Motion) -> None:
    model = models.load("walker2d")
    found = estimate_torques(walk, model, shipped)
    signal = found.signals["joint_torque"]
    assert signal.source == "estimated"
    assert signal.band is not None
    assert signal.flag is not None
    assert found.labels("joint_torque") == model.coordinates
    truth = inverse_dynamics(
        model, walk["qpos"], walk["qvel"], walk["qacc"],
        contacts=contacts_of(walk, Skeleton(model)), net=True,
    )  # fmt: skip
    joints = Skeleton(model).joints
    miss = np.sqrt(np.mean((signal.values - truth)[:, joints] ** 2)) / model.mass
    assert miss < 0.1
    inside = (signal.band[..., 0] <= truth) & (truth <= signal.band[..., 1])
    assert inside[:, joints].mean() > 0.85


def test_a_walk_without_its_ground_forces_is_flagged(shipped: BodyGraph, walk: Motion) -> None:
    signals = {n: s for n, s in walk.signals.items() if n != "ground_reaction_force"}
    with pytest.raises(BioenvError, match="floats: its joint torques need ground_reaction_force"):
        estimate_torques(replace(walk, signals=signals), "walker2d", shipped)
    force = walk.signals["ground_reaction_force"]
    none = replace(force, values=0.0 * force.values)
    lost = replace(walk, signals={**walk.signals, "ground_reaction_force": none})
    flag = estimate_torques(lost, "walker2d", shipped).signals["joint_torque"].flag
    assert flag is not None
    assert flag.mean() > 0.95


def test_lost_plates_and_other_bodies_are_told_from_usual_walking(shipped: BodyGraph) -> None:
    """Area under the curve of the novelty against other people of the training range."""
    people = held_out("inside", persons=3)
    usual = shipped.predict(collect(people)).novelty
    lost = shipped.predict(collect([replace(one, contacts=()) for one in people])).novelty
    stood = [np.isfinite([c.point[:, 0] for c in one.contacts]).any(axis=0) for one in people]
    assert auroc(usual, lost[np.concatenate(stood)]) >= 0.95
    arms = draw_states(Bodies(), "arm26", 3, 20, np.random.default_rng(0), measured=True)
    assert auroc(usual, shipped.predict(collect(arms)).novelty) >= 0.95
    fast = [replace(one, qvel=3 * one.qvel, qacc=9 * one.qacc) for one in people]
    assert auroc(usual, shipped.predict(collect(fast)).novelty) >= 0.95


def test_an_arm_needs_no_ground(shipped: BodyGraph) -> None:
    time = np.arange(5) / 100
    motion = Motion(time, model="arm26")
    for name in ("qpos", "qvel", "qacc"):
        motion = motion.add(
            name, np.full((5, 2), 0.3), labels=["shoulder_elev", "elbow_flexion"],
            source="simulated",
        )  # fmt: skip
    found = estimate_torques(motion, graph=shipped)
    assert found["joint_torque"].shape == (5, 2)
    assert found.signals["joint_torque"].flag.all()  # type: ignore[union-attr]


def test_the_parts_of_a_foots_force_make_up_the_whole(walk: Motion) -> None:
    model = models.load("walker2d_elastic")
    motion = Motion.load(paths.agent_file("plans", "walk-speeds", "speed-1.2", "motion.nc"))
    contacts = contacts_of(motion, Skeleton(model))
    assert {one.body for one in contacts} == {"calcn_r", "toes_r", "calcn_l", "toes_l"}
    tau = inverse_dynamics(
        model, motion["qpos"], motion["qvel"], motion["qacc"], contacts=contacts, net=True
    )
    whole = inverse_dynamics(
        model, motion["qpos"], motion["qvel"], motion["qacc"],
        motion["ground_reaction_force"][:, :2], motion["center_of_pressure"][:, :2], net=True,
    )  # fmt: skip
    toes = [model.coordinate_index(f"mtp_angle_{side}") for side in "rl"]
    rest = np.setdiff1d(np.arange(model.mj.nv), toes)
    np.testing.assert_allclose(tau[:, rest], whole[:, rest], atol=1e-6)


def test_bad_input_is_named(small: BodyGraph, walk: Motion) -> None:
    signals = {n: s for n, s in walk.signals.items() if n != "qacc"}
    with pytest.raises(BioenvError, match="lacks qacc and has"):
        estimate_torques(replace(walk, signals=signals), "walker2d", small)
    with pytest.raises(BioenvError, match=r"lacks pelvis_ty.* of model 'legs3d'"):
        estimate_torques(walk, "legs3d", small)
    with pytest.raises(BioenvError, match="unknown job of a body graph 'force'"):
        BodyGraph("force")
    with pytest.raises(BioenvError, match="members and hidden must be 1 or more"):
        BodyGraph(members=0)
    with pytest.raises(BioenvError, match="has learned nothing yet"):
        BodyGraph().predict(people(0, 1))
    with pytest.raises(BioenvError, match="need a body graph with the job torque"):
        estimate_torques(walk, "walker2d", BodyGraph("acceleration"))
