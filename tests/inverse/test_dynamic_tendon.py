"""Muscles behind stretched tendons: simulated ones are found again, short ones are rigid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from sharing_problems import problem

from bioenv import paths
from bioenv.inverse.muscles.dynamic import dynamic_optimization
from bioenv.inverse.muscles.tendon import ElasticTendons
from bioenv.models.anatomy import MuscleGeometry
from bioenv.models.osim.description import Muscle
from bioenv.models.osim.muscle_curves import MuscleCurves, capacity

LAB = paths.lab_data()


def _muscle(name: str, kind: str = "DeGrooteFregly2016Muscle", slack: float = 0.2) -> Muscle:
    return Muscle(
        name=name,
        kind=kind,
        max_isometric_force=1000.0,
        optimal_fiber_length=0.08,
        tendon_slack_length=slack,
        pennation=0.2,
        max_velocity=10.0,
        points=(),
        curves={"fiber_damping": 0.0},
    )


# --- compliant tendons ---------------------------------------------------------------------------


def _geometry(time: np.ndarray, arm: np.ndarray, rest: float) -> MuscleGeometry:
    """Muscles of one joint that swings 20 degrees."""
    angle = 0.35 * np.sin(2 * np.pi * time / 0.8)
    speed = np.gradient(angle, time)
    length = rest - angle[:, None] * arm[:, 0]
    arms = np.broadcast_to(arm, (len(time), *arm.shape))
    return MuscleGeometry(length, arms, -speed[:, None] * arm[:, 0])


def _simulated(muscle: Muscle, time: np.ndarray, length: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Tendon force N by integrating the fiber's length, the usual way round."""
    hill = MuscleCurves([muscle])

    def at(curve: str, x: float) -> float:
        return float(getattr(hill, curve).value(np.array([x]))[0])

    def tendon(t: float, fiber: float) -> tuple[float, float]:
        along = np.sqrt(fiber**2 - hill.width[0] ** 2)
        whole = np.interp(t, time, length)
        stretched = (whole - along) / muscle.tendon_slack_length
        return max(at("tendon_force_length", stretched), 0.0), along / fiber

    def rate(t: float, state: np.ndarray) -> list[float]:
        force, cosine = tendon(t, state[0])
        norm = state[0] / muscle.optimal_fiber_length
        active = np.interp(t, time, a) * at("active_force_length", norm)
        pull = (force / cosine - at("passive_force_length", norm)) / active
        speed = at("inverse_force_velocity", float(np.clip(pull, 0.0, 1.6)))
        return [speed * hill.max_velocity[0]]

    def rest(fiber: float) -> float:
        return rate(time[0], np.array([fiber]))[0]

    start = brentq(rest, 0.05, 0.11)
    done = solve_ivp(rate, time[[0, -1]], [start], t_eval=time, rtol=1e-7, atol=1e-9)
    force = [tendon(t, fiber)[0] for t, fiber in zip(time, done.y[0], strict=True)]
    return muscle.max_isometric_force * np.array(force)


def test_strain_inverts_the_tendon_curve():
    for kind in ("DeGrooteFregly2016Muscle", "Millard2012EquilibriumMuscle", "Thelen2003Muscle"):
        hill = MuscleCurves([_muscle("a", kind)])
        tendons = ElasticTendons(hill, np.zeros((0, 1)), np.zeros((0, 1)), np.zeros(0))
        force = np.linspace(0.01, 1.5, 40)[:, None]
        back = hill.tendon_force_length.value(1 + tendons.strain(force))
        np.testing.assert_allclose(back, force, atol=1e-9)


