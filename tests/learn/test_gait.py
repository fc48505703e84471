"""GaitPINN on walks whose torques, masses and ground forces are known."""

from dataclasses import replace

import numpy as np
import pytest

from bioenv import models, paths
from bioenv.commands.trial_files import read_body, read_measured
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.measured import Measured
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.lab.trial import ForcePlate, Markers
from bioenv.learn.fit import Status
from bioenv.learn.gait import GaitPINN
from bioenv.learn.gait_mass import mass_groups, with_masses
from bioenv.models import osim
from bioenv.models.anatomy import BodyMarker
from bioenv.models.frames import Frames
from bioenv.models.native_anatomy import NativeAnatomy
from bioenv.motion import Motion

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


class Planar:
    """bioenv's optimal walk: markers on every segment of its body, forces of its feet, torques."""

    def __init__(self) -> None:
        motion = Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))
        self.body = NativeAnatomy(models.load("walker2d"))
        self.body.markers = tuple(
            BodyMarker(f"{i}_{k}", i, np.array(place))
            for i in range(1, self.body.mj.nbody)
            for k, place in enumerate(((0.04, 0.06, 0.0), (-0.04, 0, -0.03), (0.02, 0.06, -0.12)))
        )
        self.time = motion.time
        self.q, qd, qdd = (motion[name] * self.body.sign for name in ("qpos", "qvel", "qacc"))
        columns = [
            [motion.column(name, side) for name in ("ground_reaction_force", "center_of_pressure")]
            for side in "rl"
        ]
        self.force = np.stack([force for force, _ in columns], axis=1)
        still = np.zeros((len(motion), 3))
        self.plates = tuple(
            (ForcePlate(side, motion.time, force, point, still), f"calcn_{side}")
            for side, (force, point) in zip("rl", columns, strict=True)
        )
        self.contacts = [
            Contact(f"calcn_{side}", force, point)
            for side, (force, point) in zip("rl", columns, strict=True)
        ]
        self.torque = self.torque_of(self.q, qd, qdd)

    def torque_of(self, q, qd, qdd):
        """(T, 9) of the joints, under the true forces."""
        tau = generalized_forces(self.body, q, qd, qdd, self.contacts)
        return tau[:, 3:]

    def measured(self, noise: float) -> Measured:
        """Markers with noise, m, and plates."""
        places = np.stack([m.location for m in self.body.markers])
        found = np.empty((len(self.time), len(places), 3))
        of = [m.body for m in self.body.markers]
        fields = ("xpos", "xmat")
        for part, batch, rows in Frames(self.body.mj, self.q * self.body.sign, None, fields):
            where, turn = (
                batch.bind(name)[rows].reshape(len(rows), -1, *shape)[:, of]
                for name, shape in zip(fields, ((3,), (3, 3)), strict=True)
            )
            found[part] = where + (turn @ places[..., None])[..., 0]
        found += np.random.default_rng(0).normal(0, noise, found.shape)
        names = tuple(m.name for m in self.body.markers)
        return Measured("w", markers=Markers(self.time, names, found, 185.0), plates=self.plates)


@pytest.fixture(scope="module")
def planar() -> Planar:
    return Planar()


def test_torques_are_better_than_any_filters(planar) -> None:
    trial = planar.measured(2e-3)
    markers = trial.markers
    q = inverse_kinematics(planar.body, markers.time, markers.names, markers.positions).q
    rivals = []
    for cutoff in (3.0, 4.0, 5.0, 6.0, 8.0, 10.0):
        smooth = opensim_coordinates(markers.time, q, cutoff)
        tau = planar.torque_of(*(smooth(markers.time, order) for order in range(3)))
        rivals.append(rms(tau - planar.torque))
    pinn = GaitPINN(muscles=False).fit(planar.body, trial)
    own = rms(pinn.torque_[:, 3:] - planar.torque)
    assert pinn.status_ is Status.CONVERGED
    assert own < 0.7 * min(rivals)
    # Its own 95 % intervals hold nearly as often: they are of a linearized model.
    held = np.abs(pinn.torque_[:, 3:] - planar.torque) < 1.96 * pinn.torque_deviation_[:, 3:]
    assert 0.8 < held.mean() <= 1.0
    # Newton at the root is what does it.
    loose = GaitPINN(muscles=False, physics_weight=1e-4, iterations=6).fit(planar.body, trial)
    assert rms(loose.torque_[:, 3:] - planar.torque) > 2.0 * own


