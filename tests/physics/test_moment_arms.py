"""Muscle geometry: moment arms are the slope of the length, smooth, and those of people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

LEG = {"hip_flexion_r": (-25, 100), "knee_angle_r": (5, 115), "ankle_angle_r": (-40, 25)}
RANGES = {
    "walker": LEG,
    "elbow": {"elbow_flexion": (2, 128)},
    "arm": {"shoulder_elev": (-40, 120), "elbow_flexion": (2, 128)},
}


NAMES = {"walker2d": "walker", "elbow": "elbow", "arm26": "arm"}


@pytest.fixture(params=RANGES)
def bench(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_moment_arms_are_the_slope_of_the_length(bench: Any) -> None:
    """r = -dL/dq (virtual work; An et al. 1984), by central differences at random poses."""
    rng, step = np.random.default_rng(0), 1e-6
    low, high = np.array(list(RANGES[NAMES[bench.model.name]].values())).T
    columns = [bench.model.coordinate_index(name) for name in RANGES[NAMES[bench.model.name]]]
    for _ in range(40):
        q = bench.pose(
            **dict(zip(RANGES[NAMES[bench.model.name]], rng.uniform(low, high), strict=True))
        )
        arms = bench.moment_arms(q)
        for column in columns:
            change = np.zeros_like(q)
            change[column] = step
            slope = (bench.lengths(q + change) - bench.lengths(q - change)) / (2 * step)
            np.testing.assert_allclose(arms[:, column], -slope, atol=2e-7)


def test_paths_never_jump(bench: Any) -> None:
    """No muscle slips to the other side of a wrapping surface: length has no step above 0.3 mm."""
    for name, (low, high) in RANGES[NAMES[bench.model.name]].items():
        angles = np.arange(low, high, 0.25)
        lengths = np.array([bench.lengths(bench.pose(**{name: angle})) for angle in angles])
        # A step shows in the second difference; a smooth path's is below 0.01 mm at 0.25 degrees.
        assert np.abs(np.diff(lengths, 2, axis=0)).max() < 3e-4, name


def test_every_muscle_keeps_its_side_in_gait(walker: Any) -> None:
    """Extensors extend and flexors flex over the whole range of walking, and far beyond."""
    signs = {
        "hip_flexion_r": {"hamstrings": -1, "glut_max": -1, "iliopsoas": 1, "rect_fem": 1},
        "knee_angle_r": {"hamstrings": 1, "bifemsh": 1, "gastroc": 1, "vasti": -1, "rect_fem": -1},
        "ankle_angle_r": {"gastroc": -1, "soleus": -1, "tib_ant": 1},
    }
    for name, (low, high) in LEG.items():
        for angle in np.linspace(low, high, 30):
            q = walker.pose(**{name: angle})
            for muscle, sign in signs[name].items():
                assert sign * walker.moment_arm(f"{muscle}_r", name, q) > 0.003, (muscle, angle)


# cm at a posture, with the published range: what people have, and where it is written.
PUBLISHED = [
    # Maganaris et al. 1998 (J Physiol 510:977), Fath et al. 2010: Achilles 4.4-6.0 cm
    ("soleus_r", "ankle_angle_r", {}, 4.4, 6.0),
    # Maganaris 2000 (J Biomech 33:375): tibialis anterior 3.0-5.0 cm
    ("tib_ant_r", "ankle_angle_r", {}, 3.0, 5.0),
    # Buford et al. 1997, Krevolin et al. 2004: patellar tendon 3.5-5.0 cm at 20-60 degrees
    ("vasti_r", "knee_angle_r", {"knee_angle_r": 40}, 3.5, 5.0),
    # Buford et al. 1997: gastrocnemius at the knee 1.5-3.0 cm
    ("gastroc_r", "knee_angle_r", {"knee_angle_r": 30}, 1.5, 3.0),
    # Arnold et al. 2010 (Ann Biomed Eng 38:269): long hamstrings at the hip 5-8 cm
    ("hamstrings_r", "hip_flexion_r", {"hip_flexion_r": 30}, 5.0, 8.0),
    # Nemeth and Ohlsen 1985 (J Biomech 18:129): gluteus maximus 5.9-7.9 cm near standing
    ("glut_max_r", "hip_flexion_r", {"hip_flexion_r": 10}, 5.5, 8.2),
    # Blemker and Delp 2005: psoas 2-5 cm
    ("iliopsoas_r", "hip_flexion_r", {}, 2.0, 5.0),
]


@pytest.mark.parametrize(("muscle", "coordinate", "posture", "low", "high"), PUBLISHED)
def test_leg_moment_arms_are_those_of_people(
    walker: Any, muscle: str, coordinate: str, posture: dict, low: float, high: float
) -> None:
    arm = walker.moment_arm(muscle, coordinate, walker.pose(**posture))
    assert low < 100 * abs(arm) < high


@pytest.mark.parametrize(
    ("muscle", "low", "high", "angles"),
    [
        ("BIClong", 4.0, 5.2, (80, 110)),
        ("BRA", 2.0, 3.0, (85, 130)),
        ("TRIlong", 2.0, 2.8, (5, 50)),
    ],
)
def test_elbow_peak_moment_arms(
    arm: Any, muscle: str, low: float, high: float, angles: tuple[float, float]
) -> None:
    """Murray, Delp and Buchanan 1995 (J Biomech 28:513): peaks in cm and where they lie."""
    flexion = np.arange(0.0, 130.0, 2.0)
    arms = [
        100 * abs(arm.moment_arm(muscle, "elbow_flexion", arm.pose(elbow_flexion=a)))
        for a in flexion
    ]
    assert low < max(arms) < high
    assert angles[0] <= flexion[int(np.argmax(arms))] <= angles[1]
