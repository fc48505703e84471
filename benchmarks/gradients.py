"""The gradient of a long simulation, four ways: seconds, memory, error.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/gradients.py [--steps 1000] [--quick]

walker2d on its feet, T steps of 1 ms of the Euler integrator, muscles hardly excited: it sinks to
its knees. (Excitations swing: activation at rest at its excitation sits on the corner between
rising and falling, where there is no derivative.) The scalar is the height of the pelvis at the
end; d parameters bend the excitations (a hat function in time, on a group of muscles, each).
Contestants:

    torch        reverse AD through bioenv.diff.simulate, with and without checkpoints
    compiled     discrete adjoint of bioenv.diff.symbolic (CasADi's operations in C)
    differences  of MuJoCo's mj_step, forward and central

All on one core, in CPU seconds. Errors are relative 2-norms against torch, which differentiates
MuJoCo's own model; "compiled" fits muscle paths by polynomials, so its model differs a little: its
error as a gradient is against its own central differences, along the gradient. --quick leaves out
what takes minutes.
"""

from __future__ import annotations

import argparse
import copy
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from bioenv import diff, models
from bioenv.diff.symbolic.simulation import CompiledSimulation
from bioenv.models.model import Model, from_mujoco

Array = NDArray[np.float64]
STEP = 0.001
BASE = 0.15
SHAPES = {5: (1, 5), 50: (5, 10), 500: (10, 50), 5000: (10, 500)}  # d: muscle groups, knots
HEIGHT = 1  # of the pelvis, in qpos
SAMPLE = 60  # parameters that are differenced where all would take minutes


def walker() -> Model:
    """walker2d with the Euler integrator and a timestep of 1 ms."""
    model = models.load("walker2d")
    mj = copy.copy(model.mj)
    mj.opt.timestep, mj.opt.integrator = STEP, mujoco.mjtIntegrator.mjINT_EULER
    return from_mujoco(mj, model.name)


class Controls:
    """Excitations (T, nm) of d parameters: BASE plus hats in time, times groups of muscles."""

    def __init__(self, d: int, steps: int, muscles: int) -> None:
        self.groups, self.knots = SHAPES[d]
        at = np.linspace(0.0, self.knots - 1.0, steps)
        self.hats = np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(self.knots)))
        self.members = np.eye(self.groups)[np.arange(muscles) % self.groups]

    def excitation(self, theta: Array) -> Array:
        """(T, nm) of theta (d,)."""
        return (
            swing(len(self.hats), len(self.members))
            + self.hats @ theta.reshape(self.knots, self.groups) @ self.members.T
        )

    def pulled(self, by_excitation: Array) -> Array:
        """(d,) derivatives by theta of derivatives by the excitation."""
        return (self.hats.T @ by_excitation @ self.members).ravel()


def swing(steps: int, muscles: int) -> Array:
    """(T, nm) excitations around BASE."""
    phase = 3.0 * STEP * np.arange(steps)[:, None] + np.arange(muscles) / muscles
    return BASE + 0.05 * np.sin(2.0 * np.pi * phase)


def start(model: Model) -> tuple[Array, Array, Array]:
    """Home, at rest, with activations that are no excitation's."""
    return model.home.copy(), np.zeros(model.mj.nv), np.full(model.mj.nu, 0.5 * BASE)


