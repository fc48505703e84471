"""Feet on force plates: synthetic steps and published trials, one of them with swapped feet."""

from dataclasses import replace

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import trc
from bioenv.lab.external_loads import forces_of
from bioenv.lab.feet import assign_feet
from bioenv.lab.trial import ForcePlate

LAB = paths.lab_data()
needs_lab = pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")


def kinds(findings):
    return [(finding.kind, finding.severity) for finding in findings]


def steps():
    """Two plates in a row, the left foot on the first, the right on the second, 0.7 m ahead."""
    time = np.arange(0, 2, 0.01)
    stance = {"l": (0.2, 0.9), "r": (0.8, 1.5)}
    feet, plates = {}, []
    for number, (side, start) in enumerate(zip("lr", (0.0, 0.7), strict=True), 1):
        begin, end = stance[side]
        swing = np.clip((time - begin + 0.4) / 0.4, 0, 1) + np.clip((time - end) / 0.4, 0, 1) - 1
        height = 0.15 * np.sin(np.pi * np.abs(swing)) + 0.05
        y = 0.1 if side == "l" else -0.1
        feet[side] = np.column_stack([start + 1.4 * swing, np.full_like(time, y), height])
        fine = np.arange(0, 2, 0.001)
        share = np.clip((fine - begin) / (end - begin), 0, 1)
        on = (fine > begin) & (fine < end)
        force = np.where(on, 800 * np.sin(np.pi * share), 0)[:, None] * [0, 0, 1.0]
        point = np.column_stack([start + 0.2 * share, np.full_like(fine, y), 0 * fine])
        point[~on] = np.nan
        plates.append(ForcePlate(str(number), fine, force, point, np.zeros_like(point)))
    return plates, feet, time


def test_feet_follow_from_pressure_centers():
    plates, feet, time = steps()
    found = assign_feet(plates, feet, time)
    assert found.feet == {"1": "l", "2": "r"}
    assert min(found.confidence.values()) > 0.4
    assert found.findings == ()
    assert {c.plate: c.foot for c in found.contacts} == found.feet
    right = assign_feet(plates, feet, time, {"1": "l", "2": "r"})
    assert right.findings == ()


def test_swapped_wrong_unknown_and_shared_plates_are_said():
    plates, feet, time = steps()
    swapped = assign_feet(plates, feet, time, {"1": "r", "2": "l"})
    assert kinds(swapped.findings) == [("feet", "error")]
    assert "swapped: 1 is l, 2 is r" in swapped.findings[0].message
    one = assign_feet(plates, feet, time, {"1": "r", "2": "r"})
    assert "said to be foot r, but l" in one.findings[0].message
    away = {side: path + np.array([0, 3.0, 0]) for side, path in feet.items()}
    lost = assign_feet(plates, away, time)
    assert lost.feet == {}
    assert all("belongs to no foot" in finding.message for finding in lost.findings)
    same = assign_feet(plates, {"r": feet["r"], "l": feet["r"]}, time)
    assert same.feet == {}
    first, second = plates
    point = np.where(np.isnan(first.point), second.point, first.point)
    both = replace(first, force=first.force + second.force, point=point)
    gap = (np.arange(2000) > 850) & (np.arange(2000) < 950)
    both = replace(both, force=np.where(gap[:, None], 0.0, both.force))
    shared = assign_feet([both], feet, time)
    assert shared.feet == {}
    assert "both feet" in shared.findings[0].message
    never = assign_feet([replace(plates[0], force=0 * plates[0].force)], feet, time)
    assert "never loaded" in never.findings[0].message
    hidden = assign_feet(plates, {"r": feet["r"], "l": np.full_like(feet["l"], np.nan)}, time)
    assert hidden.feet == {"2": "r"}
    with pytest.raises(BioenvError, match=r"foot 'r' needs positions \(200, 3\)"):
        assign_feet(plates, {"r": feet["r"][:5]}, time)


# Origins of the heel bones of Falisse's gait_1, by OpenSim 4.6 from the published angles, m z up.
FALISSE_TIME = np.arange(3.20, 4.49, 0.08)
FALISSE = {
    "r": [(-1.2, .065), (-1.176, .118), (-1.074, .211), (-.893, .243), (-.662, .181), (-.372, .084),
          (-.061, .039), (.094, .033), (.114, .028), (.118, .032), (.116, .032), (.116, .034),
          (.118, .035), (.12, .05), (.137, .092), (.207, .175), (.376, .244)],
    "l": [(-.629, .031), (-.596, .029), (-.59, .035), (-.589, .034), (-.59, .035), (-.59, .038),
          (-.59, .049), (-.578, .084), (-.525, .151), (-.378, .23), (-.169, .229), (.093, .144),
          (.416, .05), (.705, .03), (.792, .018), (.806, .025), (.808, .024)],
}  # fmt: skip


@pytest.mark.lab
@needs_lab
def test_feet_of_falisse_are_swapped_against_custom():
    loads = forces_of(LAB / "falisse2019_subject1" / "GRF_gait_1.mot")
    feet = {side: np.array([(x, {"r": 0.19, "l": 0.275}[side], z) for x, z in path])
            for side, path in FALISSE.items()}  # fmt: skip
    custom = {load.name: load.likely[-1] for load in loads}
    found = assign_feet([load.plate for load in loads], feet, FALISSE_TIME, custom)
    assert found.feet == {"ground_force": "l", "1_ground_force": "r"}
    assert min(found.confidence.values()) > 0.4
    assert "swapped" in found.findings[0].message


@pytest.mark.lab
@needs_lab
@pytest.mark.parametrize(
    ("folder", "grf", "markers", "heels"),
    [
        ("opensim_gait_subject01", "subject01_walk1_grf.mot", "subject01_walk1.trc",
         {"r": "R.Heel", "l": "L.Heel"}),
        ("rajagopal2016_walk", "grf_walk.mot", "markers_walk.trc", {"r": "R.Heel", "l": "L.Heel"}),
        ("grand_challenge5_PS", "PS_ngait_og_ss1_kinetics.mot", "PS_ngait_og_ss1.trc",
         {"r": "RHeel", "l": "LHeel"}),
        ("arnold2013_consistent/subject01", "grf.mot", "markers_synthetic.trc",
         {"r": "RCAL", "l": "LCAL"}),
    ],
)  # fmt: skip
def test_feet_of_published_trials(folder, grf, markers, heels):
    loads = forces_of(LAB / folder / grf)
    seen = trc.read(LAB / folder / markers)
    feet = {side: seen.position(name) for side, name in heels.items()}
    custom = {load.name: load.likely[-1] for load in loads if load.likely}
    found = assign_feet([load.plate for load in loads], feet, seen.time, custom)
    assert found.findings == ()
    assert set(found.feet.values()) == {"r", "l"}
    assert len(found.feet) == len(loads)