def test_a_simulated_muscle_is_found_again():
    """One muscle, one joint: the torque alone tells the activation, through tendon and fiber."""
    time = np.arange(0.0, 0.8, 0.005)
    a = 0.4 - 0.3 * np.cos(2 * np.pi * time / 0.8 + 1.0)
    muscle, arm = _muscle("m0"), np.array([[0.04]])
    geometry = _geometry(time, arm, 0.08 * np.cos(0.2) + 0.2 * 1.02)
    force = _simulated(muscle, time, geometry.length[:, 0], a)
    steady = slice(20, None)  # after the transient of a start at rest
    time, a, force = time[steady], a[steady], force[steady]
    geometry = MuscleGeometry(*(field[steady] for field in geometry))
    asked = problem(0.04 * force[:, None], arm, time=time)
    found = dynamic_optimization(asked, [muscle], tendon="compliant", geometry=geometry)
    assert found.solved.all()
    inside = slice(3, -3)  # rates at the ends are one-sided
    np.testing.assert_allclose(found.activation[inside, 0], a[inside], atol=4e-3)
    np.testing.assert_allclose(found.force[:, 0], force, rtol=1e-4)
    assert 0.01 < found.tendon_strain.max() < 0.06
    rigid = capacity((muscle,), geometry, exact_pennation=True)
    blind = (force - rigid.passive[:, 0]) / rigid.active[:, 0]
    assert np.abs(blind - a)[inside].max() > 0.05  # a rigid tendon would be wrong by ten times that


def test_a_short_tendon_is_a_rigid_one():
    time = np.arange(0.0, 0.6, 0.01)
    arm = np.array([[0.04], [-0.03], [0.02]])
    muscles = [_muscle(f"m{i}", slack=1e-3) for i in range(3)]
    geometry = _geometry(time, arm, 0.08 * np.cos(0.2) + 1e-3)
    can = capacity(tuple(muscles), geometry, exact_pennation=True)
    a = 0.3 + 0.2 * np.sin(2 * np.pi * time[:, None] / 0.6 + np.arange(3))
    torque = np.einsum("mk,tm->tk", arm, a * can.active + can.passive)
    asked = problem(torque, arm, can.active, passive=can.passive, use_passive=True, time=time)
    rigid = dynamic_optimization(asked, muscles)
    found = dynamic_optimization(asked, muscles, tendon="compliant", geometry=geometry)
    assert found.solved.all()
    np.testing.assert_allclose(found.activation, rigid.activation, atol=0.01)
    assert found.cost.sum() == pytest.approx(rigid.cost.sum(), rel=2e-3)


def test_antagonists_with_tendons_are_cheaper_than_what_made_the_torque():
    time = np.arange(0.0, 0.6, 0.01)
    arm = np.array([[0.04], [-0.035]])
    muscles = [_muscle(f"m{i}") for i in range(2)]
    geometry = _geometry(time, arm, 0.08 * np.cos(0.2) + 0.2 * 1.02)
    a = 0.3 + 0.15 * np.sin(2 * np.pi * time[:, None] / 0.6 + [0.0, 2.0])
    force = np.column_stack(
        [_simulated(m, time, geometry.length[:, i], a[:, i]) for i, m in enumerate(muscles)]
    )[8:]
    time, a, geometry = time[8:], a[8:], MuscleGeometry(*(field[8:] for field in geometry))
    asked = problem(force @ arm, arm, time=time)
    found = dynamic_optimization(asked, muscles, tendon="compliant", geometry=geometry)
    assert found.solved.all()
    assert found.cost.sum() < 0.9 * (a**2).sum()
    assert np.abs(found.missing_torque).max() < 1e-3
    tendons = ElasticTendons(
        MuscleCurves(muscles), geometry.length, geometry.velocity, time
    )  # Hill's balance, and the reported fibers, belong to the reported forces
    normal = found.force / 1000.0
    needed = tendons.needed(normal, tendons.rate(normal))
    np.testing.assert_allclose(np.clip(needed, 0, 1), found.activation, atol=1e-12)
    assert np.abs(found.activation - needed).max() < 2e-3
    steps = [one[-1] for one in found.promises]
    assert max(steps) < 1e-3
