"""GaitPINN on a walk that muscles make: better than filters, with gaps, without plates."""

from dataclasses import replace

import numpy as np
import pytest
from planar_walk import Planar

from bioenv.inverse.kinematics import inverse_kinematics
from bioenv.inverse.measured import Measured
from bioenv.lab.opensim_filter import opensim_coordinates
from bioenv.learn.fit import Status
from bioenv.learn.gait import GaitPINN
from bioenv.models.frames import Frames


def rms(error) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


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
