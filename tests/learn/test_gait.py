"""GaitPINN on a toy whose torques and masses are known; bad data; a measured walk."""

from dataclasses import replace

import numpy as np
import pytest

from bioenv import paths
from bioenv.commands.trial_files import read_body, read_measured
from bioenv.errors import BioenvError
from bioenv.inverse.analysis import GroundContact
from bioenv.inverse.measured import Measured
from bioenv.learn.fit import Status
from bioenv.learn.gait import GaitPINN
from bioenv.learn.gait_mass import mass_groups, with_masses
from bioenv.learn.gait_setup import between_nodes
from bioenv.models import osim

LAB = paths.lab_data()
START, STOP = 0.2, 1.4
QUICK = {"highest": 10.0, "collocation": 50.0, "muscles": False}


@pytest.fixture(scope="module")
def anatomy(files):
    return osim.load(files["two.osim"])


@pytest.fixture(scope="module")
def trial(anatomy, files):
    """The toy's markers with 2 mm noise, and its plates."""
    exact = read_measured(
        anatomy, markers=files["walk.trc"], coordinates=None, forces=files["grf.mot"],
        external_loads=None, emg=None,
    )  # fmt: skip
    return noisy(exact, 2e-3)


def noisy(exact: Measured, noise: float, seed: int = 0) -> Measured:
    markers = exact.markers
    assert markers is not None
    draw = np.random.default_rng(seed).normal(0, noise, markers.positions.shape)
    return replace(exact, markers=replace(markers, positions=markers.positions + draw))


@pytest.fixture(scope="module")
def fitted(anatomy, trial):
    return GaitPINN(**{**QUICK, "muscles": True}).fit(anatomy, trial, start=START, stop=STOP)


def window(files):
    return slice(round(100 * START), round(100 * STOP) + 1)


def rms(error) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


def test_torques_of_the_toy_come_back(files, fitted) -> None:
    truth = files.walk.torque[window(files), 3:]
    assert fitted.status_ is Status.CONVERGED
    assert rms(truth) > 40.0
    assert rms(fitted.torque_[:, 3:] - truth) < 3.0


def test_movement_is_exact_in_all_derivatives(fitted) -> None:
    speed = np.gradient(fitted.q_, fitted.time_, axis=0)[2:-2]
    change = np.gradient(fitted.qd_, fitted.time_, axis=0)[2:-2]
    assert rms(speed - fitted.qd_[2:-2]) < 0.05 * rms(fitted.qd_)
    assert rms(change - fitted.qdd_[2:-2]) < 0.1 * rms(fitted.qdd_)


def test_newton_holds_at_the_root(fitted) -> None:
    assert fitted.residual_["force_rms"] < 3.0
    assert fitted.residual_["moment_rms"] < 2.0
    assert fitted.residual_["marker_rms"] == pytest.approx(2e-3 * np.sqrt(3), rel=0.1)


def test_activations_give_the_torques(fitted) -> None:
    assert fitted.activation_ is not None
    assert fitted.activation_.shape == (121, 16)
    assert fitted.activation_.min() >= 0.0
    assert fitted.activation_.max() <= 1.0
    assert max(fitted.torque_misfit_.values()) < 2.0
    assert set(fitted.torque_misfit_) == set(fitted.fitted_[3:])


def test_equal_seeds_give_equal_fits(anatomy, trial, fitted) -> None:
    again = GaitPINN(**QUICK).fit(anatomy, trial, start=START, stop=STOP)
    np.testing.assert_array_equal(again.torque_, fitted.torque_)
    np.testing.assert_array_equal(again.torque_deviation_, fitted.torque_deviation_)


