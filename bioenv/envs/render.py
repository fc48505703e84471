"""Pictures and a window of one simulation of a batch."""

from __future__ import annotations

import os
import sys
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.envs.simulation import Simulation
from bioenv.errors import BioenvError

_INSTALL = (
    "drawing without a screen needs EGL or OSMesa: on Debian or Ubuntu "
    "`apt-get install libegl1 libgl1-mesa-dri`, or `apt-get install libosmesa6` and "
    "MUJOCO_GL=osmesa; the HTML report of `bioenv evaluate` needs neither"
)


def _gl_context(width: int, height: int) -> Any:
    """An OpenGL context: what MUJOCO_GL names, else EGL where there is no screen."""
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    headless = sys.platform == "linux" and not os.environ.get("DISPLAY")
    try:
        if wanted == "osmesa":
            from mujoco.osmesa import GLContext
        elif wanted == "egl" or (not wanted and headless):
            from mujoco.egl import GLContext
        else:
            from mujoco.gl_context import GLContext
        context = GLContext(width, height)
        context.make_current()
    except (ImportError, AttributeError, OSError, RuntimeError, mujoco.FatalError) as error:
        raise BioenvError(f"no OpenGL context ({error}): {_INSTALL}") from error
    return context


def _muscle_colors(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Colour each muscle's tendon from blue (rest) to red (full activation)."""
    muscles = model.actuator_trnid[:, 0]
    level = np.clip(data.act[:, None], 0.0, 1.0)
    rest, full = np.array([0.25, 0.35, 0.75, 1.0]), np.array([0.9, 0.1, 0.1, 1.0])
    model.tendon_rgba[muscles] = rest + level * (full - rest)


class Picture:
    """Draws one simulation of a batch off screen.

    Args:
        width, height: pixels.
        camera: name of the model's camera; the model's first when it has none of that name.
    """

    def __init__(self, width: int = 640, height: int = 480, camera: str = "side") -> None:
        self._size, self._camera_name = (width, height), camera
        self._gl: Any = None
        self._model: Any = None

    def _open(self, model: mujoco.MjModel) -> None:
        width, height = self._size
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        self._gl = _gl_context(width, height)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._scene, self._option = mujoco.MjvScene(model, maxgeom=2000), mujoco.MjvOption()
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._camera = mujoco.MjvCamera()
        index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, self._camera_name)
        if index >= 0 or model.ncam:
            self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
            self._camera.fixedcamid = max(index, 0)
        self._model, self._data = model, mujoco.MjData(model)

    def draw(self, sim: Simulation, index: int) -> NDArray[np.uint8]:
        """(height, width, 3) picture of simulation ``index``."""
        model = sim.batch.get_model(index)
        if self._gl is None:
            self._open(model)
        self._gl.make_current()
        sim.batch.get_data(index, self._data)
        mujoco.mj_forward(model, self._data)
        _muscle_colors(model, self._data)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            model, self._data, self._option, None, self._camera, everything, self._scene
        )
        mujoco.mjr_render(self._rect, self._scene, self._context)
        width, height = self._size
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(pixels, None, self._rect, self._context)
        return pixels[::-1].copy()

    def close(self) -> None:
        """Give the OpenGL context back."""
        if self._gl is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._gl = None


class Window:
    """MuJoCo's interactive viewer on one simulation of a batch."""

    def __init__(self, sim: Simulation) -> None:
        if sys.platform == "linux" and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        ):
            raise BioenvError(
                'render_mode="human" needs a screen (DISPLAY is not set); use '
                'render_mode="rgb_array", or `xvfb-run` after `apt-get install xvfb`'
            )
        import mujoco.viewer

        self._model = sim.batch.get_model(0)
        self._data = mujoco.MjData(self._model)
        self._viewer = mujoco.viewer.launch_passive(self._model, self._data)

    def draw(self, sim: Simulation, index: int) -> None:
        """Show simulation ``index``."""
        with self._viewer.lock():
            sim.batch.get_data(index, self._data)
            mujoco.mj_forward(self._model, self._data)
            _muscle_colors(self._model, self._data)
        self._viewer.sync()

    def close(self) -> None:
        """Close the window."""
        self._viewer.close()
