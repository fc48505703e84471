"""A leg for tests of inverse kinematics: the knee glides as it bends and moves the patella."""

import mujoco
import numpy as np

from bioenv.models.anatomy import BodyMarker, JointState

LEG = """
<mujoco><compiler angle="radian"/><default><geom size=".05"/></default><worldbody>
<body name="pelvis"><geom/>
 <joint name="tx" type="slide" axis="1 0 0"/><joint name="ty" type="slide" axis="0 1 0"/>
 <joint name="tz" type="slide" axis="0 0 1"/><joint name="yaw" axis="0 0 1"/>
 <joint name="list" axis="1 0 0"/><joint name="tilt" axis="0 1 0"/>
 <body name="thigh" pos="0 0 -.1"><geom/>
  <joint name="flexion" axis="0 -1 0"/><joint name="adduction" axis="1 0 0"/>
  <body name="shank" pos="0 0 -.4"><geom/>
   <joint name="glide" type="slide" axis="1 0 0"/><joint name="knee" axis="0 1 0"/>
   <body name="foot" pos="0 0 -.4"><geom/><joint name="ankle" axis="0 -1 .2"/></body></body>
  <body name="patella" pos=".05 0 -.4"><geom/><joint name="patella" axis="0 1 0"/></body>
</body></body></worldbody></mujoco>"""
KNEE, ANKLE, PATELLA = 8, 9, 10


class Leg:
    """A leg whose knee glides as it bends and takes the patella along; see `Anatomy`."""

    name = "leg"

    def __init__(self) -> None:
        self.mj = mujoco.MjModel.from_xml_string(LEG)
        self.coordinates = tuple(
            self.mj.joint(i).name for i in range(self.mj.njnt) if self.mj.joint(i).name != "glide"
        )
        n = len(self.coordinates)
        self._joint = [self.mj.joint(c).id for c in self.coordinates]
        self._glide = self.mj.joint("glide").id
        self.coordinate_range = np.tile([-10.0, 10.0], (n, 1))
        self.coordinate_range[KNEE] = 0.0, 1.0
        self.default = np.zeros(n)
        self.default[2] = 0.9
        self.rotational = np.arange(n) >= 3
        self.clamped = np.zeros(n, dtype=bool)
        self.locked = np.zeros(n, dtype=bool)
        self.independent = np.arange(n) != PATELLA
        self.root = np.arange(n) < 6
        place = np.random.default_rng(0)
        self.markers = tuple(
            BodyMarker(f"{body}{i}", self.mj.body(body).id, place.normal(size=3) * 0.08)
            for body, count in (
                ("pelvis", 4),
                ("thigh", 3),
                ("shank", 3),
                ("foot", 3),
                ("patella", 1),
            )
            for i in range(count)
        )
        self.marker_names = [marker.name for marker in self.markers]

    def couple(self, q):
        out = q.copy()
        out[:, PATELLA] = 0.6 * q[:, KNEE] - 0.1 * q[:, KNEE] ** 2
        return out

    def reduction(self, q):
        slope = np.tile(np.eye(len(self.coordinates))[:, self.independent], (len(q), 1, 1))
        slope[:, PATELLA, KNEE] = 0.6 - 0.2 * q[:, KNEE]
        return slope

    def expand(self, q, qd=None, qdd=None):
        qpos = np.zeros((len(q), self.mj.nq))
        qpos[:, self._joint], qpos[:, self._glide] = q, 0.03 * np.sin(q[:, KNEE])
        return JointState(qpos, np.zeros_like(qpos), np.zeros_like(qpos))

    def jacobian(self, q):
        slope = np.zeros((len(q), self.mj.nv, len(self.coordinates)))
        slope[:, self._joint, np.arange(len(self.coordinates))] = 1.0
        slope[:, self._glide, KNEE] = 0.03 * np.cos(q[:, KNEE])
        return slope


def markers_at(anatomy, q):
    """(T, M, 3) where MuJoCo puts the markers."""
    data, out = mujoco.MjData(anatomy.mj), []
    for qpos in anatomy.expand(anatomy.couple(q)).qpos:
        data.qpos[:] = qpos
        mujoco.mj_kinematics(anatomy.mj, data)
        out.append(
            [
                data.xpos[m.body] + data.xmat[m.body].reshape(3, 3) @ m.location
                for m in anatomy.markers
            ]
        )
    return np.array(out)


def walk(leg, count=61, heading=0.0):
    """Time and coordinates of a made-up step."""
    time = np.arange(count) / 100
    phase = 2 * np.pi * time[:, None] + np.arange(len(leg.coordinates))
    q = 0.3 * np.sin(phase)
    q[:, :3] = time[:, None] * [1.3, 0.1, 0.0] + [40.0, -3.0, 0.95]
    q[:, 3] += heading
    q[:, KNEE] = 0.5 + 0.4 * np.sin(phase[:, 0])
    return time, leg.couple(q)