def timed(work: Callable[[], object], rounds: int = 3) -> float:
    """CPU seconds of the fastest of some runs: others may share the machine."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


class Torch:
    """Reverse AD through eager torch."""

    def __init__(self, model: Model, checkpoint: int | None = None) -> None:
        self.dyn, self.checkpoint = diff.Dynamics(model), checkpoint
        self.state = diff.SimulationState(*(torch.from_numpy(x) for x in start(model)))

    def height(self, excitation: torch.Tensor) -> torch.Tensor:
        """Of the pelvis at the end."""
        path = diff.simulate(
            self.dyn, self.state, excitation, timestep=STEP, checkpoint=self.checkpoint
        )
        return path.qpos[-1, HEIGHT]

    def forward(self, excitation: Array) -> float:
        """The height, nothing kept."""
        with torch.no_grad():
            return float(self.height(torch.from_numpy(excitation)))

    def gradient(self, excitation: Array) -> Array:
        """(T, nm) of the height."""
        given = torch.from_numpy(excitation).requires_grad_()
        (found,) = torch.autograd.grad(self.height(given), given)
        return found.numpy()


class Compiled:
    """The discrete adjoint; by default MuJoCo's law without rounding."""

    def __init__(self, model: Model) -> None:
        self.made = CompiledSimulation(model, smoothing=0.0)
        self.state = start(model)

    def forward(self, excitation: Array) -> float:
        """The height."""
        return float(self.made.simulate(*self.state, excitation).qpos[-1, HEIGHT])

    def gradient(self, excitation: Array) -> Array:
        """(T, nm) of the height."""
        path = self.made.simulate(*self.state, excitation)
        seed = np.zeros((len(excitation) + 1, 2 * self.made.body.nq + self.made.body.nm))
        seed[-1, HEIGHT] = 1.0
        return self.made.gradient(path, seed).excitation


class MuJoCo:
    """mj_step in a loop."""

    def __init__(self, model: Model) -> None:
        self.mj, self.data, self.state = model.mj, mujoco.MjData(model.mj), start(model)

    def forward(self, excitation: Array) -> float:
        """The height."""
        mujoco.mj_resetData(self.mj, self.data)
        self.data.qpos[:], self.data.qvel[:], self.data.act[:] = self.state
        control = self.data.ctrl
        for row in excitation:
            control[:] = row
            mujoco.mj_step(self.mj, self.data)
        return float(self.data.qpos[HEIGHT])

    def differences(self, controls: Controls, which: Sequence[int], size: float,
                    central: bool) -> Array:  # fmt: skip
        """Derivatives by some of the parameters."""
        d = controls.knots * controls.groups
        at = 0.0 if central else self.forward(controls.excitation(np.zeros(d)))
        found = []
        for j in which:
            theta = np.zeros(d)
            theta[j] = size
            ahead = self.forward(controls.excitation(theta))
            behind = self.forward(controls.excitation(-theta)) if central else at
            found.append((ahead - behind) / (2.0 * size if central else size))
        return np.array(found)


