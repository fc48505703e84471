"""Activation dynamics in closed form, and what agreement with EMG means."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.inverse.emg_agreement import activated, agreement
from bioenv.inverse.muscles.activation import ACTIVATION_TIME, DEACTIVATION_TIME
from bioenv.lab.electrodes import match

TIME = np.arange(0.0, 2.0, 0.001)


def test_a_step_of_excitation_rises_and_falls_with_its_time_constants() -> None:
    u = ((TIME >= 0.5) & (TIME < 1.0)).astype(float)[:, None]
    a = activated(TIME, u)[:, 0]
    rise = (TIME > 0.501) & (TIME < 0.999)
    fall = TIME > 1.001
    np.testing.assert_allclose(
        a[rise], 1 - np.exp(-(TIME[rise] - 0.5) / ACTIVATION_TIME), atol=1e-9
    )
    np.testing.assert_allclose(a[fall], np.exp(-(TIME[fall] - 1.0) / DEACTIVATION_TIME), atol=1e-9)


def test_the_result_does_not_depend_on_the_sampling_of_a_held_excitation() -> None:
    coarse = np.array([0.0, 0.1, 0.2, 0.3])
    u = np.array([[0.0], [1.0], [0.0], [0.0]])
    fine = np.arange(0, 301) / 1000
    held = u[np.minimum((fine / 0.1 + 1e-9).astype(int), 3)]
    np.testing.assert_allclose(activated(fine, held)[::100], activated(coarse, u), atol=1e-9)


def test_an_envelope_of_another_length_is_refused() -> None:
    with pytest.raises(BioenvError, match=r"\(2000, electrodes\)"):
        activated(TIME, np.zeros((5, 1)))


def _burst(center: float) -> np.ndarray:
    return np.exp(-(((TIME - center) / 0.15) ** 2))


def test_activation_made_by_the_emg_itself_agrees_and_a_shifted_one_does_not() -> None:
    muscles = ("soleus_r", "vaslat_r")
    emg = {"sol": _burst(1.0), "vl": _burst(0.6)}
    made = activated(TIME, np.column_stack([_burst(1.0), _burst(1.5)]))
    electrodes, _ = match(emg, muscles, "r")
    same, late = agreement(TIME, made, muscles, np.array([1.0, 1.0]), TIME, emg, electrodes)
    assert same.correlation == pytest.approx(1.0, abs=1e-9)
    assert same.on_off == pytest.approx(1.0)
    assert late.correlation < 0.1
    assert late.on_off_correlation < 0.1


def test_muscles_below_one_electrode_count_by_their_strength() -> None:
    muscles = ("glmax1_r", "glmax2_r")
    activation = np.column_stack([_burst(1.0), 1 - _burst(1.0)])
    electrodes, _ = match(["gmax"], muscles, "r")
    emg = {"gmax": _burst(1.0)}
    strong, weak = (
        agreement(TIME, activation, muscles, np.array(f0), TIME, emg, electrodes)[0]
        for f0 in ([9.0, 1.0], [1.0, 9.0])
    )
    assert strong.correlation > 0.9
    assert weak.correlation < -0.9


def test_gaps_and_times_outside_the_recording_are_left_out() -> None:
    raw = _burst(1.0)
    raw[900:905] = np.nan
    electrodes, _ = match(["sol"], ("soleus_r",), "r")
    inside = (TIME > 0.4) & (TIME < 1.6)
    made = activated(TIME, _burst(1.0)[:, None])
    one = agreement(
        TIME, made, ("soleus_r",), np.ones(1), TIME[inside], {"sol": raw[inside]}, electrodes
    )[0]
    assert one.frames == inside.sum()
    assert one.correlation > 0.999
