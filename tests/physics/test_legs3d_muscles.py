"""The muscles of legs3d: senses, smooth paths, fibers in gait, strength, passive torque."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

# Degrees: gait, and beyond it.
RANGES = {
    "hip_flexion": (-25, 90), "hip_adduction": (-25, 15), "hip_rotation": (-25, 25),
    "knee_angle": (3, 110), "ankle_angle": (-40, 25), "subtalar_angle": (-18, 18),
    "mtp_angle": (-20, 50),
}  # fmt: skip
# Postures of one walking cycle (hip, knee, ankle in degrees; Perry and Burnfield 2010), as in
# test_strength.py.
GAIT = [
    (25, 3, 0), (22, 15, -6), (8, 12, 5), (-15, 6, 11), (-12, 38, -16), (8, 60, -8), (25, 45, 0),
    (27, 5, 1),
]  # fmt: skip


def posed(hip: float, knee: float, ankle: float, side: str = "r") -> dict[str, float]:
    return {f"hip_flexion_{side}": hip, f"knee_angle_{side}": knee, f"ankle_angle_{side}": ankle}


# Muscles that turn a joint one way over the whole range of gait: those whose moment arm OpenSim's
# file keeps on one side.
TURNS = {
    "hip_flexion": {
        1: ("psoas", "iliacus", "recfem", "sart", "tfl"),
        -1: ("glmax1", "glmax2", "glmax3", "bflh", "semimem", "semiten", "addmagIsch"),
    },
    "hip_adduction": {
        1: ("addlong", "addbrev", "addmagDist", "addmagIsch", "addmagMid", "addmagProx", "grac"),
        -1: ("glmed1", "glmed2", "glmed3", "glmin1", "glmin2", "glmin3", "tfl"),
    },
    "knee_angle": {
        1: ("bflh", "bfsh", "semimem", "semiten", "grac", "sart", "gasmed", "gaslat"),
        -1: ("recfem", "vasint", "vaslat", "vasmed"),
    },
    "ankle_angle": {
        1: ("tibant", "edl", "ehl"),
        -1: ("soleus", "gasmed", "gaslat", "tibpost", "fdl", "fhl", "perlong", "perbrev"),
    },
    "subtalar_angle": {1: ("tibpost", "fdl", "fhl", "tibant"), -1: ("perlong", "perbrev", "edl")},
    "mtp_angle": {1: ("edl", "ehl"), -1: ("fdl", "fhl")},
}


def test_every_muscle_keeps_its_side_in_gait(legs: Any) -> None:
    """Over the postures of gait, 10 degrees about them, no moment arm changes its sign."""
    rng, model = np.random.default_rng(0), legs.model
    for hip, knee, ankle in GAIT * 3:
        scatter = rng.uniform(-8, 8, 6)
        q = legs.pose(
            hip_flexion_r=hip + scatter[0], knee_angle_r=max(2.0, knee + scatter[1]),
            ankle_angle_r=ankle + scatter[2], hip_adduction_r=scatter[3],
            hip_rotation_r=scatter[4], subtalar_angle_r=scatter[5],
        )  # fmt: skip
        arms = legs.moment_arms(q)
        for joint, ways in TURNS.items():
            column = model.coordinate_index(f"{joint}_r")
            for sign, names in ways.items():
                for name in names:
                    arm = sign * arms[model.muscle_index(f"{name}_r"), column]
                    assert arm > 1e-3, (joint, name, hip, knee, ankle, arm)


def test_paths_never_jump(legs: Any) -> None:
    """No path slips about its cylinder: length has no step above 0.3 mm, from three postures."""
    for hip, knee, ankle in ((0, 5, 0), (25, 45, 0), (-12, 38, -16)):
        for name, (low, high) in RANGES.items():
            base = posed(hip, knee, ankle)
            angles = np.arange(low, high, 0.25)
            poses = [legs.pose(**(base | {f"{name}_r": angle})) for angle in angles]
            lengths = np.array([legs.lengths(q)[:40] for q in poses])
            steps = np.abs(np.diff(lengths, 2, axis=0)).max(axis=0)
            worst = int(steps.argmax())
            assert steps[worst] < 3e-4, (name, legs.model.muscles[worst], steps[worst])


def test_fibers_stay_near_their_optimum_in_gait(legs: Any) -> None:
    """0.5-1.25 optimal lengths (Arnold et al. 2013, J Exp Biol 216:2150).

    Semimembranosus, rectus and gastrocnemius, with short fibers over two joints and here without an
    elastic tendon, go beyond.
    """
    fibers = np.array([legs.fibers(legs.pose(**posed(*angles)))[:40] for angles in GAIT])
    far = ("semimem_r", "recfem_r", "gasmed_r", "gaslat_r")
    wide = np.array([name in far for name in legs.model.muscles[:40]])
    low, high = np.where(wide, 0.40, 0.5), np.where(wide, 1.4, 1.28)
    for i, name in enumerate(legs.model.muscles[:40]):
        assert low[i] < fibers[:, i].min(), (name, fibers[:, i].min())
        assert fibers[:, i].max() < high[i], (name, fibers[:, i].max())


# Isometric peaks of one leg, N*m, all muscles that can help fully active: people of this weight
# and height (Anderson, Madigan and Nussbaum 2007, J Biomech 40:3105, men of 18-25 years, as shares
# of body weight * height) and how many times that the source's muscles give.
TORQUES = [
    ("hip_flexion", -1, {"knee_angle": 20}, (-20, 100), 245, 1.5, 2.6, (0, 60)),
    ("hip_flexion", 1, {"knee_angle": 20}, (-20, 100), 172, 1.0, 2.0, (-20, 40)),
    ("knee_angle", -1, {"hip_flexion": 80}, (5, 110), 248, 0.8, 1.6, (30, 80)),
    ("knee_angle", 1, {"hip_flexion": 80}, (5, 110), 132, 1.0, 2.2, (20, 90)),
    ("ankle_angle", -1, {}, (-40, 25), 145, 2.0, 4.5, (-20, 20)),
    ("ankle_angle", 1, {}, (-40, 25), 50, 1.0, 2.2, (-25, 15)),
]


@pytest.mark.parametrize(
    ("joint", "sign", "posture", "angles", "people", "least", "most", "where"), TORQUES
)
def test_isometric_peak(
    legs: Any, joint: str, sign: int, posture, angles, people, least, most, where
) -> None:
    model, column = legs.model, legs.model.coordinate_index(f"{joint}_r")
    grid = np.arange(*angles, 5.0)
    torque = []
    for angle in grid:
        q = legs.pose(**{f"{k}_r": v for k, v in (posture | {joint: angle}).items()})
        helps = sign * legs.moment_arms(q)[:, column] > 1e-3
        active = tuple(n for n, h in zip(model.muscles, helps, strict=True) if h)
        torque.append(sign * legs.torque(f"{joint}_r", q, active))
    assert least * people < max(torque) < most * people
    assert where[0] <= grid[int(np.argmax(torque))] <= where[1]


def test_passive_torques_leave_gait_alone(legs: Any) -> None:
    for angles in GAIT:
        q = legs.pose(**posed(*angles))
        for name in ("hip_flexion_r", "knee_angle_r", "ankle_angle_r"):
            assert abs(legs.torque(name, q)) < 30, (name, angles, legs.torque(name, q))