def error(found: Array, truth: Array) -> float:
    """Relative, in the 2-norm."""
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def memory(kind: str, steps: int) -> float:
    """MB that a gradient takes beyond what is loaded, at its peak, in a process of its own."""
    words = [sys.executable, __file__, "--memory", kind, "--steps", str(steps)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def measure_memory(kind: str, steps: int) -> float:
    """The same in this process: peak of the resident size, less what it is after a short run."""
    model = walker()
    made = Compiled(model) if kind == "compiled" else Torch(
        model, round(steps**0.5) if kind == "checkpoints" else None
    )  # fmt: skip
    excitation = swing(steps, model.mj.nu)
    made.gradient(excitation[:5])
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    before = status("VmRSS")
    made.gradient(excitation)
    return status("VmHWM") - before


def status(what: str) -> float:
    """MB of this process, from the kernel."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith(what)) / 2**10


def cost_table(model: Model, steps: int) -> Array:
    """Prints seconds, ratios to forward and memory; gives torch's gradient by the excitation."""
    excitation = swing(steps, model.mj.nu)
    plain, checked, compiled = Torch(model), Torch(model, round(steps**0.5)), Compiled(model)
    plain.gradient(excitation[:3])
    print(f"\nT = {steps}; the gradient by all {excitation.size} excitations, whatever d\n")
    print(f"{'':24} {'forward':>10} {'with gradient':>14} {'ratio':>6} {'peak memory':>12}")
    truth = plain.gradient(excitation)
    for name, made, kind in (
        ("torch", plain, "plain"), ("torch, checkpoints", checked, "checkpoints"),
        ("compiled", compiled, "compiled"),
    ):  # fmt: skip
        many = 7 if kind == "compiled" else 1
        ahead = timed(lambda made=made: made.forward(excitation), many)
        whole = timed(lambda made=made: made.gradient(excitation), many)
        print(f"{name:24} {ahead:8.3f} s {whole:12.3f} s {whole / ahead:6.2f} "
              f"{memory(kind, steps):9.0f} MB")  # fmt: skip
    runner = MuJoCo(model)
    print(f"{'MuJoCo':24} {timed(lambda: runner.forward(excitation), 7):8.3f} s")
    return truth


def difference_table(model: Model, steps: int, truth: Array, quick: bool) -> None:
    """Prints seconds and errors against d."""
    runner, compiled = MuJoCo(model), Compiled(model)
    one = timed(lambda: runner.forward(swing(steps, model.mj.nu)), 7)
    print(f"\n{'d':>5} {'method':22} {'seconds':>9} {'simulations':>12} {'error':>9}")
    for d in SHAPES:
        controls = Controls(d, steps, model.mj.nu)
        exact = controls.pulled(truth)
        at = controls.excitation(np.zeros(d))
        seconds = timed(lambda c=controls, x=at: c.pulled(compiled.gradient(x)), 5)
        found = controls.pulled(compiled.gradient(at))
        print(f"{d:5} {'compiled adjoint':22} {seconds:8.3f}  {seconds / one:12.1f} "
              f"{own_error(compiled, controls, found):9.0e}   "
              f"(another model than MuJoCo's: {error(found, exact):.0e})")  # fmt: skip
        most = SAMPLE if quick or d > 500 else d
        which = np.sort(np.random.default_rng(0).permutation(d)[:most])
        for name, central, size in (("forward", False, 1e-6), ("central", True, 1e-5)):
            begin = time.process_time()
            found = runner.differences(controls, which.tolist(), size, central)
            spent = (time.process_time() - begin) * d / len(which)
            said = f"   (from {len(which)} of them)" if len(which) < d else ""
            print(f"{d:5} {'differences, ' + name:22} {spent:8.3f}  {spent / one:12.1f} "
                  f"{error(found, exact[which]):9.0e}{said}")  # fmt: skip


def own_error(compiled: Compiled, controls: Controls, gradient: Array) -> float:
    """Of the slope along the gradient, against central differences of the same simulation."""
    along = gradient / np.linalg.norm(gradient)
    wanted = np.linalg.norm(gradient)
    errors = []
    for size in (1e-3, 1e-4, 1e-5, 1e-6):
        ends = [compiled.forward(controls.excitation(s * size * along)) for s in (1.0, -1.0)]
        errors.append(abs((ends[0] - ends[1]) / (2.0 * size) - wanted) / wanted)
    return float(min(errors))


def step_size_table(model: Model, steps: int, truth: Array) -> None:
    """Prints the error of MuJoCo's differences against their step, d = 50."""
    runner, controls = MuJoCo(model), Controls(50, steps, model.mj.nu)
    exact = controls.pulled(truth)
    print(
        f"\nd = 50, error of differences by their step\n\n{'step':>8} {'forward':>9} {'central':>9}"
    )
    for size in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8):
        found = [
            runner.differences(controls, range(50), size, central) for central in (False, True)
        ]
        print(f"{size:8.0e} {error(found[0], exact):9.0e} {error(found[1], exact):9.0e}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory", choices=("plain", "checkpoints", "compiled"),
                        help=argparse.SUPPRESS)  # fmt: skip
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.memory:
        print(measure_memory(args.memory, args.steps))
        return
    model = walker()
    truth = cost_table(model, args.steps)
    difference_table(model, args.steps, truth, args.quick)
    if not args.quick:
        step_size_table(model, args.steps, truth)


if __name__ == "__main__":
    main()
