"""Strength: isometric torque by angle, passive torque and fiber lengths are those of people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

# Anderson, Madigan and Nussbaum 2007 (J Biomech 40:3105), table 3, isometric peaks of men of
# 18-25 years as a share of body weight * height (1,284 N*m for 72.6 kg, 1.803 m): hip extension
# 0.161 = 207, hip flexion 0.113 = 145, knee extension 0.163 = 209, knee flexion 0.087 = 112 N*m.
# The band is half to one and a half times that, 1.6 to 2.9 of their standard deviations. The
# ankle's muscles stand for their synergists too and are three times too strong in the source
# model (Anderson: plantarflexion 122, dorsiflexion 42 N*m): its bands are the source's.
TORQUES = [
    ("hip_flexion", ("hamstrings", "glut_max"), -1, {"knee_angle": 20}, (-20, 90), 100, 315,
     (0, 60)),
    ("hip_flexion", ("iliopsoas", "rect_fem"), 1, {"knee_angle": 20}, (-20, 90), 72, 218,
     (-20, 40)),
    ("knee_angle", ("vasti", "rect_fem"), -1, {"hip_flexion": 80}, (5, 110), 105, 315, (30, 80)),
    ("knee_angle", ("hamstrings", "bifemsh", "gastroc"), 1, {"hip_flexion": 80}, (5, 110), 56, 168,
     (5, 60)),
    ("ankle_angle", ("gastroc", "soleus"), -1, {}, (-40, 25), 120, 370, (-15, 20)),
    ("ankle_angle", ("tib_ant",), 1, {}, (-40, 25), 40, 135, (-25, 15)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("joint", "group", "sign", "posture", "angles", "low", "high", "where"), TORQUES
)
def test_isometric_peak(
    walker: Any, joint: str, group, sign: int, posture, angles, low, high, where
) -> None:
    grid = np.arange(*angles, 2.5)
    active = tuple(f"{name}_r" for name in group)
    fixed = {f"{name}_r": value for name, value in posture.items()}
    torque = np.array(
        [
            sign * walker.torque(f"{joint}_r", walker.pose(**fixed, **{f"{joint}_r": a}), active)
            for a in grid
        ]
    )
    assert low < torque.max() < high
    assert where[0] <= grid[torque.argmax()] <= where[1]


@pytest.mark.parametrize(
    ("group", "sign", "low", "high"),
    [(("BIClong", "BICshort", "BRA"), 1, 45, 90), (("TRIlong", "TRIlat", "TRImed"), -1, 35, 75)],
)
def test_elbow_isometric_peak(elbow: Any, group, sign: int, low: float, high: float) -> None:
    """Young men flex with 0.78 and extend with 0.67 N*m per kg (Lategan and Krueger 2003).

    For 75 kg that is 58 and 50 N*m, moving slowly.
    """
    torque = [
        sign * elbow.torque("elbow_flexion", elbow.pose(elbow_flexion=a), group)
        for a in range(0, 130, 5)
    ]
    assert low < max(torque) < high


# Postures of one walking cycle (hip, knee, ankle in degrees; Perry and Burnfield 2010): initial
# contact, loading, mid stance, terminal stance, toe-off, initial swing, mid swing, terminal swing.
GAIT = [
    (25, 3, 0), (22, 15, -6), (8, 12, 5), (-15, 6, 11), (-12, 38, -16), (8, 60, -8), (25, 45, 0),
    (27, 5, 1),
]  # fmt: skip


def test_fibers_stay_near_their_optimum_in_gait(walker: Any) -> None:
    """0.5-1.25 optimal lengths (Arnold et al. 2013, J Exp Biol 216:2150).

    The short fibers of the gastrocnemius on a rigid tendon reach lower just after toe-off, when
    the muscle is off.
    """
    poses = [walker.pose(hip_flexion_r=h, knee_angle_r=k, ankle_angle_r=a) for h, k, a in GAIT]
    fibers = np.array([walker.fibers(q) for q in poses])[:, :9]
    names = walker.model.muscles[:9]
    lowest = np.where(np.array(names) == "gastroc_r", 0.35, 0.5)
    assert (fibers.min(axis=0) > lowest).all(), dict(zip(names, fibers.min(axis=0), strict=True))
    assert (fibers.max(axis=0) < 1.28).all(), dict(zip(names, fibers.max(axis=0), strict=True))


def test_passive_torque_is_a_persons(walker: Any) -> None:
    """Riener and Edrich 1999 (J Biomech 32:539): tens of N*m at the ends, next to none between.

    A straight leg raised to 60 degrees is held back by 20-70 N*m of hamstrings.
    """
    raised = walker.torque("hip_flexion_r", walker.pose(hip_flexion_r=60))
    assert -70 < raised < -20
    dorsiflexed = walker.torque("ankle_angle_r", walker.pose(ankle_angle_r=20))
    assert -50 < dorsiflexed < -10
    for h, k, a in GAIT:
        q = walker.pose(hip_flexion_r=h, knee_angle_r=k, ankle_angle_r=a)
        for name in ("hip_flexion_r", "knee_angle_r", "ankle_angle_r"):
            assert abs(walker.torque(name, q)) < 25, (name, h, k, a)


def test_full_activation_at_optimum_gives_the_maximum_force(walker: Any) -> None:
    """F0 cos(pennation) along the tendon, where the fiber is at its optimal length."""
    p, model = walker.model.muscle, walker.model
    q = walker.pose(knee_angle_r=40)
    data = walker.forward(q, model.muscles)
    at_optimum = np.abs(walker.fibers(q) - 1.0) < 0.02
    assert at_optimum.any()
    data = walker.forward(q, model.muscles)
    force = -data.actuator_force / (p.max_isometric_force * np.cos(p.pennation))
    np.testing.assert_allclose(force[at_optimum], 1.0, atol=0.01)