def test_coordinates_serve_as_well_as_markers(anatomy, files) -> None:
    exact = read_measured(
        anatomy, markers=None, coordinates=files["walk.mot"], forces=files["grf.mot"],
        external_loads=None, emg=None,
    )  # fmt: skip
    draw = np.random.default_rng(0).normal(0, 0.5, exact.q.shape)
    scale = np.where(anatomy.rotational, np.radians(1.0), 4e-3)
    q = exact.q + draw * scale
    q[30:36, 4] = np.nan
    pinn = GaitPINN(**QUICK).fit(anatomy, replace(exact, q=q), start=START, stop=STOP)
    truth = files.walk.torque[window(files), 3:]
    assert pinn.status_ is Status.CONVERGED
    assert rms(pinn.torque_[:, 3:] - truth) < 6.0
    assert np.degrees(rms(pinn.q_[:, 4] - files.walk.q[window(files), 4])) < 0.3


def test_a_stride_that_repeats_is_periodic(anatomy, files) -> None:
    exact = read_measured(
        anatomy, markers=files["walk.trc"], coordinates=None, forces=files["grf.mot"],
        external_loads=None, emg=None,
    )  # fmt: skip
    pinn = GaitPINN(**QUICK).fit(anatomy, exact, start=START, stop=STOP)
    assert any("repeats" in note for note in pinn.notes_)
    np.testing.assert_allclose(pinn.q_[0, 3:], pinn.q_[-1, 3:], atol=1e-5)
    np.testing.assert_allclose(pinn.qdd_[0], pinn.qdd_[-1], atol=1e-3)
    assert rms(pinn.torque_[:, 3:] - files.walk.torque[window(files), 3:]) < 2.0
    short = GaitPINN(**QUICK).fit(anatomy, exact, start=0.2, stop=1.2)
    assert not any("repeats" in note for note in short.notes_)


def test_there_and_back_is_no_period(anatomy) -> None:
    time = np.linspace(0.0, 1.0, 101)
    q = np.tile(anatomy.default, (101, 1))
    q[:, 1:3] += [0.4, 0.93]
    q[:, 4] = -0.5 + 0.4 * np.sin(np.pi * time)  # ends where it began, but turned round
    pinn = GaitPINN(**QUICK).fit(anatomy, Measured("knee", time=time, q=q))
    assert not any("repeats" in note for note in pinn.notes_)
    assert abs(pinn.qd_[0, 4] - 0.4 * np.pi) < 0.3
    assert abs(pinn.qd_[-1, 4] + 0.4 * np.pi) < 0.3


def test_segment_masses_are_found_within_their_intervals(anatomy, trial, files) -> None:
    names, groups = mass_groups(anatomy)
    wrong = {"pelvis": -0.08, "femur": 0.15, "tibia": -0.1, "calcn": 0.1}
    other = with_masses(anatomy, 1.0 + np.array([wrong[name] for name in names]) @ groups)
    pinn = GaitPINN(**QUICK, masses=0.15).fit(other, trial, start=START, stop=STOP)
    truth = {"pelvis": 46.0, "femur": 8.0, "tibia": 3.5, "calcn": 1.0}
    for name, kg in truth.items():
        low, high = pinn.mass_interval_[name]
        assert low < kg < high
        assert low < pinn.mass_[name] < high
    assert abs(pinn.mass_["pelvis"] - 46.0) < 1.0  # it was 3.7 kg off
    assert pinn.mass_interval_["pelvis"][1] - pinn.mass_interval_["pelvis"][0] < 3.0
    assert pinn.anatomy_.mass == pytest.approx(71.0, abs=0.5)
    with pytest.raises(BioenvError, match="there are none"):
        GaitPINN(**QUICK, masses=0.15).fit(other, replace(trial, plates=()), stop=STOP)
    plain = GaitPINN(**QUICK).fit(other, trial, start=START, stop=STOP)
    assert plain.mass_ == {}
    part = window(files)
    better, worse = (rms(p.torque_[:, 3:] - files.walk.torque[part, 3:]) for p in (pinn, plain))
    assert better < worse


def test_a_large_residual_is_said(anatomy, trial) -> None:
    heavy = with_masses(anatomy, np.full(anatomy.mj.nbody, 1.4))
    pinn = GaitPINN(**QUICK, force_noise=1.0).fit(heavy, trial, start=START, stop=STOP)
    assert pinn.status_ is not Status.CONVERGED
    assert "force_rms" in pinn.message_ or "marker_rms" in pinn.message_


