"""The two pages on an inverse analysis: drawn whole, and with any part missing."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from two_legs import Walk, force_columns, write_table
from two_legs_model import write_model

from bioenv import models
from bioenv.evaluate.report import inverse_pages
from bioenv.evaluate.report.figures import style
from bioenv.evaluate.report.inverse_muscles import activations
from bioenv.inverse.analysis import Settings
from bioenv.inverse.measured import Measured
from bioenv.inverse.pipeline import analyse
from bioenv.inverse.standard import to_motion
from bioenv.lab.external_loads import forces_of
from bioenv.lab.trial import Emg
from bioenv.models import osim
from bioenv.models.native_anatomy import NativeAnatomy

PLAIN = Settings(cutoff=None)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """An analysis with forces and EMG of a part of the trial, and what it was made of."""
    folder, walk = tmp_path_factory.mktemp("pages"), Walk()
    body = osim.load(write_model(folder / "two.osim"))
    grf = write_table(folder / "grf.mot", force_columns(walk))
    plates = tuple((load.plate, load.body) for load in forces_of(grf))
    time = walk.time[80:]
    wave = np.column_stack([1 + np.sin(5 * time), 1 + np.cos(5 * time)])
    emg = Emg(time, ("soleus_r", "TA_l"), wave, "1", 100.0, True)
    measured = Measured("a walk", time=walk.time, q=walk.q, plates=plates, emg=emg)
    return analyse(body, measured, PLAIN), body, measured


def drawn(analysis):
    """The axes of both pages, by title."""
    motion = to_motion(analysis)
    strides = inverse_pages._strides(motion)
    with matplotlib.rc_context(style()):
        pages = [
            draw(analysis, motion, strides)
            for draw in (inverse_pages._movement_page, inverse_pages._muscle_page)
        ]
    return [{axes.get_title(loc="left"): axes for axes in page.axes} for page in pages], pages


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_two_pages_of_pdf(walked, tmp_path):
    path = inverse_pages.write(walked[0], tmp_path / "report.pdf")
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == 2


def test_curves_run_over_the_gait_cycle(walked):
    (first, second), _ = drawn(walked[0])
    assert first["Knee moment"].get_xlabel() == "% of gait cycle"
    assert first["Knee moment"].get_ylabel() == "N·m/kg"
    x, y = first["Vertical ground force"].lines[0].get_data()
    assert len(x) == len(y) == 101
    assert {"Hip contact", "Knee contact", "Residual force", "Soleus"} <= set(second)


def test_moments_are_scaled_by_mass_and_turned_to_bioenvs_sense(walked):
    analysis, *_ = walked
    alone = replace(analysis, contacts=())  # no strides: curves over time
    (first, _), _ = drawn(alone)
    _, y = first["Knee moment"].lines[0].get_data()
    expected = -analysis.torque_of("knee_angle_r") / analysis.anatomy.mass
    np.testing.assert_allclose(y, expected, atol=1e-9)
    assert first["Knee moment"].get_xlabel() == "time, s"


def test_an_electrode_stands_against_its_muscle(walked):
    (_, second), _ = drawn(walked[0])
    assert any(text.startswith("r = ") for text in words(second["Soleus"]))
    dashed = [line for line in second["Soleus"].lines if line.get_linestyle() == "--"]
    assert len(dashed) == 1
    assert np.isfinite(dashed[0].get_ydata()).any()


def test_without_emg_the_main_muscles_are_shown(walked):
    analysis = replace(walked[0], agreement=(), emg={}, emg_time=None)
    (_, second), _ = drawn(analysis)
    assert {"Soleus", "Tibialis anterior", "Rectus femoris"} <= set(second)
    assert not words(second["Soleus"])


def test_without_forces_the_panels_say_so(walked, tmp_path):
    _, body, measured = walked
    analysis = analyse(body, replace(measured, plates=(), emg=None), PLAIN)
    (first, second), pages = drawn(analysis)
    assert words(first["Hip moment"]) == ["not computed"]
    assert words(second["Residual force"]) == ["no ground forces"]
    assert not first["Hip moment"].get_ylabel()
    assert first["Hip angle"].lines
    assert any("no ground forces" in text.get_text() for text in pages[1].texts)
    assert inverse_pages.write(analysis, tmp_path / "report.pdf").stat().st_size > 1000


def test_an_arm_has_pages_too():
    body = NativeAnatomy(models.load("arm26"))
    time = np.arange(60) / 50
    q = body.default + 0.2 * np.sin(np.outer(4 * time, np.ones(len(body.default))))
    analysis = analyse(body, Measured("arm", time=time, q=q), PLAIN)
    (first, second), _ = drawn(analysis)
    assert {"Elbow flexion angle", "Elbow flexion moment"} <= set(first)
    assert words(second["Residual force"]) == ["fixed to the ground"]
    assert second["Elbow contact"].lines
    assert "BRA" in second


def test_a_long_list_of_notes_is_cut(walked):
    analysis = replace(walked[0], notes=tuple(f"/data/some/file {i}.mot" for i in range(40)))
    shown = inverse_pages._words(analysis).splitlines()
    assert len(shown) == inverse_pages.LINES + 1
    assert shown[-1].startswith("… ")
    assert shown[-1].endswith("more lines in residuals.json")
    assert "/data/" not in "".join(shown)


def test_at_most_twelve_electrodes(walked):
    analysis = replace(walked[0], agreement=walked[0].agreement * 10)
    assert len(activations(analysis, to_motion(analysis), {})) == 12
