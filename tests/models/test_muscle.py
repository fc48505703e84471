"""The NumPy muscle functions are MuJoCo's to round-off and have physiological shapes."""

import mujoco
import numpy as np
import pytest

from bioenv.models import muscle
from bioenv.models.parameters import MuscleParameters

NM = 7

MJCF = """
<mujoco>
  <option timestep="0.002"/>
  <worldbody>
    <site name="a1" pos="0.02 0 -0.1"/> <site name="b1" pos="-0.03 0 -0.08"/>
    <body pos="0 0 -0.3">
      <joint name="elbow" axis="0 -1 0"/>
      <geom type="capsule" fromto="0 0 0 0 0 -0.25" size="0.02" mass="1.5"/>
      <site name="a2" pos="0.03 0 -0.05"/> <site name="b2" pos="-0.02 0 -0.03"/>
    </body>
  </worldbody>
  <tendon>
    <spatial name="flexor"><site site="a1"/><site site="a2"/></spatial>
    <spatial name="extensor"><site site="b1"/><site site="b2"/></spatial>
  </tendon>
  <actuator>
    <muscle name="flexor" tendon="flexor" force="700" lengthrange="0.2 0.32" range="0.6 1.4"
            vmax="9" fpmax="0.6" fvmax="1.4" timeconst="0.015 0.05" tausmooth="0.3"/>
    <muscle name="extensor" tendon="extensor" force="500" lengthrange="0.19 0.30" range="0.7 1.3"
            lmin="0.4" lmax="1.7" vmax="10" timeconst="0.01 0.04"/>
  </actuator>
</mujoco>
"""


def parameters(rng: np.random.Generator, nm: int = NM, smooth: bool = True) -> MuscleParameters:
    """Random but possible muscles."""
    force = rng.uniform(300, 6000, nm)
    optimal = rng.uniform(0.03, 0.2, nm)
    slack = rng.uniform(0.02, 0.4, nm)
    angle = rng.uniform(0, 0.5, nm)
    low, high = rng.uniform(0.4, 0.7, nm), rng.uniform(1.2, 1.5, nm)
    length = optimal * np.cos(angle)
    vmax = rng.uniform(5, 12, nm)
    return MuscleParameters(
        max_isometric_force=force, optimal_fiber_length=optimal, tendon_slack_length=slack,
        pennation=angle, max_velocity=vmax, fast_fiber_ratio=rng.uniform(0.2, 0.8, nm),
        specific_tension=np.full(nm, 0.25e6), mass=1059.7 * force / 0.25e6 * optimal,
        element_force=force * np.cos(angle), element_length=length, range_min=low, range_max=high,
        length_range_min=slack + low * length, length_range_max=slack + high * length,
        lmin=rng.uniform(0.3, 0.6, nm), lmax=rng.uniform(1.4, 1.8, nm), vmax=vmax,
        fpmax=rng.uniform(0.2, 1.5, nm), fvmax=rng.uniform(1.1, 1.8, nm),
        tau_act=rng.uniform(0.008, 0.02, nm), tau_deact=rng.uniform(0.03, 0.08, nm),
        tausmooth=rng.uniform(0, 0.4, nm) * (np.arange(nm) % 2) if smooth else np.zeros(nm),
    )  # fmt: skip


def from_compiled(model: mujoco.MjModel) -> MuscleParameters:
    """The parameters of an unpennated compiled model."""
    gain, dyn, span = model.actuator_gainprm, model.actuator_dynprm, model.actuator_lengthrange
    length = (span[:, 1] - span[:, 0]) / (gain[:, 1] - gain[:, 0])
    slack = span[:, 0] - gain[:, 0] * length
    nm, force = model.nu, gain[:, 2]
    return MuscleParameters(
        max_isometric_force=force, optimal_fiber_length=length, tendon_slack_length=slack,
        pennation=np.zeros(nm), max_velocity=gain[:, 6], fast_fiber_ratio=np.full(nm, 0.5),
        specific_tension=np.full(nm, 0.25e6), mass=1059.7 * force / 0.25e6 * length,
        element_force=force, element_length=length, range_min=gain[:, 0], range_max=gain[:, 1],
        length_range_min=span[:, 0], length_range_max=span[:, 1],
        lmin=gain[:, 4], lmax=gain[:, 5], vmax=gain[:, 6], fpmax=gain[:, 7], fvmax=gain[:, 8],
        tau_act=dyn[:, 0], tau_deact=dyn[:, 1], tausmooth=dyn[:, 2],
    )  # fmt: skip


def mujoco_prm(p: MuscleParameters, i: int) -> tuple[np.ndarray, np.ndarray]:
    span = np.array([[p.length_range_min[i]], [p.length_range_max[i]]])
    prm = [p.range_min[i], p.range_max[i], p.element_force[i], 200.0,
           p.lmin[i], p.lmax[i], p.vmax[i], p.fpmax[i], p.fvmax[i]]  # fmt: skip
    return span, np.array(prm)[:, None]