def test_a_fit_that_diverges_says_so_and_holds_no_nan(anatomy, trial) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        pinn = GaitPINN(**QUICK, physics_weight=1e306).fit(anatomy, trial, start=START, stop=STOP)
    assert pinn.status_ is Status.DIVERGED
    assert "finite" in pinn.message_
    for values in (pinn.q_, pinn.qd_, pinn.qdd_, pinn.torque_):
        assert np.isfinite(values).all()


def test_plates_between_nodes_are_on_straight_lines(files) -> None:
    force, x = files.walk.ground["r"]
    flat = np.column_stack([force, x])[window(files)]
    contacts = [GroundContact("r", "calcn_r", flat, flat + 1.0, 2.0 * flat)]
    nodes = np.linspace(0.2, 1.4, 121)
    half = between_nodes(contacts, nodes, nodes[:-1] + 0.005)
    for one, other in zip(contacts, half, strict=True):
        np.testing.assert_allclose(other.force, 0.5 * (one.force[1:] + one.force[:-1]), atol=1e-9)
        assert (one.name, one.body) == (other.name, other.body)


def test_bad_data_are_refused(anatomy, trial) -> None:
    time, q = trial.markers.time, np.zeros((len(trial.markers.time), 9))
    plain = replace(trial, markers=None, time=time, q=q)
    pinn = GaitPINN(**QUICK)
    with pytest.raises(BioenvError, match="increase"):
        pinn.fit(anatomy, replace(plain, time=time[::-1]))
    with pytest.raises(BioenvError, match="infinite"):
        pinn.fit(anatomy, replace(plain, q=np.full_like(q, np.inf)))
    with pytest.raises(BioenvError, match="no finite value"):
        pinn.fit(anatomy, replace(plain, q=np.full_like(q, np.nan)))
    with pytest.raises(BioenvError, match="8 frames"):
        pinn.fit(anatomy, plain, start=0.5, stop=0.53)
    slow = replace(plain, time=4.0 * time)
    with pytest.raises(BioenvError, match="choose a stride"):
        pinn.fit(anatomy, slow)


@pytest.mark.parametrize(
    "wrong",
    [
        {"highest": 0.0},
        {"marker_noise": np.nan},
        {"masses": -1.0},
        {"root_noise": (0.0, 1.0)},
        {"physics_weight": -1.0},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong) -> None:
    with pytest.raises(BioenvError, match=next(iter(wrong))):
        GaitPINN(**wrong)


@pytest.mark.lab
@pytest.mark.slow
@pytest.mark.skipif(LAB is None, reason="no measured data: set BIOENV_LAB_DATA")
def test_a_measured_walk_without_its_plates() -> None:
    assert LAB is not None
    folder = LAB / "rajagopal2016_walk"
    anatomy, _ = read_body(str(folder / "subject_walk_scaled.osim"))
    trial = read_measured(
        anatomy, markers=None, coordinates=str(folder / "coordinates_plain.mot"),
        forces=str(folder / "grf_walk.mot"), external_loads=None, emg=None,
    )  # fmt: skip
    plates = {str(body)[-1]: plate for plate, body in trial.plates}
    trial = replace(trial, plates=(), time=trial.time[::20], q=trial.q[::20])
    pinn = GaitPINN(highest=8.0, force_highest=8.0, collocation=40.0, muscles=False)
    pinn.fit(anatomy, trial, start=0.6, stop=1.6)
    assert pinn.status_ is Status.CONVERGED
    inner = slice(5, -5)
    for contact in pinn.contacts_:
        plate = plates[contact.body[-1]]
        up = np.interp(pinn.time_, plate.time, plate.force[:, 2])
        assert 100 * rms((contact.force[:, 2] - up)[inner]) / anatomy.body_weight < 8.0
