"""The GRU inside a muscle model: its physics holds whatever its weights are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bioenv.errors import BioenvError
from bioenv.learn.estimators import Estimator, Plan, Settings, Shape, Windows, build, nrmse
from bioenv.learn.sequences import emg
from bioenv.learn.sequences.muscle_network import DRIVES, EmgTorque
from bioenv.learn.sequences.recordings import SITES, normalized, one_leg
from bioenv.motion import Motion

MASS, RATE = 80.0, 50.0


def walk(seconds: float = 16.0, side: str = "l", seed: int = 0) -> Motion:
    """A leg that swings like a clock, its envelopes in bursts, its torques from the bursts."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * time / 1.1 + np.cumsum(0.02 * rng.normal(size=len(time)))
    burst = np.stack([np.maximum(np.sin(phase + k), 0) ** 2 for k in (0, 0.2, 2.0, 2.2, 3.0)], 1)
    burst *= 1.0 + 0.1 * rng.normal(size=burst.shape)
    angle = np.stack([0.3 * np.cos(phase), 0.5 + 0.4 * np.sin(phase), 0.1 * np.sin(phase)], 1)
    torque = np.stack([30 * burst[:, 2] - 20 * burst[:, 1], -90 * burst[:, 0]], 1)
    angles = [f"{name}_{side}" for name in ("hip_flexion", "knee_angle", "ankle_angle")]
    motion = Motion(time, meta={"mass_kg": MASS, "subject": "one", "leg": "r"})
    motion = motion.add("emg", burst, labels=[f"{s}_{side}" for s in SITES], source="measured")
    motion = motion.add("qpos", angle, labels=angles, source="measured")
    speed = np.gradient(angle, time, axis=0)
    motion = motion.add("qvel", speed, labels=angles, source="computed")
    return motion.add("joint_torque", torque, labels=angles[1:], source="computed")


def windows(motion: Motion, angles: bool = True) -> Windows:
    return emg.windows(one_leg(motion, "l").with_meta(leg="l"), angles=angles)


def network(train: Windows, leg, seed: int = 0, **settings) -> EmgTorque:
    shape = Shape(train.length, len(train.input_names), 1, 2)
    found = build(emg.settings_for(train, leg, MASS, hidden=8, **settings), shape, seed)
    assert isinstance(found, EmgTorque)
    return found


def seen(train: Windows) -> torch.Tensor:
    """Scaled as an Estimator does."""
    estimator = Estimator(Settings("plain", hidden=2), members=1, plan=Plan(epochs=1))
    estimator.fit(train.take(np.arange(9)), train.take(np.arange(9)))
    from bioenv.learn.estimators import Scaling

    return torch.as_tensor(Scaling.of(train.inputs).forward(train.inputs), dtype=torch.float32)


def test_activations_stay_in_bounds_for_absurd_inputs_and_weights(leg):
    train = windows(walk())
    one = network(train, leg)
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.mul_(5.0)
    absurd = 100.0 * torch.randn(64, *train.inputs.shape[1:])
    found = one.muscles(absurd)
    for part in found:
        assert part.min().item() >= 0.0
        assert part.max().item() <= 1.0


def test_a_silent_electrode_leaves_its_muscles_relaxed_and_no_other(leg):
    train = windows(walk())
    one = network(train, leg)
    inputs = train.inputs.copy()
    inputs[:, :, 0] = 0.0  # soleus
    from bioenv.learn.estimators import Scaling

    scaled = Scaling.of(train.inputs).forward(inputs)
    active = one.muscles(torch.as_tensor(scaled, dtype=torch.float32)).activation.detach()
    by_name = dict(zip(leg.muscles, active[:, -1].amax(dim=0).tolist(), strict=True))
    assert by_name["soleus"] < 1e-6
    assert min(v for name, v in by_name.items() if name != "soleus") > 0.05


def test_each_muscle_turns_its_joints_the_way_its_moment_arm_says(leg):
    train = windows(walk())
    one = network(train, leg)
    window = seen(train)[:16]
    now = torch.zeros(16, 8)
    nothing = one._torque(window, now, torch.zeros(16, one.count)).detach()
    arms = leg.moment_arm(np.zeros(3))[:, 1:]
    for number in range(one.count):
        active = torch.zeros(16, one.count)
        active[:, number] = 0.5
        change = (one._torque(window, now, active) - nothing).detach().numpy()
        expected = np.sign(arms[number])
        assert (np.sign(np.round(change, 9)) == expected).all(), leg.muscles[number]


def test_without_angles_the_signs_hold_too(leg):
    train = windows(walk(), angles=False)
    one = network(train, leg)
    assert not one.kinematic
    active = torch.zeros(1, one.count)
    active[:, leg.muscles.index("soleus")] = 1.0
    torque = one._torque(torch.zeros(1, 50, 5), torch.zeros(1, 8), active)[0].tolist()
    assert torque[0] == 0.0
    assert torque[1] < -0.5


def test_torque_by_hand_at_rest_and_full_activation(leg):
    """Isometric at the optimal length: F0 times arm, over mass."""
    train = windows(walk())
    one = network(train, leg)
    raw = np.zeros((1, 50, 11))
    window = torch.as_tensor((raw - one.of_center.numpy()) / one.of_scale.numpy()).float()
    active = torch.zeros(1, one.count)
    active[0, leg.muscles.index("tibant")] = 1.0
    found = one._torque(window, torch.zeros(1, 8), active)[0, 1].item()
    share = torch.exp(np.log(2.0) * torch.tanh(one.share.bias[3])).item()
    assert found == pytest.approx(share * 2000.0 * 0.043 / MASS, rel=1e-4)


