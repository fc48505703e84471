"""Step variability that was put in, and the order in which parts of the foot touch the ground."""

from __future__ import annotations

import numpy as np
import pytest
from reference_walk import walking_motion

from bioenv import models
from bioenv.evaluate.gait import analyse
from bioenv.evaluate.periodic import periodic
from bioenv.evaluate.steps import contact_order, variability
from bioenv.lab.cycles import foot_events
from bioenv.motion import Motion


def _with_feet(
    walk: Motion, scatter: float, width: float, belt: float = 0.0
) -> tuple[Motion, dict]:
    """The walk with each foot at rest at a place of its own, and the places by foot."""
    rng = np.random.default_rng(0)
    point = np.full((len(walk), 2, 3), np.nan)
    places = {}
    for column, foot in enumerate("rl"):
        events = foot_events(walk, foot)
        side = width / 2 if foot == "l" else -width / 2
        mine = []
        for strike in events.strikes:
            off = (
                events.offs[np.searchsorted(events.offs, strike)]
                if events.offs[-1] > strike
                else walk.time[-1]
            )
            place = np.array([1.3 * strike, side]) + scatter * rng.standard_normal(2)
            down = (walk.time >= strike - 0.01) & (walk.time <= off + 0.01)
            point[down, column, :2] = place
            point[down, column, 0] -= belt * walk.time[down]
            point[down, column, 2] = 0
            mine.append(place)
        places[foot] = np.array(mine)
    return walk.add("center_of_pressure", point, labels="rl", source="simulated"), places


def test_scatter_of_the_feet_is_found(make_walk) -> None:
    walk, _ = _with_feet(make_walk(seconds=120.0), 0.02, 0.12)
    found = variability(analyse(walk))
    # A step is the difference of two places: sqrt(2) times their scatter.
    assert found["step_length_sd"].value == pytest.approx(0.02 * np.sqrt(2), rel=0.12)
    assert found["step_width_sd"].value == pytest.approx(0.02 * np.sqrt(2), rel=0.12)
    assert found["step_width"].value == pytest.approx(0.12, abs=0.005)
    assert found["step_time_sd"].value < 1e-3
    assert found["stride_time_cv"].value < 1e-3


def test_a_limp_is_no_variability(make_walk) -> None:
    found = variability(analyse(make_walk(seconds=20.0, shift=0.4)))
    assert found["step_time_sd"].value < 1e-3


def test_a_belt_makes_no_difference(make_walk) -> None:
    still = variability(analyse(_with_feet(make_walk(seconds=30.0), 0.02, 0.1)[0]))
    belt = variability(
        analyse(_with_feet(make_walk(seconds=30.0, belt_speed=1.0), 0.02, 0.1, 1.0)[0])
    )
    for name in ("step_length_sd", "step_width_sd", "step_width"):
        assert belt[name].value == pytest.approx(still[name].value, rel=0.02)


def test_a_planar_body_and_copies_of_one_stride_have_no_step_width(make_walk) -> None:
    flat, _ = _with_feet(make_walk(seconds=10.0), 0.0, 0.0)
    assert "step_width_sd" not in variability(analyse(flat))
    assert "step_length_sd" not in variability(analyse(make_walk(seconds=10.0)))  # no pressure
    walk = walking_motion(4.0).with_meta(symmetry="cycle")
    period = 1.04045
    one = walk.between(2.0, 2.0 + period)
    repeated = periodic(one)
    assert repeated.meta.get("periods"), "the stride must be taken as one period"
    assert variability(analyse(repeated)) == {}


def test_people_land_on_the_heel_and_leave_on_the_toes() -> None:
    body, walk = models.load("walker2d"), walking_motion(6.0)
    found = contact_order(analyse(walk), body)
    assert found["heel_first"].value == 1.0
    assert found["toes_last"].value == 1.0


def test_a_walker_on_tiptoe_does_not() -> None:
    body, walk = models.load("walker2d"), walking_motion(6.0)
    qpos = walk["qpos"].copy()
    for side in "rl":
        qpos[:, body.coordinate_index(f"ankle_angle_{side}")] -= 0.6
    tiptoe = walk.add("qpos", qpos, labels=body.coordinates, source="simulated")
    found = contact_order(analyse(tiptoe), body)
    assert found["heel_first"].value == 0.0
    assert found["toes_last"].value == 1.0


def test_without_a_body_nothing_is_said(make_walk) -> None:
    assert contact_order(analyse(make_walk()), None) == {}
    assert contact_order(analyse(make_walk()), models.load("walker2d")) == {}
