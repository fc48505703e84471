"""The stages of an analysis: their order, what they leave out, and what they are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from two_legs import COORDINATES, Walk, force_columns, write_markers, write_table
from two_legs_model import write_model

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import Settings, gravity
from bioenv.inverse.measured import Measured
from bioenv.inverse.pipeline import analyse
from bioenv.inverse.stages import STAGES
from bioenv.lab import trc
from bioenv.lab.external_loads import forces_of
from bioenv.lab.trial import Emg
from bioenv.models import osim

PLAIN = Settings(cutoff=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made, walk = tmp_path_factory.mktemp("pipeline"), Walk()
    write_model(made / "two.osim")
    write_markers(made / "walk.trc", walk)
    write_table(made / "grf.mot", force_columns(walk))
    return made


@pytest.fixture(scope="module")
def body(folder):
    return osim.load(folder / "two.osim")


@pytest.fixture(scope="module")
def plates(folder):
    return tuple((load.plate, load.body) for load in forces_of(folder / "grf.mot"))


@pytest.fixture(scope="module")
def measured(plates):
    walk = Walk()
    return Measured("walk", time=walk.time, q=walk.q, plates=plates, notes=("from the file",))


def test_stages_run_in_order_and_are_timed(body, folder, plates):
    seen = []
    found = analyse(
        body, Measured("walk", markers=trc.read(folder / "walk.trc"), plates=plates), PLAIN,
        progress=lambda name, number, count: seen.append((name, number, count)),
    )  # fmt: skip
    names = [stage.name for stage in found.stages]
    assert names == [name for name in STAGES if name not in ("gap filling", "residual reduction")]
    assert [name for name, *_ in seen] == names
    assert all(count == len(STAGES) for *_, count in seen)
    assert all(stage.frames == len(found.time) and stage.seconds > 0 for stage in found.stages)


def test_moments_without_a_stop_at_the_ends_of_a_window(body, measured):
    whole = analyse(body, measured, PLAIN)
    part = analyse(body, measured, replace(PLAIN, start=0.5, stop=1.0))
    assert part.time[0] == pytest.approx(0.5)
    assert part.time[-1] == pytest.approx(1.0)
    np.testing.assert_allclose(part.torque, whole.torque[50:101], atol=1e-6)
    np.testing.assert_allclose(part.kinematics.raw_time, part.time)


def test_a_filter_smooths_the_motion_not_the_record(body, measured):
    shaky = measured.q + 0.002 * np.sin(2 * np.pi * 25 * measured.time)[:, None]
    found = analyse(body, replace(measured, q=shaky), Settings(cutoff=6.0))
    inner = slice(30, -30)
    assert np.abs(found.kinematics.q - measured.q)[inner].max() < 0.02
    shake = found.kinematics.q - analyse(body, measured, Settings(cutoff=6.0)).kinematics.q
    assert np.abs(shake)[inner].max() < 1e-4
    np.testing.assert_array_equal(found.kinematics.raw, shaky)


def test_a_jump_is_told(body, measured):
    q = measured.q.copy()
    q[100:, 3] += 2 * np.pi
    notes = analyse(body, replace(measured, q=q, plates=()), PLAIN).notes
    assert any(note.startswith("warning: hip_flexion_r moves at") for note in notes)
    stamps = measured.time.copy()
    stamps[100:] -= 0.0099999
    with pytest.raises(BioenvError, match="time stamps jump"):
        analyse(body, replace(measured, time=stamps, plates=()), PLAIN)


def test_uneven_stamps_become_even_frames(body, measured):
    stamps = np.round(np.arange(len(measured.time[::2])) / 60, 3)  # 60 Hz, to a millisecond
    found = analyse(body, replace(measured, time=stamps, q=measured.q[::2], plates=()), None)
    steps = np.diff(found.time)
    np.testing.assert_allclose(steps, steps[0], atol=1e-9)
    assert len(found.kinematics.raw_time) == len(stamps)
    assert any("not evenly spaced" in note for note in found.notes)


def test_without_forces_the_rest_is_none(body, measured):
    found = analyse(body, replace(measured, plates=()), PLAIN)
    assert found.torque is found.sharing is found.loads is None
    assert found.geometry.length.shape == (len(found.time), len(body.muscles))
    assert any(note.startswith("no ground forces") for note in found.notes)
    with pytest.raises(BioenvError, match="no torques"):
        found.torque_of("knee_angle_r")


def test_a_torque_by_name(body, measured):
    found = analyse(body, measured, PLAIN)
    index = COORDINATES.index("ankle_angle_l")
    np.testing.assert_array_equal(found.torque_of("ankle_angle_l"), found.torque[:, index])
    with pytest.raises(BioenvError, match="did you mean 'ankle_angle_l'"):
        found.torque_of("ankle_angel_l")


def test_notes_come_by_gravity(body, measured):
    odd = replace(measured, plates=measured.plates[:1], notes=("error: of the file", "plain"))
    notes = analyse(body, odd, PLAIN).notes
    assert notes[0] == "error: of the file"
    assert [gravity(note) for note in notes] == sorted(map(gravity, notes))
    assert len(set(notes)) == len(notes)


def test_the_costs_of_other_methods_are_their_own(body, measured):
    found = analyse(body, measured, replace(PLAIN, method="dynamic", cost="force", stop=0.5))
    assert "cost and exponent do not count in method 'dynamic'" in found.notes


def test_markers_that_say_nothing_of_the_pelvis_are_refused(body, folder):
    markers = trc.read(folder / "walk.trc").only(["calcn_r_0", "calcn_r_1", "calcn_l_0"])
    with pytest.raises(BioenvError, match=r"leave pelvis_tilt, .* open: rename the markers"):
        analyse(body, Measured("feet", markers=markers), PLAIN)


def test_too_few_frames_are_refused(body, measured):
    with pytest.raises(BioenvError, match="has 9 frames; 12 or more"):
        analyse(body, replace(measured, time=measured.time[:9], q=measured.q[:9]), PLAIN)


def test_gaps_stay_when_asked_to(body, folder):
    markers = trc.read(folder / "walk.trc")
    positions = markers.positions.copy()
    positions[40:44, 5] = np.nan
    gappy = Measured("gaps", markers=replace(markers, positions=positions))
    kept = analyse(body, gappy, replace(PLAIN, fill_gaps=False))
    assert any("left open, as asked for" in note for note in kept.notes)
    filled = analyse(body, gappy, PLAIN)
    for found in (kept, filled):
        assert np.isnan(found.kinematics.marker_error[40:44]).sum() == 4


def test_emg_of_another_time_is_told(body, measured):
    later = Emg(100 + np.arange(50) / 50, ("soleus_r",), np.ones((50, 1)), "1", 50.0, True)
    found = analyse(body, replace(measured, emg=later), PLAIN)
    assert found.agreement == ()
    assert any("do the clocks start together?" in note for note in found.notes)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "guess"}, "unknown method 'guess'"),
        ({"cost": "effort"}, "unknown cost 'effort'"),
        ({"cutoff": -1.0}, "cutoff must be a positive frequency"),
        ({"force_cutoff": 0.0}, "force_cutoff must be a positive frequency"),
        ({"exponent": 1.0}, "exponent must be above 1"),
        ({"reserve": -1.0}, "reserve must be 0"),
        ({"start": 2.0, "stop": 1.0}, "must come before"),
    ],
)
def test_settings_that_make_no_sense(wrong, message):
    with pytest.raises(BioenvError, match=message):
        Settings(**wrong)
