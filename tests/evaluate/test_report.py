"""The HTML report: whole, self-contained, honest about what is missing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import mujoco
import numpy as np
import pytest
from reference_walk import walking_motion

from bioenv import models
from bioenv.evaluate.gait import analyse
from bioenv.evaluate.report import figures, render
from bioenv.evaluate.report.content import Shown
from bioenv.evaluate.report.timeline import root_residuals
from bioenv.evaluate.scores import evaluate
from bioenv.motion import Motion


@pytest.fixture(scope="module")
def one() -> str:
    return render(evaluate(walking_motion().with_meta(label="a <walk>"), "falisse2019"))


@pytest.fixture(scope="module")
def two() -> str:
    motions = [
        walking_motion().with_meta(label="A"),
        walking_motion(noise=0.05).with_meta(label="B"),
    ]
    return render(evaluate(motions, "falisse2019"))


def _films(html: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="films">(.*?)</script>', html, re.S)
    assert found is not None
    films: list[dict[str, Any]] = json.loads(found[1])
    return films


def test_the_file_is_whole_well_formed_and_needs_nothing_else(one: str) -> None:
    class Parser(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.ids: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "input", "br", "link"):
                self.open.append(tag)
            self.ids += [value or "" for name, value in attrs if name == "id"]
            for name, value in attrs:
                assert name not in ("src", "srcset"), f"{tag} loads {value}"
                outside = name in ("href", "xlink:href") and not (value or "").startswith("#")
                assert not outside, f"{tag} links to {value}"

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.handle_starttag(tag, attrs)
            if self.open and self.open[-1] == tag:
                self.open.pop()

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Parser()
    parser.feed(one)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids)), "ids must be unique in the page"
    assert "@import" not in one
    assert len(one) < 3e6


def test_every_section_is_there(one: str) -> None:
    keys = re.findall(r'<section id="([^"]+)"', one)
    assert keys == ["film", "summary", "aims", "cost", "scores", "angles", "moments", "ground",
                    "muscles", "energy", "loads", "physics", "consistency",
                    "reference"]  # fmt: skip
    for key in ("angles", "ground", "muscles", "loads", "energy"):
        assert f'id="{key}-figure_1"' in one


def test_a_missing_channel_is_said_and_the_rest_is_shown(one: str) -> None:
    assert "Left out: the motion has no channel joint_torque." in one
    bare = walking_motion(3.0)
    kept = {n: bare.signals[n] for n in ("qpos", "ground_reaction_force")}
    html = render(evaluate(Motion(bare.time, kept, None, bare.meta), "falisse2019"))
    assert "Left out: the motion has no channel activation." in html
    assert "Left out: the motion&#x27;s model is not known here" in html
    assert 'id="angles-figure_1"' in html


def test_names_are_escaped(one: str) -> None:
    assert "<h1>a &lt;walk&gt; against falisse2019</h1>" in one
    assert "<walk>" not in one


def test_the_verdict_tells_distance_place_and_speed(two: str) -> None:
    near, far = re.findall(r'<p class="verdict"[^>]*>(.*?)</p>', two)
    distance = [float(re.search(r"are ([\d.]+)° from falisse2019", v)[1]) for v in (near, far)]  # type: ignore[index]
    # A plays the reference itself; B is off by the drawn offsets of a few degrees.
    assert distance[0] < 0.5
    assert 1.5 < distance[1] < 6
    assert "A walks at 1.30 m/s (falisse2019: 1.32 m/s)." in near
    assert "not rewarded" in near


def test_the_table_keeps_rewarded_and_not_rewarded_apart(one: str) -> None:
    free, rewarded = one.index("a prediction</th>"), one.index("a fit, no validation</th>")
    rows = {m[1]: m.start() for m in re.finditer(r'<th scope="row">([^<]+)</th>', one)}
    assert free < rows["vertical impulse"] < rewarded < rows["joint angle RMSE"]


def test_the_film_shows_where_the_body_is(one: str) -> None:
    (film,) = _films(one)
    model, motion = models.load("walker2d"), walking_motion()
    frames = len(film["time"])
    assert {len(film[key]) for key in ("segments", "paths", "activation", "ground", "camera")} == {
        frames
    }
    assert 2.0 < film["time"][-1] - film["time"][0] < 4.0
    names = [model.mj.geom(i).name for i in range(model.mj.ngeom)]
    shown = [n for n in names if n != "floor" and "wrap" not in n]
    shank = shown.index("shank_r")
    row = int(np.argmin(np.abs(motion.time - film["time"][10])))
    data = mujoco.MjData(model.mj)
    data.qpos[:] = motion["qpos"][row]
    mujoco.mj_forward(model.mj, data)
    x0, z0, x1, z1 = film["segments"][10][shank]
    centre = 1000 * data.geom("shank_r").xpos
    assert (x0 + x1) / 2 == pytest.approx(centre[0], abs=1)
    assert (z0 + z1) / 2 == pytest.approx(centre[2], abs=1)
    assert np.hypot(x1 - x0, z1 - z0) == pytest.approx(
        2000 * model.mj.geom("shank_r").size[1], abs=2
    )
    soleus = film["muscles"].index("soleus_r")
    assert film["paths"][10][soleus][0] == pytest.approx(
        1000 * data.site("soleus_r-P1").xpos[0], abs=1
    )
    assert film["activation"][10][soleus] == pytest.approx(
        100 * motion.column("activation", "soleus_r")[row], abs=1
    )
    weight = [sum(foot[3] for foot in frame) for frame in film["ground"]]
    total = motion["ground_reaction_force"][row, :, 2].sum()
    assert weight[10] == pytest.approx(total, rel=0.02)


def test_two_motions_stand_side_by_side(two: str) -> None:
    assert two.count('<canvas class="film"') == 2
    assert len(_films(two)) == 2
    assert figures.colour(0) != figures.colour(1)
    assert two.count(f"stroke: {figures.colour(1)}") > 6


def test_a_movement_that_is_no_gait_is_shown_over_time() -> None:
    time = np.arange(0.0, 2.0, 0.01)
    motion = Motion(time, model="elbow", meta={"label": "elbow"})
    elbow = models.load("elbow")
    pose = np.tile(elbow.home, (time.size, 1)) + 0.3 * np.sin(time)[:, None]
    motion = motion.add("qpos", pose, labels=elbow.coordinates, source="simulated")
    html = render(evaluate(motion, against=None))
    keys = re.findall(r'<section id="([^"]+)"', html)
    assert keys == ["film", "aims", "scores", "coordinates", "activations", "physics"]
    assert "<h1>elbow</h1>" in html


def test_estimates_show_their_band_and_their_doubt() -> None:
    motion = walking_motion(3.0)
    torque = 50 * np.sin(motion.time)[:, None]
    band = np.stack([torque - 7, torque + 9], axis=-1)
    trusted = motion.add(
        "joint_torque", torque, labels=("knee_angle_r",), source="estimated",
        band=band, flag=motion.time < 0.75,
    ).with_meta(label="sure", estimate_notes=["resampled from 50 to 100 Hz"])  # fmt: skip
    bare = motion.add(
        "joint_torque", torque, labels=("knee_angle_r",), source="estimated"
    ).with_meta(label="bare")  # fmt: skip
    found = evaluate([trusted, bare], "falisse2019")
    html = render(found)
    assert '<section id="estimated-joint_torque"' in html
    assert "sure: 25 % of the samples are flagged; resampled from 50 to 100 Hz" in html
    assert "bare: estimated without a calibrated band" in html
    assert "knee_angle_r (N·m)" in html
    assert found.score("flagged_joint_torque", "sure").value == pytest.approx(25, abs=0.5)
    assert found.score("flagged_joint_torque", "sure").ok is False
    assert "joint_torque" in found.score("estimates_without_band", "bare").source
    assert "estimated-" not in render(evaluate(motion, "falisse2019"))


def test_the_report_is_the_same_each_time() -> None:
    full = walking_motion(3.0)
    kept = {name: full.signals[name] for name in ("qpos", "ground_reaction_force")}
    motion = Motion(full.time, kept, full.model, full.meta)
    assert render(evaluate(motion, "winter")) == render(evaluate(motion, "winter"))


def test_root_residuals_are_shares_of_the_ground_force() -> None:
    motion = walking_motion(3.0)
    model = models.load("walker2d")
    torque = np.zeros_like(motion["qpos"])
    peak = np.linalg.norm(motion["ground_reaction_force"].sum(axis=1), axis=1).max()
    torque[:, model.coordinate_index("pelvis_tx")] = 0.03 * peak
    torque[:, model.coordinate_index("pelvis_tz")] = 0.04 * peak
    motion = motion.add("joint_torque", torque, labels=model.coordinates, source="computed")
    _, force, moment = root_residuals(Shown("a", motion, model, analyse(motion)))
    assert force == pytest.approx(5.0)
    assert moment == pytest.approx(0.0)
