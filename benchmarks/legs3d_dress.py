# ruff: noqa: E501  (lines of XML stay whole)
"""What legs3d wears: options, classes, feet, skin. The numbers chosen by hand stand here."""

from __future__ import annotations

# Sites and sensors of joint contact by the body below the joint.
SENSOR_JOINTS = {"femur": "hip", "tibia": "knee", "talus": "ankle"}
JOINT_CLASS = {
    **dict.fromkeys(
        ("pelvis_tx", "pelvis_ty", "pelvis_tz", "pelvis_tilt", "pelvis_list", "pelvis_rotation"),
        "root",
    ),
    **{name: name for name in ("lumbar_extension", "lumbar_bending", "lumbar_rotation")},
    **{name: name for name in ("hip_flexion", "hip_adduction", "hip_rotation")},
    **{"knee_angle": "knee", "ankle_angle": "ankle", "subtalar_angle": "subtalar"},
    "mtp_angle": "mtp",
}
# Contact spheres of the right foot: body, center m, radius m. The sole lies 5 mm below the origin
# of the heel bone: there it stands, pressed 9 mm in, in the measured trial.
FEET = {
    "heel": ("calcn", (0.022, -0.003, 0.025), 0.03),
    "ball_inner": ("calcn", (0.193, 0.026, 0.02), 0.025),
    "ball_outer": ("calcn", (0.160, -0.044, 0.02), 0.025),
    "toe": ("toes", (0.042, -0.004, 0.0152), 0.018),
}

HEADER = """\
<!--
  legs3d: legs and trunk in three dimensions with 23 degrees of freedom and 80 muscles, 85.3 kg.
  Masses, joints, muscle paths and muscle parameters: the model of Rajagopal et al. 2016 (MIT
  licence), scaled to one man, converted and refitted as README.md tells.
  Axes: x forward, y left, z up. Units: kg, m, s, N, rad.
  Written by benchmarks/make_legs3d.py: change that, not this.
-->
<mujoco model="legs3d">
  <compiler angle="radian" autolimits="true" inertiafromgeom="false"/>
  <option timestep="0.005" integrator="implicitfast" cone="elliptic" impratio="2" jacobian="dense" solver="Newton">
    <flag island="disable" midphase="disable"/>
  </option>
  <size nuser_actuator="3"/>
  <custom>
    <!-- Whose body this is; subjects are scaled from it. -->
    <numeric name="subject_mass" data="85.269849"/>
    <numeric name="subject_height" data="1.82"/>
  </custom>
  <statistic center="0 0 0.9" extent="2.2"/>

  <visual>
    <headlight ambient="0.4 0.4 0.4" diffuse="0.5 0.5 0.5" specular="0.1 0.1 0.1"/>
    <rgba haze="0.92 0.95 0.98 1"/>
    <quality shadowsize="2048"/>
    <global offwidth="1280" offheight="960"/>
    <map znear="0.02"/>
  </visual>

  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="0.82 0.88 0.95" rgb2="0.97 0.98 1" width="64" height="384"/>
    <texture name="tiles" type="2d" builtin="checker" rgb1="0.90 0.91 0.92" rgb2="0.80 0.82 0.84" width="256" height="256"/>
    <material name="floor" texture="tiles" texrepeat="2 2" texuniform="true" reflectance="0.05"/>
    <material name="skin" rgba="0.90 0.76 0.66 0.42" specular="0.2"/>
    <material name="shirt" rgba="0.36 0.55 0.74 0.8" specular="0.2"/>
    <material name="shoe" rgba="0.24 0.27 0.33 1" specular="0.3"/>
  </asset>

  <default>
    <geom contype="0" conaffinity="0" density="0"/>
    <site size="0.004" group="4" rgba="0.8 0.1 0.1 1"/>
    <tendon width="0.006" rgba="0.75 0.22 0.20 1"/>
    <!-- Soft ends of the ranges stand for ligaments and joint capsules. -->
    <joint type="hinge" damping="0.5" armature="0.002" solreflimit="0.03 1" solimplimit="0 0.95 0.1"/>
    <default class="root"><joint damping="0" armature="0" limited="false"/></default>
    <default class="lumbar_extension"><joint range="-0.6 0.6" stiffness="1500" damping="50" springref="-0.133"/></default>
    <default class="lumbar_bending"><joint range="-0.44 0.44" stiffness="250" damping="20"/></default>
    <default class="lumbar_rotation"><joint range="-0.52 0.52" stiffness="30" damping="3"/></default>
    <default class="hip_flexion"><joint range="-0.52 2.09" damping="1"/></default>
    <default class="hip_adduction"><joint range="-0.87 0.52" damping="1"/></default>
    <default class="hip_rotation"><joint range="-0.70 0.70" damping="1"/></default>
    <default class="knee"><joint range="0.035 2.09"/></default>
    <default class="ankle"><joint range="-0.87 0.52"/></default>
    <default class="subtalar"><joint range="-0.35 0.35"/></default>
    <default class="mtp"><joint range="-0.6 1.2" stiffness="25" damping="0.4"/></default>
    <default class="joint_site"><site size="0.012" group="3" rgba="0.1 0.5 0.9 1"/></default>
    <default class="skin"><geom group="2" material="skin"/></default>
    <default class="shirt"><geom group="2" material="shirt"/></default>
    <default class="shoe"><geom group="2" material="shoe"/></default>
    <default class="foot"><geom type="sphere" conaffinity="1" group="3" rgba="0.2 0.6 0.3 0.5"/></default>
    <pair condim="3" friction="0.9 0.9 0.005 0.0001 0.0001" solreffriction="0.01 1" solref="0.02 1" solimp="0.05 0.9 0.015 0.5 2"/>
    <default class="wrap"><geom type="cylinder" group="4" rgba="0.3 0.6 0.9 0.3"/></default>
    <!-- Activation 10 ms, deactivation 40 ms; 10 optimal fiber lengths per second. -->
    <muscle ctrllimited="true" ctrlrange="0 1" timeconst="0.01 0.04" range="0.5 1.5" lmin="0.25" lmax="1.75" vmax="10" fpmax="0.25" fvmax="1.4"/>
  </default>

  <worldbody>
    <light pos="0 -3 6" dir="0 0.4 -1" directional="true" diffuse="0.5 0.5 0.5" castshadow="true"/>
    <geom name="floor" type="plane" size="0 0 1" contype="1" material="floor"/>"""