def test_force_is_mujocos_gain_and_bias() -> None:
    rng = np.random.default_rng(1)
    p = parameters(rng)
    # Well past both ends of every curve.
    length = p.tendon_slack_length + p.element_length * rng.uniform(0.0, 2.3, (400, NM))
    velocity = p.element_length * p.vmax * rng.uniform(-1.5, 1.5, (400, NM))
    activation = rng.uniform(0, 1, (400, NM))
    force = muscle.muscle_force(length, velocity, activation, p)
    passive = muscle.passive_force(length, p)
    for i in range(NM):
        span, prm = mujoco_prm(p, i)
        for k in range(400):
            gain = mujoco.mju_muscleGain(length[k, i], velocity[k, i], span, 1.0, prm)
            bias = mujoco.mju_muscleBias(length[k, i], span, 1.0, prm)
            scale = p.element_force[i]
            assert abs(force[k, i] + gain * activation[k, i] + bias) < 1e-12 * scale
            assert abs(passive[k, i] + bias) < 1e-12 * scale


@pytest.mark.parametrize("smooth", [False, True])
def test_activation_rate_is_mujocos(smooth: bool) -> None:
    rng = np.random.default_rng(2)
    p = parameters(rng, smooth=smooth)
    excitation = rng.uniform(-0.2, 1.2, (400, NM))
    activation = rng.uniform(-0.05, 1.05, (400, NM))
    activation[:20] = np.clip(excitation[:20], 0, 1)  # no error at all
    rate = muscle.activation_rate(excitation, activation, p)
    for i in range(NM):
        prm = np.array([[p.tau_act[i]], [p.tau_deact[i]], [p.tausmooth[i]]])
        expected = [
            mujoco.mju_muscleDynamics(u, a, prm)
            for u, a in zip(excitation[:, i], activation[:, i], strict=True)
        ]
        np.testing.assert_allclose(rate[:, i], expected, rtol=1e-12, atol=1e-11)


def test_force_and_activation_of_a_compiled_model() -> None:
    model = mujoco.MjModel.from_xml_string(MJCF)
    data = mujoco.MjData(model)
    p = from_compiled(model)
    rng = np.random.default_rng(3)
    for _ in range(200):
        data.qpos[:] = rng.uniform(-1, 1)
        data.qvel[:] = rng.uniform(-15, 15)
        data.act[:] = rng.uniform(0, 1, 2)
        data.ctrl[:] = rng.uniform(0, 1, 2)
        mujoco.mj_forward(model, data)
        force = muscle.muscle_force(data.actuator_length, data.actuator_velocity, data.act, p)
        np.testing.assert_allclose(force, -data.actuator_force, rtol=0, atol=1e-9)
        rate = muscle.activation_rate(data.ctrl, data.act, p)
        np.testing.assert_allclose(rate, data.act_dot, rtol=1e-12, atol=1e-12)


def test_curve_landmarks() -> None:
    p = parameters(np.random.default_rng(4))
    one = np.ones(NM)
    assert muscle.active_force_length(one, p) == pytest.approx(1.0)
    assert muscle.active_force_length(p.lmin, p) == pytest.approx(0.0, abs=1e-15)
    assert muscle.active_force_length(p.lmax, p) == pytest.approx(0.0, abs=1e-15)
    assert muscle.active_force_length((1 + p.lmax) / 2, p) == pytest.approx(0.5)
    assert muscle.force_velocity(0 * one, p) == pytest.approx(1.0)
    assert muscle.force_velocity(-one, p) == pytest.approx(0.0)
    assert muscle.force_velocity(5 * one, p) == pytest.approx(p.fvmax)
    assert muscle.passive_force_length(one, p) == pytest.approx(0.0)
    assert muscle.passive_force_length((1 + p.lmax) / 2, p) == pytest.approx(p.fpmax / 2)


def test_curves_are_smooth_and_monotone_where_they_should_be() -> None:
    p = parameters(np.random.default_rng(5))
    grid = np.linspace(-1.2, 1.2, 2001)[:, None] * np.ones(NM)
    fv = muscle.force_velocity(grid, p)
    assert (np.diff(fv, axis=0) >= -1e-12).all()
    slope = np.diff(fv, axis=0) / np.diff(grid, axis=0)
    assert np.abs(np.diff(slope, axis=0)).max() < 0.05  # no corner: d2 = 2 / (fvmax - 1) * step
    fp = muscle.passive_force_length(grid + 1.2, p)
    assert (np.diff(fp, axis=0) >= -1e-12).all()


def test_fiber_velocity_is_the_rate_of_fiber_length() -> None:
    rng = np.random.default_rng(6)
    p = parameters(rng)
    length = p.tendon_slack_length + p.element_length * rng.uniform(0.5, 1.5, (5, NM))
    velocity = rng.uniform(-1, 1, (5, NM))
    h = 1e-6
    ahead = muscle.fiber_length(length + h * velocity, p)
    behind = muscle.fiber_length(length - h * velocity, p)
    rate = (ahead - behind) / (2 * h) * p.optimal_fiber_length
    np.testing.assert_allclose(muscle.fiber_velocity(velocity, p), rate, rtol=1e-7)
    relative = muscle.normalized_velocity(velocity, p) * p.vmax * p.optimal_fiber_length
    np.testing.assert_allclose(relative, rate, rtol=1e-7)


def test_leading_axes_do_not_matter() -> None:
    rng = np.random.default_rng(7)
    p = parameters(rng)
    length = p.tendon_slack_length + p.element_length * rng.uniform(0.5, 1.5, (3, 4, NM))
    velocity, activation = rng.normal(size=(3, 4, NM)), rng.uniform(size=(3, 4, NM))
    together = muscle.muscle_force(length, velocity, activation, p)
    alone = muscle.muscle_force(length[1, 2], velocity[1, 2], activation[1, 2], p)
    np.testing.assert_array_equal(together[1, 2], alone)
