"""`bioenv inverse` on trials that lack something: what can be computed is, the rest is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from two_legs import COORDINATES, ROTATIONAL, Walk, force_columns, write_markers, write_table
from two_legs_files import INNER, Files, moments

from bioenv.lab import c3d_write, trc
from bioenv.lab.trial import Emg, Trial
from bioenv.lab.trial_files import read_forces
from bioenv.motion import Motion


def test_without_forces_angles_are_left_and_old_results_go(files: Files, tmp_path: Path) -> None:
    coordinates = ("--coordinates", files["walk.mot"])
    files.run(tmp_path, *coordinates, "--forces", files["grf.mot"])
    done = files.run(tmp_path, *coordinates)
    assert "note: no ground forces" in done.stdout
    left = {"kinematics.mot", "motion.nc", "residuals.json"}
    assert {path.name for path in tmp_path.iterdir()} == left
    assert f"removed {tmp_path / 'inverse_dynamics.sto'} of an earlier run" in done.stdout


def test_plates_find_their_feet(files: Files, tmp_path: Path) -> None:
    done = files.run(tmp_path, "--coordinates", files["walk.mot"], "--forces", files["plain.mot"])
    assert np.abs(moments(done) - files.walk.torque)[INNER].max() < 0.05
    assert "warning" not in done.stdout


def test_wrong_feet_are_contradicted(files: Files, tmp_path: Path) -> None:
    columns = force_columns(files.walk)
    swap = {"_r_": "_l_", "_l_": "_r_"}
    wrong = {
        next((n.replace(a, b) for a, b in swap.items() if a in n), n): v for n, v in columns.items()
    }
    grf = write_table(tmp_path / "wrong.mot", wrong)
    done = files.run(tmp_path / "out", "--coordinates", files["walk.mot"], "--forces", str(grf))
    assert "error: force plates: left and right are swapped" in done.stdout


def test_one_plate_is_said(files: Files, tmp_path: Path) -> None:
    grf = write_table(tmp_path / "one.mot", force_columns(files.walk, "r"))
    done = files.run(tmp_path / "out", "--coordinates", files["walk.mot"], "--forces", str(grf))
    assert "warning: no force under the left foot" in done.stdout
    right = slice(3, 6)
    error = moments(done) - files.walk.torque
    assert np.abs(error[INNER, right]).max() < 0.05


def test_forces_of_a_part(files: Files, tmp_path: Path) -> None:
    rows = (files.walk.time > 0.799) & (files.walk.time < 1.801)
    columns = {name: values[rows] for name, values in force_columns(files.walk).items()}
    grf = write_table(tmp_path / "part.mot", columns)
    done = files.run(tmp_path / "out", "--coordinates", files["walk.mot"], "--forces", str(grf))
    assert "warning: forces cover 0.79 to 1.81 s of 0 to 2.59 s" in done.stdout
    inside = slice(90, 170)
    error = moments(done)[11:91] - files.walk.torque[inside]
    assert np.abs(error).max() < 0.1
    assert len(done.table("kinematics.mot").time) == len(files.walk.time)


def test_forces_of_another_time(files: Files, tmp_path: Path) -> None:
    columns = force_columns(files.walk)
    columns["time"] = columns["time"] + 60
    grf = write_table(tmp_path / "late.mot", columns)
    done = files.run(tmp_path / "out", "--coordinates", files["walk.mot"], "--forces", str(grf))
    assert "do the clocks start together?" in done.stdout
    assert not (tmp_path / "out" / "inverse_dynamics.sto").exists()


def test_gaps_are_filled_and_never_counted(files: Files, tmp_path: Path) -> None:
    markers = {name: values.copy() for name, values in files.walk.markers.items()}
    markers["femur_r_0"][:] = np.nan
    markers["tibia_l_1"][50:57] = np.nan
    markers["calcn_r_1"][100:130] = np.nan
    write_markers(tmp_path / "gaps.trc", files.walk, markers)
    done = files.run(
        tmp_path / "out", "--markers", str(tmp_path / "gaps.trc"), "--forces", files["grf.mot"]
    )
    assert "never seen: femur_r_0" in done.stdout
    assert "note: gaps of 2 markers in 37 positions: " in done.stdout
    table = done.table("kinematics.mot")
    found = np.column_stack([table.column(name) for name in COORDINATES])
    expected = files.walk.q * np.where(ROTATIONAL, 180 / np.pi, 1.0)
    assert np.abs(found - expected).max() < 0.5
    seen = Motion.load(tmp_path / "out" / "motion.nc").column("markers", "tibia_l_1")
    assert np.isnan(seen[50:57]).all()
    assert np.isfinite(seen[57:]).all()


def test_all_in_one_c3d(files: Files, tmp_path: Path) -> None:
    markers, fine = trc.read(files["walk.trc"]), Walk(rate=1000)
    grf = write_table(tmp_path / "fine.mot", force_columns(fine))
    plates = tuple(replace(plate, name=str(k)) for k, plate in enumerate(read_forces(grf)[0], 1))
    swing = 1e-4 * np.random.default_rng(0).normal(size=(len(fine.time), 1))
    emg = Emg(fine.time, ("soleus_r",), swing, "V", 1000.0)
    path = c3d_write.write(tmp_path / "all.c3d", Trial("all", markers, plates, emg))
    done = files.run(tmp_path / "out", "--markers", str(path))
    error = moments(done) - files.walk.torque
    # Single precision, and less than 10 N on a plate is taken for noise.
    assert np.sqrt(np.mean(error[INNER] ** 2)) < 0.2
    assert np.abs(error[INNER]).max() < 5.0
    assert "correlation with EMG" in done.stdout


def test_emg_that_cannot_be_read_is_left_out(files: Files, tmp_path: Path) -> None:
    swing = np.random.default_rng(0).normal(size=len(files.walk.time))
    emg = write_table(tmp_path / "raw.sto", {"time": files.walk.time, "soleus_r": swing})
    words = ("--coordinates", files["walk.mot"], "--forces", files["grf.mot"], "--emg", str(emg))
    done = files.run(tmp_path / "out", *words)
    assert "warning: EMG left out: EMG at 100 Hz" in done.stdout
    assert (done.out / "muscle_force.sto").exists()
    done = files.run(tmp_path / "out", *words, "--method", "emg", code=1)
    assert "EMG at 100 Hz" in done.stderr


def test_electrodes_that_hear_nothing(files: Files, tmp_path: Path) -> None:
    emg = write_table(
        tmp_path / "flat.sto", {"time": files.walk.time, "soleus_r": 0.5 + 0 * files.walk.time}
    )
    words = ("--coordinates", files["walk.mot"], "--forces", files["grf.mot"], "--emg", str(emg))
    done = files.run(tmp_path / "out", *words, "--report")
    assert "correlation with EMG: none of 1 channels" in done.stdout


def test_emg_of_a_part_is_compared_there(files: Files, tmp_path: Path) -> None:
    time = np.arange(1.0, 4.0, 0.01)
    emg = write_table(tmp_path / "part.sto", {"time": time, "soleus_r": 1 + np.sin(5 * time)})
    words = ("--coordinates", files["walk.mot"], "--forces", files["grf.mot"], "--emg", str(emg))
    done = files.run(tmp_path / "out", *words)
    assert "warning: the EMG covers 1 to 3.99 s, the movement 0 to 2.59 s" in done.stdout
    done = files.run(tmp_path / "out", *words, "--method", "emg", code=1)
    assert "give --start and --stop" in done.stderr
    done = files.run(tmp_path / "out", *words, "--method", "emg", "--start", "1")
    assert "correlation with EMG" in done.stdout


def with_markers(files: Files, path: Path, change) -> str:
    """A .trc of the walk after `change` of its markers {name: (T, 3)}."""
    markers = {name: values.copy() for name, values in files.walk.markers.items()}
    change(markers)
    return str(write_markers(path, files.walk, markers))


def test_someone_who_enters_and_leaves_the_volume(files: Files, tmp_path: Path) -> None:
    def absent(markers):
        for values in markers.values():
            values[:40], values[220:] = np.nan, np.nan

    path = with_markers(files, tmp_path / "enter.trc", absent)
    done = files.run(tmp_path / "out", "--markers", path, "--forces", files["grf.mot"])
    assert "note: markers are seen from 0.4 to 2.19 s of 0 to 2.59 s" in done.stdout
    assert len(moments(done)) == 180
    assert np.abs(moments(done) - files.walk.torque[40:220])[INNER].max() < 0.05


def test_a_body_without_a_place_is_not_analysed(files: Files, tmp_path: Path) -> None:
    def lost(markers):
        for name, values in markers.items():
            if name != "calcn_r_0":
                values[60:110] = np.nan

    path = with_markers(files, tmp_path / "lost.trc", lost)
    done = files.run(tmp_path / "out", "--markers", path, "--forces", files["grf.mot"])
    assert "warning: markers leave the place of the body open in 50 of 260 frames" in done.stdout
    assert "1.1 to 2.59 s, was analysed" in done.stdout
    assert len(moments(done)) == 150


def test_exchanged_markers_are_named(files: Files, tmp_path: Path) -> None:
    def exchange(markers):
        a, b = "tibia_r_0", "tibia_r_2"
        markers[a], markers[b] = markers[b].copy(), markers[a].copy()

    path = with_markers(files, tmp_path / "swap.trc", exchange)
    done = files.run(tmp_path / "out", "--markers", path)
    assert "tibia_r_0 and tibia_r_2 look swapped" in done.stdout
    assert "warning: marker error RMS" in done.stdout


def tasks(path: Path, kind: str) -> str:
    """OpenSim tasks: one marker without weight, and an ankle held at 0.1 rad."""
    names = [f"{n}_{k}" for n in ("pelvis", "femur_r", "tibia_r", "calcn_r") for k in range(3)]
    items = "".join(
        f"<IKMarkerTask name='{name}'><apply>true</apply><weight>{name != 'tibia_r_1':d}</weight>"
        "</IKMarkerTask>"
        for name in names
    )
    items += (
        "<IKCoordinateTask name='ankle_angle_r'><apply>true</apply><weight>1e6</weight>"
        f"<value_type>{kind}</value_type><value>0.1</value></IKCoordinateTask>"
    )
    path.write_text(f"<OpenSimDocument><IKTaskSet>{items}</IKTaskSet></OpenSimDocument>")
    return str(path)


def test_weights_and_pulls_of_opensims_tasks(files: Files, tmp_path: Path) -> None:
    words = ("--markers", files["walk.trc"], "--weights")
    done = files.run(tmp_path / "out", *words, tasks(tmp_path / "a.xml", "manual_value"))
    ankle = done.table("kinematics.mot").column("ankle_angle_r")
    np.testing.assert_allclose(ankle, np.degrees(0.1), atol=1e-3)
    assert "no marker moves with hip_flexion_l, knee_angle_l, ankle_angle_l" in done.stdout
    done = files.run(tmp_path / "b", *words, tasks(tmp_path / "b.xml", "from_file"), code=1)
    assert "ties ankle_angle_r to the values of another file" in done.stderr
