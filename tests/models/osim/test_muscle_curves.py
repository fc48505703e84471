"""Curves and forces of OpenSim's muscles: OpenSim's own numbers, and what must hold by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.models.anatomy import MuscleGeometry
from bioenv.models.osim.description import Muscle
from bioenv.models.osim.muscle_curves import KINDS, MuscleCurves, capacity, curves_of

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "osim_curves.json").read_text())
CURVES = (
    "active_force_length",
    "passive_force_length",
    "force_velocity",
    "inverse_force_velocity",
    "tendon_force_length",
)
STRONG = {"kind": "Millard2012EquilibriumMuscle", "max_isometric_force": 3549.0, "pennation": 0.436}


def _muscle(**given: Any) -> Muscle:
    fields = {
        "name": "m",
        "kind": "Thelen2003Muscle",
        "max_isometric_force": 1000.0,
        "optimal_fiber_length": 0.1,
        "tendon_slack_length": 0.2,
        "pennation": 0.0,
        "max_velocity": 10.0,
        "points": (),
    }
    return Muscle(**{**fields, **given})


def _golden_muscle(index: int) -> Muscle:
    entry = GOLDEN["muscles"][index]
    return _muscle(**{k: v for k, v in entry.items() if k not in ("length", "velocity", "active")})


def _geometry(length: Any, velocity: Any) -> MuscleGeometry:
    length, velocity = np.atleast_2d(length), np.atleast_2d(velocity)
    return MuscleGeometry(length, np.zeros((*length.shape, 0)), velocity)


@pytest.mark.parametrize("index", range(len(GOLDEN["muscles"])))
def test_active_force_is_what_opensim_static_optimization_uses(index: int) -> None:
    entry = GOLDEN["muscles"][index]
    geometry = _geometry(np.c_[entry["length"]], np.c_[entry["velocity"]])
    found = capacity((_golden_muscle(index),), geometry).active[:, 0]
    expected = np.maximum(entry["active"], 0.0)  # De Groote's curve pushes beyond its end
    # Thelen's force-velocity curve is inverted by OpenSim to 1e-6 only.
    assert np.abs(found - expected).max() < 2e-5 * entry["max_isometric_force"]


@pytest.mark.parametrize("index", sorted(GOLDEN["curves"]))
def test_curves_are_opensims(index: str) -> None:
    curves = curves_of((_golden_muscle(int(index)),))
    for name, sample in GOLDEN["curves"][index].items():
        curve, x = getattr(curves, name), np.c_[sample["x"]]
        np.testing.assert_allclose(curve.value(x)[:, 0], sample["value"], atol=2e-9, err_msg=name)
        if sample["slope"]:
            np.testing.assert_allclose(
                curve.slope(x)[:, 0], sample["slope"], atol=1e-8, err_msg=name
            )


@pytest.mark.parametrize("index", range(len(GOLDEN["muscles"])))
def test_slopes_are_the_differences_of_values(index: int) -> None:
    curves = MuscleCurves([_golden_muscle(index)])
    step = 1e-6
    for name in CURVES:
        low, high = (1.001, 1.08) if name.startswith("tendon") else (-0.97, 1.7)
        x = np.linspace(low, high, 173)[:, None]
        curve = getattr(curves, name)
        difference = (curve.value(x + step) - curve.value(x - step)) / (2 * step)
        kink = np.abs(curve.slope(x + step) - curve.slope(x - step)) > 1e-3
        np.testing.assert_allclose(
            curve.slope(x)[~kink], difference[~kink], rtol=1e-5, atol=1e-5, err_msg=name
        )


@pytest.mark.parametrize("index", range(len(GOLDEN["muscles"])))
def test_velocity_and_force_are_inverse_to_each_other(index: int) -> None:
    muscle = _golden_muscle(index)
    curves = MuscleCurves([muscle])
    v = np.linspace(-0.9, 0.89, 100)[:, None]
    back = curves.inverse_force_velocity.value(curves.force_velocity.value(v))
    flat = muscle.kind.startswith("Millard") and muscle.curves.get("fiber_damping", 0.1) > 0
    # Flat ends have no inverse: OpenSim's curve for the damped fiber is steeper there.
    np.testing.assert_allclose(back, v, atol=0.03 if flat else 1e-12)


@pytest.mark.parametrize("kind", ["Thelen2003Muscle", "Millard2012EquilibriumMuscle"])
def test_curves_pass_through_their_anchors(kind: str) -> None:
    curves = MuscleCurves([_muscle(kind=kind)])
    one = np.ones((1, 1))
    assert curves.active_force_length.value(one) == pytest.approx(1.0, abs=1e-14)
    assert curves.active_force_length.slope(one) == pytest.approx(0.0, abs=1e-12)
    assert curves.force_velocity.value(0 * one) == pytest.approx(1.0)
    assert curves.force_velocity.value(-one) == pytest.approx(0.0, abs=1e-14)
    assert curves.tendon_force_length.value(one) == pytest.approx(0.0, abs=1e-14)
    strain = 0.04 if kind.startswith("Thelen") else 0.049
    assert curves.tendon_force_length.value(one + strain) == pytest.approx(1.0)
    strain = 0.6 if kind.startswith("Thelen") else 0.7
    assert curves.passive_force_length.value(one + strain) == pytest.approx(1.0)


def test_a_pennate_fiber_keeps_its_width() -> None:
    muscle = _muscle(pennation=0.4)
    geometry = _geometry([[0.2 + 0.1 * np.cos(0.4)]], [[0.05]])
    found = capacity((muscle,), geometry)
    assert found.fiber_length[0, 0] == pytest.approx(1.0)
    assert found.cos_pennation[0, 0] == pytest.approx(np.cos(0.4))
    # d fiber / d path = cos(pennation) behind a rigid tendon of constant width.
    assert found.fiber_velocity[0, 0] == pytest.approx(0.05 * np.cos(0.4) / 1.0)


def test_exact_pennation_weakens_a_pennate_millard_muscle() -> None:
    muscle = _muscle(**STRONG)
    geometry = _geometry([[0.2 + 0.1 * np.cos(0.436)]], [[0.0]])
    assert capacity((muscle,), geometry).active[0, 0] == pytest.approx(3549.0, rel=2e-3)
    exact = capacity((muscle,), geometry, exact_pennation=True).active[0, 0]
    assert exact == pytest.approx(3549.0 * np.cos(0.436))


def test_a_slack_muscle_does_not_pull() -> None:
    muscles = tuple(_muscle(kind=kind) for kind in KINDS)
    found = capacity(muscles, _geometry(np.full((1, 3), 0.19), np.zeros((1, 3))))
    assert not found.active.any()
    assert np.isfinite(found.passive).all()


def test_mixed_kinds_side_by_side_give_what_each_gives_alone() -> None:
    muscles = tuple(_golden_muscle(i) for i in range(len(GOLDEN["muscles"])))
    length = np.array([[one.tendon_slack_length + 1.05 * one.optimal_fiber_length] * 2
                       for one in muscles]).T  # fmt: skip
    velocity = np.array([[0.1] * len(muscles), [-0.2] * len(muscles)])
    together = capacity(muscles, _geometry(length, velocity))
    for i, muscle in enumerate(muscles):
        alone = capacity((muscle,), _geometry(length[:, i : i + 1], velocity[:, i : i + 1]))
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[:, i], b[:, 0])


def test_bad_muscles_are_named() -> None:
    with pytest.raises(BioenvError, match=r"kind of muscle 'm'.*Thelen2003Mucsle.*did you mean"):
        curves_of((_muscle(kind="Thelen2003Mucsle"),))
    with pytest.raises(BioenvError, match=r"'m': optimal_fiber_length must be positive, got 0"):
        curves_of((_muscle(optimal_fiber_length=0.0),))
    with pytest.raises(BioenvError, match="no muscles"):
        curves_of(())
