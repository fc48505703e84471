"""References: shipped tables are whole, sane, sourced, and equal to the data they come from."""

import numpy as np
import pytest

from bioenv import paths
from bioenv.errors import BioenvError
from bioenv.lab import datasets, reference
from bioenv.lab.reference import Curve, Figure, Reference
from bioenv.motion import Motion

LAB = paths.lab_data()
SHIPPED = (
    "dorschky2019", "falisse2019", "rajagopal2016", "schwartz2008", "uhlrich2022", "winter",
)  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_table_is_a_walking_person(name):
    one = reference.load(name)
    assert one.name == name
    assert len(one.source) > 30
    assert one.licence
    knee, hip, ankle = (
        np.degrees(one.curve(n).mean) for n in ("knee_angle", "hip_flexion", "ankle_angle")
    )
    assert 55 < knee.max() < 75  # flexion positive
    assert 68 <= np.argmax(knee) <= 78  # in early swing
    assert np.argmin(hip) in range(48, 60)  # extended around opposite strike
    assert np.argmin(ankle) in range(60, 72)  # plantarflexed at toe-off
    force = one.curve("grf_vertical")
    assert 1.0 < force.mean.max() < 1.25
    assert np.abs(force.mean[70:98]).max() < 0.05  # the foot is in the air
    fore_aft = one.curve("grf_fore_aft").mean
    assert np.argmin(fore_aft) < 25 < 45 < np.argmax(fore_aft)  # brake, then push
    for curve in one.curves.values():
        assert curve.mean[0] == pytest.approx(curve.mean[-1], abs=1e-4)
        assert not (curve.sd < 0).any()


@pytest.mark.parametrize("name", ["dorschky2019", "falisse2019", "schwartz2008"])
def test_moments_have_the_sign_of_their_coordinate(name):
    one = reference.load(name)
    assert -2.0 < one.curve("ankle_angle_moment").mean.min() < -1.0  # plantarflexor push-off
    assert np.argmin(one.curve("ankle_angle_moment").mean) in range(42, 55)
    assert one.curve("knee_angle_moment").mean[8:22].min() < -0.2  # extensor in loading
    assert one.curve("hip_flexion_moment").mean[50:68].max() > 0.3  # flexor into swing


def test_units_are_stated_and_figures_have_a_source():
    one = reference.load("falisse2019")
    assert {c.unit for c in one.curves.values()} == {"rad", "m", "BW", "N*m/kg", "W/kg", "1"}
    assert one.figure("speed") == pytest.approx(1.315, abs=1e-3)
    assert one.figure("stride_time") == pytest.approx(1.0405, abs=1e-4)
    assert one.mass_kg == 62
    assert all(figure.source and figure.unit for figure in one.figures.values())
    # stride length by two routes: the table's and speed times time
    product = one.figure("speed") * one.figure("stride_time")
    assert product == pytest.approx(one.figure("stride_length"), rel=0.01)


def test_a_reference_that_does_not_carry_the_body_says_so():
    notes = " ".join(reference.load("falisse2019").notes)
    both = 2 * reference.load("falisse2019").curve("grf_vertical").mean[:-1].mean()
    assert f"{both:.3f}" in notes
    assert both == pytest.approx(0.926, abs=2e-3)


def test_csv_returns_what_was_written(tmp_path):
    curve = Curve(np.sin(np.linspace(0, 6, 101)), np.full(101, np.nan), "rad")
    one = Reference(
        "me", {"hip_flexion": curve}, {"speed": Figure(1.2, "m/s", "a: b | c")},
        "src: x", "MIT", "me", 70.0, None, ("first: note", "second"),
    )  # fmt: skip
    back = reference.load(one.to_csv(tmp_path / "me.csv"))
    np.testing.assert_allclose(back.curve("hip_flexion").mean, curve.mean, atol=1e-6)
    assert np.isnan(back.curve("hip_flexion").sd).all()
    assert dict(back.figures) == dict(one.figures)
    assert (back.source, back.notes, back.mass_kg, back.height_m) == (
        "src: x", ("first: note", "second"), 70.0, None,
    )  # fmt: skip


def test_unknown_names_list_the_valid_ones(tmp_path):
    with pytest.raises(BioenvError, match="did you mean 'falisse2019'"):
        reference.load("falise2019")
    with pytest.raises(BioenvError, match="knee_angle"):
        reference.load("winter").curve("knee")
    with pytest.raises(BioenvError, match="not one of the lab data folders"):
        reference.load(tmp_path)
    bad = tmp_path / "bad.csv"
    for text in ("", "a,b\n1,2\n", "# name: x\npercent_cycle,a,a_sd\n%,1,1\n0,1,1\n"):
        bad.write_text(text)
        with pytest.raises(BioenvError, match="bad"):
            reference.load(bad)


