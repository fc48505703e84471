"""Trees beyond the planar walker: spatial joints, other contacts, what cannot be expressed."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.models import Model, load
from bioenv.models.model import from_mujoco

pytest.importorskip("casadi")

from bioenv.diff.symbolic import model as symbolic

Array = NDArray[np.float64]

TREE = """
<mujoco>
  <option cone="{cone}" impratio="{impratio}" timestep="0.002"/>
  <size nuser_actuator="3"/>
  <worldbody>
    <geom name="floor" type="plane" size="5 5 .1" pos=".1 0 -.05" euler="{tilt} 0 0"
          friction=".7 .01 .001"/>
    <body name="base" pos="0 .1 .5" quat="1 .2 .3 .1" gravcomp="0.25">
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="yz" type="slide" axis="0 1 1"/>
      <joint name="bend" axis="1 1 0" pos=".1 0 .2" ref="0.3" armature=".2"/>
      <joint name="twist" axis="0 0 1" pos="0 .3 .1" stiffness="3 2 1" springref=".2"/>
      <geom name="box" type="box" size=".1 .2 .3" pos=".1 0 .1" euler="10 20 30" contype="0"
            conaffinity="0"/>
      <site name="origin" pos="0 .02 .1"/>
      <body name="arm" pos=".2 .1 -.1" euler="30 10 0">
        <joint name="elbow" axis="0 1 0" pos=".1 .1 0" damping=".3 .2 .1" limited="true"
               range="-.4 .5" solimplimit=".1 .9 .2 .3 3" solreflimit="-400 -20"/>
        <joint name="glide" type="slide" axis="1 2 0" limited="true" range="-.2 .2" margin=".01"
               solimplimit=".1 .9 .2 .5 1"/>
        <joint name="roll" axis="1 0 1" limited="true" range="-1 1"/>
        <geom name="rod" type="capsule" size=".1 .2" pos="0 .1 -.1" euler="40 0 0"
              friction=".4 .01 .001" solref=".03 1.2" solmix="2" {rod}/>
        <geom name="ball" type="sphere" size=".12" pos=".3 .1 -.1" contype="0" conaffinity="0"/>
        <site name="end" pos=".1 .1 .1"/>
      </body>
    </body>
  </worldbody>
  <contact>
    <pair geom1="floor" geom2="ball" {pair}/>
  </contact>
  <tendon><spatial name="cord"><site site="origin"/><site site="end"/></spatial></tendon>
  {extra}
  <actuator><muscle name="cord" tendon="cord" force="100" lengthrange=".1 .6" user="0 .5 25e4"/>
  </actuator>
</mujoco>
"""

FRICTION = 'condim="3" friction="0.9 0.4 .01 .001 .001"'
CASES = {
    "elliptic": {"cone": "elliptic", "impratio": 1},
    "impratio": {"cone": "elliptic", "impratio": 8, "pair": FRICTION},
    "slip": {"cone": "elliptic", "impratio": 3, "pair": FRICTION + ' solreffriction="0.01 2"'},
    "pyramid": {"cone": "pyramidal", "impratio": 1},
    "pyramid impratio": {"cone": "pyramidal", "impratio": 4, "pair": FRICTION},
    "no friction": {"cone": "elliptic", "impratio": 1, "rod": 'condim="1"', "pair": 'condim="1"'},
    "pair": {
        "cone": "elliptic", "impratio": 1,
        "pair": 'condim="3" margin=".02" gap=".01" solref="-900 -30" solimp=".2 .8 .05 .4 4"',
    },
}  # fmt: skip


def tree(**values: object) -> Model:
    options = {"tilt": 0, "rod": "", "pair": 'condim="3"', "extra": ""}
    options |= {"cone": "elliptic", "impratio": 1} | values
    return from_mujoco(mujoco.MjModel.from_xml_string(TREE.format(**options)), "tree")


def check_against_mujoco(model: Model, count: int = 60) -> tuple[float, int]:
    """Largest relative error of the generalized forces, and how many contacts there were."""
    mj, body = model.mj, symbolic.build(model)
    p, data = body.parameters.pack(smoothing=0.0, strength=0.0), mujoco.MjData(mj)
    rng, worst, touched = np.random.default_rng(0), 0.0, 0
    for _ in range(count):
        q = rng.normal(size=mj.nq) * 0.5
        v, a = rng.normal(size=mj.nv) * 2, rng.normal(size=mj.nv) * 20
        data.qpos[:], data.qvel[:], data.qacc[:] = q, v, a
        mujoco.mj_inverse(mj, data)
        touched += data.ncon
        need = np.array(body.balance(q, v, a, [0.0], p))
        error = np.abs(need.ravel() - data.qfrc_inverse).max()
        worst = max(worst, error / (1 + np.abs(data.qfrc_inverse).max()))
    return worst, touched


@pytest.mark.parametrize("case", CASES)
def test_spatial_tree_is_mujocos(case: str) -> None:
    worst, touched = check_against_mujoco(tree(tilt=7, **CASES[case]))
    assert worst < 1e-10
    assert touched > 30


def test_coupled_joints_are_mujocos() -> None:
    couplers = """<equality>
        <joint joint1="x" joint2="twist" polycoef=".1 .2 .3 -.1 .05" solref=".05 1"/>
        <joint joint1="bend" polycoef=".3 0 0 0 0" solimp=".1 .8 .3 .4 3"/>
        <joint joint1="glide" joint2="roll" polycoef="0 .2 0 0 0" active="false"/></equality>"""
    worst, _ = check_against_mujoco(tree(extra=couplers))
    assert worst < 1e-9


def test_muscle_work_is_the_length_it_takes_up() -> None:
    body = symbolic.build(tree())
    rng, h = np.random.default_rng(1), 1e-6
    for _ in range(10):
        q = rng.uniform(*(0.8 * body.valid_range.T))
        v = rng.normal(size=body.nq)
        arm = np.array(body.muscle_path(q)[1])
        ahead, behind = (np.array(body.muscle_path(q + s * h * v)[0]) for s in (1, -1))
        np.testing.assert_allclose(arm @ v, ((ahead - behind) / (2 * h)).ravel(), atol=1e-7)
        p = body.parameters.default
        force = np.array(body.muscle(q, v, [0.5], p)[0])
        torque = np.array(body.muscle_torque(q, v, [0.5], p)).ravel()
        np.testing.assert_allclose(torque @ v, -(force.ravel() * (arm @ v))[0], atol=1e-9)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rod": 'condim="6"'}, "floor with rod has condim 6"),
        ({"rod": 'margin=".01"'}, "contact margin"),
        (
            {"extra": '<equality><weld name="glue" body1="base"/></equality>'},
            "equality constraint glue",
        ),
    ],
)
def test_unsupported_elements_are_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(BioenvError, match=message):
        symbolic.build(tree(**values))


def test_bodies_that_touch_each_other_are_named() -> None:
    def boxed(spec: mujoco.MjSpec) -> None:
        spec.geom("heel_l").contype = 1

    with pytest.raises(BioenvError, match="contact of heel_r with heel_l is not supported"):
        symbolic.build(load("walker2d", edit=boxed))