def test_delay_shifts_the_envelope_and_is_told_in_seconds(leg):
    train = windows(walk())
    one = network(train, leg)
    with torch.no_grad():
        one.delay.fill_(-50.0)
        one.delay[:, 3] = 50.0
    assert torch.allclose(one.delays(), torch.full((one.count,), 0.06))
    pulse = torch.zeros(1, 50, one.count)
    pulse[:, 20] = 1.0
    assert int(one._delayed(pulse)[0, :, 0].argmax()) == 23


def test_the_future_of_an_electrode_cannot_reach_back(leg):
    train = windows(walk())
    one = network(train, leg)
    window = seen(train)[:4]
    changed = window.clone()
    changed[:, -5:] += 3.0
    before, after = (one.muscles(x).activation.detach() for x in (window, changed))
    assert torch.allclose(before[:, :-5], after[:, :-5])
    assert not torch.allclose(before[:, -1], after[:, -1])


def test_it_learns_saves_loads_and_tells_torque_and_activation(leg, tmp_path):
    motion = walk(10.0)
    train = windows(motion)
    parts = np.arange(len(train))
    fit, valid = train.take((parts < 300) & (parts % 2 == 0)), train.take(parts >= 360)
    one = Estimator(
        emg.settings_for(fit, leg, MASS, hidden=8), members=2, degrade=True,
        plan=Plan(epochs=14, batch=32, learning_rate=2e-2, anneal=True),
    ).fit(fit, valid)  # fmt: skip
    assert nrmse(one.predict(valid).mean, valid.targets) < 0.09
    back = Estimator.load(one.save(tmp_path / "emg"))
    assert np.allclose(back.predict(valid).mean, one.predict(valid).mean, atol=1e-6)
    active, spread, muscles = emg.activations(back, valid.inputs)
    assert np.allclose(active, emg.activations(one, valid.inputs)[0], atol=1e-6)
    assert muscles == leg.muscles
    assert (spread >= 0).all()
    _estimates(motion, back)


def _estimates(motion: Motion, one: Estimator) -> None:
    found = emg.estimate(motion, one, side="l")
    assert found.labels("joint_torque") == ("knee_angle_l", "ankle_angle_l")
    assert found.labels("activation")[0] == "soleus_l"
    assert len(found) == len(motion) - 49
    torque = found.signals["joint_torque"]
    assert torque.source == found.source("activation") == "estimated"
    truth = motion.between(found.time[0] - 1e-9, 1e9)["joint_torque"]
    inside = (torque.band[..., 0] <= truth) & (truth <= torque.band[..., 1])
    assert inside.mean() > 0.75
    band = found.signals["activation"].band
    assert band.min() >= 0
    assert band.max() <= 1
    # Another rate is brought to 50 Hz; a lost electrode widens the band and flags everything.
    from bioenv.learn.estimators import at_rate

    assert emg.estimate(at_rate(motion, 100.0), one, side="l").meta["estimate_notes"]
    emg_ = motion.signals["emg"]
    lost = motion.add("emg", emg_.values[:, 1:], labels=emg_.labels[1:], source="measured")
    worse = emg.estimate(lost, one, side="l")
    assert worse.signals["joint_torque"].flag.all()
    assert (
        np.ptp(worse.signals["joint_torque"].band, axis=-1).mean()
        > np.ptp(torque.band, axis=-1).mean()
    )


def test_bad_input_is_refused(leg):
    motion = walk(4.0)
    train = windows(motion)
    with pytest.raises(BioenvError, match="knee and ankle torque at one instant"):
        build(emg.settings_for(train, leg, MASS), Shape(50, 11, 2, 2), 0)
    with pytest.raises(BioenvError, match="side"):
        one_leg(motion, "left")
    with pytest.raises(BioenvError, match="no channel of the leg 'r'"):
        one_leg(motion, "r")
    with pytest.raises(BioenvError, match=r"silent.*name them missing"):
        normalized(np.zeros((10, 2)))
    with pytest.raises(BioenvError, match="needs 50"):
        windows(motion.between(0.0, 0.5))
    fewer = [i for i, name in enumerate(train.input_names) if "soleus" not in name]
    bad = Windows(*(
        train.inputs[:, :, fewer] if n == "inputs"
        else tuple(np.array(getattr(train, n))[fewer]) if n in ("input_names", "input_units")
        else getattr(train, n) for n in Windows.__dataclass_fields__))  # fmt: skip
    with pytest.raises(BioenvError, match="emg/soleus_r missing"):
        emg.settings_for(bad, leg, MASS)
    plain = Estimator(Settings("plain", hidden=2), members=1, plan=Plan(epochs=1))
    plain.fit(train, train)
    with pytest.raises(BioenvError, match="knows no activations"):
        emg.activations(plain, train.inputs)


def test_every_electrode_drives_a_muscle(leg):
    assert set(DRIVES.values()) == set(SITES)
    assert set(DRIVES) < set(leg.muscles)