FOOTER = """\
  <keyframe>
    <!-- Standing with slightly flexed knees, feet flat and loaded, mass over the middle of the feet. -->
    <key name="home" qpos="{home}"/>
  </keyframe>
</mujoco>"""

# By body: cameras and skin, the right side's; {s} is the side's letter, {m:y} a mirrored y.
DRESS = {
    "pelvis": (
        '<camera name="side" mode="trackcom" pos="0 -3.6 0.2" xyaxes="1 0 0 0 0.06 1" fovy="40"/>',
        '<camera name="front" mode="trackcom" pos="3.6 0 0.2" xyaxes="0 1 0 -0.06 0 1" fovy="40"/>',
        '<geom class="shirt" name="hips" type="ellipsoid" pos="-0.075 0 -0.02" size="0.118 0.155 0.125"/>',
    ),
    "torso": (
        '<geom class="shirt" name="belly" type="ellipsoid" pos="0.025 0 0.1" size="0.105 0.14 0.17"/>',
        '<geom class="shirt" name="chest" type="ellipsoid" pos="0.005 0 0.28" size="0.12 0.16 0.2"/>',
        '<geom class="shirt" name="shoulders" type="capsule" fromto="0 -0.14 0.385 0 0.14 0.385" size="0.055"/>',
        '<geom class="shirt" name="upper_arm_r" type="capsule" fromto="0 -0.2 0.37 0.015 -0.235 0.07" size="0.038"/>',
        '<geom class="shirt" name="upper_arm_l" type="capsule" fromto="0 0.2 0.37 0.015 0.235 0.07" size="0.038"/>',
        '<geom class="skin" name="forearm_r" type="capsule" fromto="0.02 -0.235 0.06 0.20 -0.18 -0.13" size="0.03"/>',
        '<geom class="skin" name="forearm_l" type="capsule" fromto="0.02 0.235 0.06 0.20 0.18 -0.13" size="0.03"/>',
        '<geom class="skin" name="neck" type="capsule" fromto="0.005 0 0.44 0.02 0 0.53" size="0.045"/>',
        '<geom class="skin" name="head" type="ellipsoid" pos="0.04 0 0.62" size="0.092 0.075 0.113"/>',
    ),
    "femur": (
        '<geom class="skin" name="thigh_{s}" type="capsule" fromto="0 0 -0.03 -0.005 0 -0.37" size="0.074"/>',
        '<geom class="skin" name="knee_{s}" type="sphere" pos="0.002 0 -0.4" size="0.058"/>',
    ),
    "tibia": (
        '<geom class="skin" name="shank_{s}" type="capsule" fromto="0 0 -0.03 -0.002 0 -0.4" size="0.05"/>',
    ),
    "calcn": (
        '<geom class="shoe" name="hindfoot_{s}" type="ellipsoid" pos="0.045 {m:0} 0.028" size="0.055 0.036 0.033"/>',
        '<geom class="shoe" name="midfoot_{s}" type="capsule" fromto="0.05 {m:0} 0.04 0.17 {m:-0.004} 0.022" size="0.028"/>',
        '<geom class="shoe" name="forefoot_{s}" type="capsule" fromto="0.183 {m:0.022} 0.02 0.16 {m:-0.04} 0.02" size="0.024"/>',
    ),
    "toes": (
        '<geom class="shoe" name="toes_{s}" type="ellipsoid" pos="0.018 {m:-0.004} 0.017" size="0.044 0.042 0.02"/>',
    ),
}  # fmt: skip
