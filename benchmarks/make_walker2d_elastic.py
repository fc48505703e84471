"""Make assets/walker2d_elastic/model.xml: walker2d with an elastic Achilles tendon.

    .venv/bin/python benchmarks/make_walker2d_elastic.py [--check]

Soleus and gastrocnemius no longer start on the bone but on a slide along their line of pull, held
by a spring: its stretch is the tendon's, what remains of the path is the fibers' and a rigid
tendon's.
--check compares with the shipped file instead of writing it.
"""

from __future__ import annotations

import argparse
import re

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.paths import asset

Array = NDArray[np.float64]

STIFFNESS = {"soleus": 126e3, "gastroc": 62e3}
"""N/m: the Achilles tendon's 188 N/mm (Lichtwark and Wilson 2005, J Exp Biol 208:4715-4725) shared
in proportion to the two muscles' forces."""

DAMPING_RATIO = 0.3
BALL_X = 0.129  # m ahead of the ankle: under the toe joint, where a foot bends and bears
_LEAD = 0.08  # m of straight path before the gastrocnemius' point behind the condyles
_RANGE = "-0.02 0.08"  # m; never reached while walking

HEAD = """<!--
  walker2d_elastic: walker2d with an elastic Achilles tendon and the ball of the foot under the toe
  joint; written by benchmarks/make_walker2d_elastic.py, told in README.md.
  Masses, joint centres, muscle paths and muscle parameters: OpenSim's gait10dof18musc
  (CC BY 3.0; Delp 1990, Thelen, Seth, Anderson), converted and refitted: walker2d's README.md.
  Axes: x forward, y left, z up. Units: kg, m, s, N, rad.
-->
"""


def main() -> None:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    path = asset("walker2d_elastic", "model.xml")
    text = elastic(asset("walker2d", "model.xml").read_text(encoding="utf-8"))
    if parser.parse_args().check:
        same = path.read_text(encoding="utf-8") == text
        raise SystemExit(0 if same else f"{path.name} is not what this script writes")
    path.write_text(text, encoding="utf-8")


def elastic(text: str) -> str:
    """The MJCF of walker2d -> that of walker2d_elastic."""
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)  # all angles 0
    timestep = model.opt.timestep
    text = HEAD + text[text.index("<mujoco") :].replace(
        '<mujoco model="walker2d">', '<mujoco model="walker2d_elastic">'
    )
    for side in "rl":
        text = _soleus(text, side, data, timestep)
        text = _gastroc(text, side, data, timestep)
        ball = f'<geom name="ball_{side}" class="foot" pos="'
        text = _once(rf"({re.escape(ball)})[\d.]+", rf"\g<1>{BALL_X:g}", text)
    return _home(text, model)


def _soleus(text: str, side: str, data: mujoco.MjData, timestep: float) -> str:
    """Its origin slides along the line to the heel: 3 degrees off it over the ankle's range."""
    origin, insertion = (data.site(f"soleus_{side}-P{i}").xpos for i in (1, 2))
    shank = data.body(f"tibia_{side}").xpos  # axes are the world's at angles of 0
    body = _slide("soleus", side, origin - shank, insertion - origin, timestep)
    return _hang(text, f"soleus_{side}-P1", body, f"calcn_{side}")


def _gastroc(text: str, side: str, data: mujoco.MjData, timestep: float) -> str:
    """Its first point, fixed to the thigh like the second, goes up the thigh to have room."""
    first, second = (data.site(f"gastroc_{side}-P{i}").xpos for i in (1, 2))
    thigh, up = data.body(f"femur_{side}").xpos, np.array([0.0, 0.0, _LEAD])
    body = _slide("gastroc", side, second + up - thigh, -up, timestep)
    text = _hang(text, f"gastroc_{side}-P1", body, f"tibia_{side}")
    longer = _LEAD - float(np.linalg.norm(first - second))
    found = re.search(rf'<muscle name="gastroc_{side}".*?lengthrange="([^"]+)"', text)
    assert found is not None
    ends = " ".join(f"{float(end) + longer:.8g}" for end in found[1].split())
    return text.replace(found[0], found[0].replace(found[1], ends))


def _slide(name: str, side: str, pos: Array, along: Array, timestep: float) -> str:
    """A body on a spring. The reflected mass makes the spring's own frequency one radian a step
    (24 Hz), above what gait contains and within what the integrator bears."""
    k = STIFFNESS[name]
    mass = k * timestep**2
    damping = 2 * DAMPING_RATIO * np.sqrt(k * mass)
    axis = along / np.linalg.norm(along)
    return (
        f'<body name="{name}_tendon_{side}" pos="{_numbers(pos)}">'
        '<inertial pos="0 0 0" mass="0.001" diaginertia="1e-07 1e-07 1e-07"/>'
        f'<joint name="{name}_stretch_{side}" type="slide" axis="{_numbers(axis)}" '
        f'range="{_RANGE}" stiffness="{k:g}" damping="{damping:.1f}" armature="{mass:.4g}" '
        'solreflimit="0.03 1" solimplimit="0 0.95 0.02"/>'
        f'<site name="{name}_{side}-P1"/></body>'
    )


def _hang(text: str, site: str, body: str, before: str) -> str:
    """Take a site off its segment and hang ``body`` there, before the body named ``before``."""
    text = _once(rf'\s*<site name="{re.escape(site)}" pos="[^"]+"/>', "", text)
    return _once(rf'(\n\s*)(<body name="{before}")', rf"\g<1>{body}\g<1>\g<2>", text)


def _home(text: str, before: mujoco.MjModel) -> str:
    """The standing pose with one more number for every slide."""
    pose = {before.joint(i).name: before.key_qpos[0][i] for i in range(before.njnt)}
    names = [m for m in re.findall(r'<joint name="([^"]+)"', text) if "limit_" not in m]
    values = " ".join(f"{pose.get(name, 0.0):.8g}" for name in names)
    return _once(r'(<key name="home" qpos=")[^"]+', rf"\g<1>{values}", text)


def _once(pattern: str, new: str, text: str) -> str:
    text, count = re.subn(pattern, new, text)
    assert count == 1, f"{pattern} stands {count} times in walker2d"
    return text


def _numbers(values: Array) -> str:
    return " ".join(f"{value:.6g}" for value in np.where(np.abs(values) < 1e-9, 0.0, values))


if __name__ == "__main__":
    main()
