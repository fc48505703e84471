"""A reach found by gradients through the simulation: which excitations bring the hand to a point?

    python examples/differentiable_simulation.py [--x 0.3 --z -0.2] [--seconds 0.6]

arm26 with its six muscles, steps of 2 ms. Every muscle's excitation is a line through a few knots;
L-BFGS moves the knots along the exact gradient of

    (distance to the target at the end, cm)^2 + (speed of the hand at the end, 10 cm/s)^2
    + mean squared excitation

which costs about one more simulation (the discrete adjoint), however many knots there are.
Differences would cost a simulation for every knot. At the end MuJoCo replays what was found.
"""

from __future__ import annotations

import argparse

import casadi as ca
import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bioenv import models
from bioenv.diff.symbolic.cost import Cost
from bioenv.diff.symbolic.simulation import CompiledSimulation

Array = NDArray[np.float64]
STEP = 0.002  # s
KNOTS = 8


def cost(made: CompiledSimulation, target: Array, steps: int) -> Cost:
    """The scalar above."""
    body = made.body
    q, v, exc = ca.SX.sym("q", body.nq), ca.SX.sym("v", body.nq), ca.SX.sym("exc", body.nm)
    hand = body.positions(q)[body.position("hand"), :].T
    miss, speed = (hand - target) / 0.01, ca.jtimes(hand, q, v) / 0.1
    effort = ca.sumsqr(exc) / (body.nm * steps)
    return Cost(
        running=ca.Function("effort", [exc], [effort], ["exc"], ["cost"]),
        final=ca.Function("reach", [q, v], [ca.sumsqr(miss) + ca.sumsqr(speed)],
                          ["q", "v"], ["cost"]),
    )  # fmt: skip


def reach(made: CompiledSimulation, target: Array, steps: int) -> tuple[Array, list[float]]:
    """Excitations (steps, nm) that bring the hand to the target, and the cost after each turn."""
    scalar, muscles = cost(made, target, steps), made.body.nm
    at = np.linspace(0.0, KNOTS - 1.0, steps)
    hats = np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(KNOTS)))
    start = (made.body.model.home, np.zeros(made.body.nq), np.full(muscles, 0.02))
    course: list[float] = []

    def value(knots: Array) -> tuple[float, Array]:
        # Rounding may leave 0..1 by a hair.
        excitation = np.clip(hats @ knots.reshape(KNOTS, muscles), 0.0, 1.0)
        gradient = made.gradient(made.simulate(*start, excitation), scalar)
        course.append(min(gradient.value, course[-1] if course else np.inf))
        return gradient.value, (hats.T @ gradient.excitation).ravel()

    found = minimize(
        value, np.full(KNOTS * muscles, 0.05), jac=True, method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * (KNOTS * muscles), options={"maxiter": 150},
    )  # fmt: skip
    return np.clip(hats @ found.x.reshape(KNOTS, muscles), 0.0, 1.0), course


def replayed(made: CompiledSimulation, excitation: Array) -> Array:
    """Where MuJoCo's own steps bring the hand, (3,) m."""
    mj = made.body.model.mj
    data = mujoco.MjData(mj)
    data.qpos[:], data.act[:] = made.body.model.home, 0.02
    for row in excitation:
        data.ctrl[:] = row
        mujoco.mj_step(mj, data)
    mujoco.mj_forward(mj, data)
    return np.array(data.site("hand").xpos)


def main() -> None:
    """Reach, print how the cost falls, and ask MuJoCo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--x", type=float, default=0.3, help="m forward of the shoulder")
    parser.add_argument("--z", type=float, default=-0.2, help="m above the shoulder")
    parser.add_argument("--seconds", type=float, default=0.6)
    args = parser.parse_args()
    made = CompiledSimulation(models.load("arm26"), step=STEP, integrator="implicitfast")
    target, steps = np.array([args.x, 0.0, args.z]), round(args.seconds / STEP)
    excitation, course = reach(made, target, steps)
    print("simulations   cost")
    for turn in np.unique(np.geomspace(1, len(course), 10).astype(int)).tolist():
        print(f"{turn:11}   {course[turn - 1]:.4g}")
    miss = 1000.0 * np.linalg.norm(replayed(made, excitation) - target)
    print(f"in MuJoCo the hand ends {miss:.1f} mm from the target")


if __name__ == "__main__":
    main()