def test_frames_lost_in_bursts(planar) -> None:
    trial = planar.measured(2e-3)
    lost = np.zeros(len(planar.time), dtype=bool)
    for start in (0.13, 0.36, 0.6, 0.85):
        lost |= (planar.time >= start) & (planar.time < start + 0.08)
    assert lost.mean() == pytest.approx(0.3, abs=0.01)
    positions = np.where(lost[:, None, None], np.nan, trial.markers.positions)
    gappy = replace(trial, markers=replace(trial.markers, positions=positions))
    pinn = GaitPINN(muscles=False).fit(planar.body, gappy)
    error = np.degrees(pinn.q_ - planar.q)[:, planar.body.rotational]
    assert rms(error) < 0.8
    assert rms(error[lost]) < 1.5


def test_ground_forces_nobody_measured_are_found(planar) -> None:
    body, force = planar.body, planar.force
    trial = Measured("walk", time=planar.time, q=planar.q)
    pinn = GaitPINN(muscles=False, angle_noise=3e-3, position_noise=1e-3).fit(body, trial)
    assert pinn.status_ is Status.CONVERGED
    assert pinn.unmeasured_ == ("r", "l")
    assert [contact.body for contact in pinn.contacts_] == ["calcn_r", "calcn_l"]
    found = np.stack([contact.force for contact in pinn.contacts_], axis=1)
    weight = body.body_weight
    assert 100 * rms((found - force)[..., 2]) / weight < 10.0
    single = np.minimum(force[:, 0, 2], force[:, 1, 2]) < 1.0  # one foot alone
    assert 100 * rms((found - force)[single, :, 2]) / weight < 3.0
    assert found[..., 2].min() > -0.02 * weight  # no pull
    assert (np.abs(found[..., 0]) - 0.8 * found[..., 2]).max() < 0.03 * weight  # friction cone
    for contact in pinn.contacts_:
        firm = contact.force[:, 2] > 100.0
        ahead = (contact.point - origins(planar, contact.body))[firm, 0]
        assert ahead.min() > -0.1  # the pressure center stays below the foot
        assert ahead.max() < 0.25


def test_a_step_beside_the_plate_is_found_and_the_other_kept(planar) -> None:
    trial = replace(planar.measured(1e-3), plates=planar.plates[:1])
    pinn = GaitPINN(muscles=False).fit(planar.body, trial)
    assert pinn.unmeasured_ == ("l",)
    right, left = (contact.force for contact in pinn.contacts_)
    weight = planar.body.body_weight
    assert 100 * rms((right - planar.force[:, 0])[:, 2]) / weight < 1.0
    assert 100 * rms((left - planar.force[:, 1])[:, 2]) / weight < 5.0


def origins(planar, name):
    """(T, 3) m of a body."""
    found = np.empty((len(planar.q), 3))
    for part, batch, rows in Frames(planar.body.mj, planar.q * planar.body.sign, None, ("xpos",)):
        found[part] = batch.bind("xpos")[rows][:, planar.body.mj.body(name).id]
    return found


def test_a_large_residual_is_said(anatomy, trial) -> None:
    heavy = with_masses(anatomy, np.full(anatomy.mj.nbody, 1.4))
    pinn = GaitPINN(**QUICK, force_noise=1.0).fit(heavy, trial, start=START, stop=STOP)
    assert pinn.status_ is not Status.CONVERGED
    assert "force_rms" in pinn.message_ or "marker_rms" in pinn.message_


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