def test_motion_without_strides_is_no_reference(tmp_path):
    time = np.arange(0, 1, 0.01)
    force = np.zeros((100, 2, 3))
    motion = Motion(time).add("ground_reaction_force", force, labels="rl", source="simulated")
    path = motion.save(tmp_path / "still.nc")
    with pytest.raises(BioenvError, match="0 whole right strides"):
        reference.load(path)
    bare = Motion(time).save(tmp_path / "bare.nc")
    with pytest.raises(BioenvError, match="ground_reaction_force"):
        reference.load(bare)


def steps_motion(seconds, **meta):
    """Both feet tread in turn once a second; envelopes of one right and two left electrodes."""
    time = np.arange(0, seconds, 0.01)
    force = np.zeros((time.size, 2, 3))
    phase = np.stack([time - 0.2, time - 0.7], axis=1) % 1.0
    force[..., 2] = np.where(phase < 0.6, 700 * np.sin(np.pi * np.minimum(phase, 0.6) / 0.6), 0.0)
    wave = 2 + np.sin(2 * np.pi * np.outer(time, [1, 1, 1]))
    qpos = np.column_stack([0.1 * time, np.sin(2 * np.pi * time)])
    return (
        Motion(time, meta={"mass_kg": 70.0, **meta})
        .add("ground_reaction_force", force, labels="rl", source="measured")
        .add("qpos", qpos, labels=("pelvis_tx", "knee_angle_r"), source="measured")
        .add("emg", wave, labels=("soleus_r", "soleus_l", "rectus_femoris_l"), source="measured")
    )


def test_one_stride_is_a_reference_without_spread(tmp_path):
    one = reference.load(steps_motion(1.9).save(tmp_path / "one.nc"))
    assert np.isnan(one.curve("knee_angle").sd).all()
    assert "one stride" in one.people
    many = reference.load(steps_motion(6.0).save(tmp_path / "many.nc"))
    assert np.isfinite(many.curve("knee_angle").sd).all()
    np.testing.assert_allclose(
        one.curve("knee_angle").mean, many.curve("knee_angle").mean, atol=0.01
    )


def test_envelopes_of_the_lab_become_curves_of_their_leg(tmp_path):
    found = reference.load(steps_motion(6.0).save(tmp_path / "walk.nc"))
    right, left = found.curve("emg_soleus"), found.curve("emg_rectus_femoris")
    assert right.mean.max() == pytest.approx(1.0)
    np.testing.assert_allclose(np.roll(right.mean[:-1], 50), left.mean[:-1], atol=0.01)


def test_a_belt_counts_in_a_references_speed(tmp_path):
    found = reference.load(steps_motion(6.0, belt_speed=1.2).save(tmp_path / "belt.nc"))
    assert found.figure("speed") == pytest.approx(1.3, abs=1e-3)
    assert found.figure("stride_length") == pytest.approx(1.3, abs=1e-2)


def test_periodic_resampling_closes_the_curve():
    percent = np.arange(0, 100, 2.0)
    curve = np.cos(2 * np.pi * percent / 100)
    out = reference.periodic(curve, percent)
    np.testing.assert_allclose(out, np.cos(2 * np.pi * np.arange(101) / 100), atol=1e-5)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_shipped_tables_equal_the_data_they_come_from():
    seen = set()
    for folder, read in datasets.READERS.values():
        fresh = read(LAB / folder)
        shipped = reference.load(fresh.name)
        seen.add(fresh.name)
        assert set(shipped.curves) == set(fresh.curves)
        for name, curve in fresh.curves.items():
            np.testing.assert_allclose(shipped.curve(name).mean, curve.mean, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(shipped.curve(name).sd, curve.sd, rtol=1e-5, atol=1e-6)
        for name, figure in fresh.figures.items():
            assert shipped.figures[name].value == pytest.approx(figure.value, rel=1e-5)
    assert seen == set(SHIPPED)


@pytest.mark.lab
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_lab_sets_by_name_and_by_folder():
    by_name = reference.load("falisse2019_subject1")
    by_folder = reference.load(LAB / "falisse2019_subject1")
    assert "falisse2019_subject1" in reference.available()
    np.testing.assert_array_equal(
        by_name.curve("knee_angle").mean, by_folder.curve("knee_angle").mean
    )
