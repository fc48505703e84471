"""Windows of motions: what they hold, and that training and test data never share a sample."""

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.learn.estimators import Scaling, Windows, at_rate, by_stride, by_subject, cut, units
from bioenv.learn.estimators.columns import parse
from bioenv.motion import Motion

RATE = 50.0


def walk(seconds: float = 20.0, subject: str = "one", rate: float = RATE) -> Motion:
    time = np.arange(round(seconds * rate)) / rate
    angle = np.column_stack([np.sin(2 * np.pi * time), np.cos(2 * np.pi * time)])
    torque = 40 * angle[:, :1]
    motion = Motion(time, meta={"mass_kg": 80.0, "subject": subject})
    motion = motion.add("qpos", angle, labels=("knee_angle_r", "pelvis_tx"), source="measured")
    return motion.add("joint_torque", torque, labels=("knee_angle_r",), source="computed")


INPUTS, TARGETS = ("qpos/knee_angle_r", "qpos/pelvis_tx"), ("joint_torque/knee_angle_r per kg",)


def windows(**changes) -> Windows:
    given = {"length": 10, "rate": RATE, "strikes": np.arange(20.0)}
    return cut(changes.pop("motion", walk()), INPUTS, TARGETS, **{**given, **changes})


def test_a_window_holds_its_samples_and_its_targets_in_their_units():
    found = windows(offsets_s=(-0.1, 0.0, 0.2))
    motion = walk()
    row = 17
    end = int(np.flatnonzero(np.isclose(motion.time, found.time[row]))[0])
    np.testing.assert_array_equal(found.inputs[row], motion["qpos"][end - 9 : end + 1])
    expected = motion["joint_torque"][[end - 5, end, end + 10]] / 80.0
    np.testing.assert_array_equal(found.targets[row], expected)
    assert found.input_units == ("rad", "m")
    assert found.target_units == ("N*m/kg",)
    assert len(found) == 1000 - 9 - 10
    assert found.stride[0] == 0
    assert found.stride[-1] == 19


@pytest.mark.parametrize(
    "name", ["qpos/a_r", "ground_reaction_force/r/z", "joint_torque/hip_flexion_l per kg"]
)
def test_a_columns_name_says_everything(name):
    assert parse(name).name == name


def test_units_of_columns():
    names = ("qvel/pelvis_tx", "joint_torque/pelvis_tz", "ground_reaction_force/r/z per kg")
    assert units(names) == ("m/s", "N", "N/kg")


@pytest.mark.parametrize("name", ["qops/x", "qpos", "ground_reaction_force/r", "qpos/"])
def test_a_wrong_column_is_one_error(name):
    with pytest.raises(BioenvError, match="column"):
        parse(name)


def test_untrusted_targets_are_left_out_and_gaps_drop_windows():
    trusted = np.ones(1000, dtype=bool)
    trusted[500:] = False
    assert windows(trusted=trusted).time.max() == pytest.approx(499 / RATE)
    gappy = walk().add("emg", np.where(np.arange(1000) == 300, np.nan, 1.0)[:, None],
                       labels=("soleus_r",), source="measured")  # fmt: skip
    found = cut(gappy, ("emg/soleus_r",), TARGETS, length=10, rate=RATE)
    assert len(found) == 991 - 10


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("offset", [0.0, 0.4, -0.1])
def test_strides_held_out_share_no_sample_with_the_training_data(seed, offset):
    train, test = by_stride(windows(offsets_s=(offset,)), 0.2, seed=seed)
    assert set(train.stride).isdisjoint(test.stride)
    used = [
        {round(RATE * (t + lag)) for t in one.time for lag in (*(-np.arange(10) / RATE), offset)}
        for one in (train, test)
    ]
    assert used[0].isdisjoint(used[1])
    assert 0.1 < len(test) / 991 < 0.3


def test_people_are_held_out_whole():
    both = Windows.join([windows(), windows(motion=walk(subject="two"))])
    train, test = by_subject(both, ["two"])
    assert set(train.subject) == {"one"}
    assert set(test.subject) == {"two"}
    with pytest.raises(BioenvError, match="did you mean 'two'"):
        by_subject(both, ["twoo"])


def test_another_rate_is_refused_and_resampled_when_asked():
    fast = walk(rate=200.0)
    with pytest.raises(BioenvError, match=r"at_rate\(motion, 50\)"):
        windows(motion=fast)
    slow = at_rate(fast, RATE)
    assert slow.meta["resampled_from_hz"] == pytest.approx(200.0)
    middle = slice(100, 900)
    np.testing.assert_allclose(slow["qpos"][middle], walk()["qpos"][middle], atol=2e-3)
    assert at_rate(walk(), RATE).meta.get("resampled_from_hz") is None


def test_short_motions_and_missing_columns_say_what_they_need():
    with pytest.raises(BioenvError, match="needs 30"):
        windows(motion=walk(0.4), offsets_s=(0.4,))
    with pytest.raises(BioenvError, match="lacks qpos/hip_flexion_r"):
        cut(walk(), ("qpos/hip_flexion_r",), TARGETS, length=5, rate=RATE)
    light = Motion(walk().time, dict(walk().signals))
    with pytest.raises(BioenvError, match="mass_kg"):
        windows(motion=light)
    with pytest.raises(BioenvError, match="whole samples"):
        windows(offsets_s=(0.333,))


def test_windows_of_different_kinds_do_not_join():
    with pytest.raises(BioenvError, match="length: 10 and 12"):
        Windows.join([windows(), windows(length=12)])
    with pytest.raises(BioenvError, match="offsets_s"):
        Windows.join([windows(), windows(offsets_s=(0.1,))])


def test_scaling_is_of_the_training_data_and_leaves_constants_alone():
    rng = np.random.default_rng(0)
    values = rng.normal([3.0, -1.0, 7.0], [2.0, 0.1, 0.0], size=(4000, 3))
    values[::7, 1] = np.nan
    found = Scaling.of(values)
    np.testing.assert_allclose(found.center, [3, -1, 7], atol=0.1)
    np.testing.assert_allclose(found.scale, [2, 0.1, 1], rtol=0.05)
    np.testing.assert_allclose(found.back(found.forward(values)), values, atol=1e-12)
    # One person with ten times as many windows does not pull the mean when people count the same.
    two = Scaling.of(
        np.r_[np.zeros(1000), np.ones(100)][:, None], np.r_[np.full(1000, 0.1), np.ones(100)]
    )
    assert two.center[0] == pytest.approx(0.5)
