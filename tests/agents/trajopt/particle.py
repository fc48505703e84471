"""A particle on a line, pulled from both sides: optimal control in closed form."""

from __future__ import annotations

import mujoco

from bioenv.models import Model
from bioenv.models.model import from_mujoco

MASS = 2.0
FORCE = 10.0

_XML = f"""
<mujoco>
  <compiler angle="radian" autolimits="true"/>
  <option gravity="0 0 0"><flag contact="disable"/></option>
  <size nuser_actuator="3"/>
  <default>
    <muscle ctrlrange="0 1" timeconst="0.001 0.001" range="0.5 1.5" lmin="0.01" lmax="30"
            vmax="1000" fpmax="1e-6" fvmax="1.0001"/>
  </default>
  <worldbody>
    <site name="left" pos="-10 0 0"/><site name="right" pos="10 0 0"/>
    <body>
      <inertial pos="0 0 0" mass="{MASS}" diaginertia="1 1 1"/>
      <joint name="x" type="slide" axis="1 0 0" range="-5 5"/>
      <site name="hand"/>
    </body>
  </worldbody>
  <tendon>
    <spatial name="tl"><site site="left"/><site site="hand"/></spatial>
    <spatial name="tr"><site site="right"/><site site="hand"/></spatial>
  </tendon>
  <actuator>
    <muscle name="back" tendon="tl" force="{FORCE}" lengthrange="5 15" user="0 0.5 1e6"/>
    <muscle name="fore" tendon="tr" force="{FORCE}" lengthrange="5 15" user="0 0.5 1e6"/>
  </actuator>
</mujoco>
"""


class Equations:
    """The interface of a symbolic model: mass times acceleration is the difference of the pulls."""

    def __init__(self, model: Model) -> None:
        import casadi as ca
        import numpy as np

        from bioenv.diff.symbolic.parameters import Parameters

        self.model, self.n_contact = model, 0
        self.parameters = Parameters(
            {"smoothing": slice(0, 1), "strength": slice(1, 3)}, np.array([1.0, 1.0, 1.0])
        )
        q, v, a = (ca.SX.sym(name) for name in "qva")
        act, rate, p = ca.SX.sym("act", 2), ca.SX.sym("rate", 2), ca.SX.sym("p", 3)
        pull = FORCE * act * p[1:]
        torque = pull[1] - pull[0]
        self.balance = ca.Function("balance", [q, v, a, act, p], [MASS * a - torque])
        self.muscle = ca.Function("muscle", [q, v, act, p], [pull, pull, pull])
        self.muscle_torque = ca.Function("torque", [q, v, act, p], [torque])
        length = ca.vertcat(10 + q, 10 - q)
        self.muscle_path = ca.Function("path", [q], [length, ca.jacobian(length, q)])
        self.excitation = ca.Function("excitation", [act, rate, p], [act + 0.001 * rate])
        self.positions = ca.Function("positions", [q], [ca.horzcat(q, 0.0, 0.0)])

    def position(self, name: str) -> int:
        return {"hand": 0}[name]


def particle() -> Equations:
    """Equations of a particle of MASS kg with two muscles of FORCE N."""
    return Equations(from_mujoco(mujoco.MjModel.from_xml_string(_XML), "particle"))
