"""Hands-on: what is a passive elbow made of? A physics-informed network on thirty noisy angles.

    python examples/pinn_identification.py
    python examples/pinn_identification.py --plot elbow.png

A motor moves a relaxed forearm with a known torque; a goniometer gives a few noisy angles. Wanted
are inertia, damping and stiffness, and the motion itself with its velocity and acceleration. Read
this script from top to bottom; every step prints what it finds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline

from bioenv.learn import ElbowPINN
from bioenv.learn.elbow_ode import NAMES, cramer_rao, simulate

Array = NDArray[np.float64]

# The joint we pretend not to know: kg m^2, N m s/rad, N m/rad.
TRUE = (0.08, 0.3, 4.0)
UNITS = ("kg m^2", "N m s/rad", "N m/rad")


def one_sine(t: Array) -> Array:
    """N m. The first idea in every lab."""
    return 1.5 * np.sin(2 * np.pi * 0.5 * t)


def two_sines(t: Array) -> Array:
    """N m. One wave below the joint's own 1.1 Hz, one above."""
    return 1.0 * np.sin(2 * np.pi * 0.8 * t) + 1.5 * np.sin(2 * np.pi * 1.5 * t + 1.0)


def plan(time: Array, share: float) -> None:
    """Step 1, before the experiment: which torque can tell I, b and k apart at all?

    No method can beat the Cramér-Rao bound. Slow torque bends the spring only, and hardly feels the
    inertia; waves on both sides of the resonance feel all three.
    """
    print("1. The least deviation any method can reach, % of the value")
    for name, torque in (("one sine, 0.5 Hz", one_sine), ("two sines, 0.8 and 1.5 Hz", two_sines)):
        noise = share * float(simulate(time, torque, *TRUE).angle.std())
        bound = cramer_rao(time, torque, *TRUE, noise)
        cells = [f"{n} {100 * bound[n] / p:.1f}" for n, p in zip(NAMES, TRUE, strict=True)]
        print(f"   {name:28s}" + ", ".join(cells))


def identify(time: Array, angle: Array) -> ElbowPINN:
    """Step 2: fit the network to the angles and to the equation, and ask for intervals."""
    elbow = ElbowPINN(seed=0).fit(time, angle, two_sines)
    print(f"\n2. ElbowPINN: {elbow.status_}, {elbow.message_}")
    for name, unit, true in zip(NAMES, UNITS, TRUE, strict=True):
        low, high = elbow.interval_[name]
        print(f"   {name:10s} {elbow.parameters_[name]:7.4f} {unit:10s} "
              f"95 % from {low:.4f} to {high:.4f}, truth {true}")  # fmt: skip
    return elbow


def compare(elbow: ElbowPINN, time: Array, angle: Array) -> tuple[Array, Array]:
    """Step 3: the motion between the samples, beside a smoothing spline helped by the truth.

    Returns the fine times and the spline's angle there.
    """
    fine = np.linspace(time[0], time[-1], 401)
    truth = simulate(fine, two_sines, *TRUE)
    smooth = [make_smoothing_spline(time, angle, lam=lam) for lam in np.geomspace(1e-8, 1e-3, 11)]
    best = min(smooth, key=lambda one: float(np.std(one(fine) - truth.angle)))
    own = elbow.predict(fine)
    print("\n3. Root mean square error    ElbowPINN   best spline")
    rows = (
        ("angle, degrees", np.degrees(1.0), own.angle, best(fine), truth.angle),
        ("velocity, rad/s", 1.0, own.velocity, best(fine, 1), truth.velocity),
        ("acceleration, rad/s^2", 1.0, own.acceleration, best(fine, 2), truth.acceleration),
    )
    for name, unit, mine, spline, right in rows:
        errors = [unit * float(np.sqrt(np.mean((one - right) ** 2))) for one in (mine, spline)]
        print(f"   {name:24s} {errors[0]:9.3f} {errors[1]:13.3f}")
    return fine, best(fine)


def let_go(elbow: ElbowPINN, end: float) -> tuple[Array, Array]:
    """Step 4: the motor stops. Beyond the samples the identified equation carries on."""
    later = np.linspace(end, end + 2.0, 201)[1:]
    free = elbow.predict(later, torque=0.0)
    energy = 0.5 * elbow.inertia_ * free.velocity**2 + 0.5 * elbow.stiffness_ * free.angle**2
    print(f"\n4. Left alone: energy {1000 * energy[0]:.1f} mJ at first, {1000 * energy[-1]:.4f} mJ "
          f"2 s later, never growing: {bool((np.diff(energy) <= 0).all())}")  # fmt: skip
    return later, free.angle


def doubt(time: Array, noise: float) -> None:
    """Step 5: the subject twitches, an unknown 2 N m for a tenth of a second. Does the fit notice?

    The equation is as strict as the samples allow. Where they refute it, it is loosened, the angle
    follows the samples, and the status says so.
    """

    def twitch(t: Array) -> Array:
        return two_sines(t) + 2.0 * np.exp(-(((t - 2.0) / 0.1) ** 2))

    clean = simulate(time, twitch, *TRUE).angle
    angle = clean + noise * np.random.default_rng(1).normal(size=len(time))
    elbow = ElbowPINN(seed=0).fit(time, angle, two_sines)
    print(f"\n5. With a twitch: {elbow.status_}")
    print(f"   {elbow.message_}")


def draw(file: Path, elbow: ElbowPINN, samples: tuple[Array, Array], spline: tuple[Array, Array],
         later: tuple[Array, Array]) -> None:  # fmt: skip
    """The samples, the truth, the network with its interval, and the spline."""
    import matplotlib

    matplotlib.use("Agg")  # no screen needed
    import matplotlib.pyplot as plt

    own = elbow.predict(spline[0])
    truth = simulate(spline[0], two_sines, *TRUE).angle
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    low, high = np.degrees(own.angle_interval).T
    axes.fill_between(own.time, low, high, color="tab:blue", alpha=0.3, label="95 % interval")
    axes.plot(own.time, np.degrees(truth), "k", lw=1, label="truth")
    axes.plot(own.time, np.degrees(own.angle), "tab:blue", label="ElbowPINN")
    axes.plot(spline[0], np.degrees(spline[1]), "tab:orange", ls="--", label="best spline")
    axes.plot(later[0], np.degrees(later[1]), "tab:blue", ls=":", label="left alone")
    axes.plot(samples[0], np.degrees(samples[1]), "k.", label="samples")
    axes.set(xlabel="time, s", ylabel="elbow angle, degrees")
    axes.legend(ncols=2)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def main() -> None:
    """All steps, and the figure when asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result")
    args = parser.parse_args()
    time = np.linspace(0.0, 4.0, 30)
    clean = simulate(time, two_sines, *TRUE).angle
    noise = 0.05 * float(clean.std())
    angle = clean + noise * np.random.default_rng(0).normal(size=len(time))
    plan(time, 0.05)
    elbow = identify(time, angle)
    spline = compare(elbow, time, angle)
    later = let_go(elbow, float(time[-1]))
    doubt(time, noise)
    if args.plot:
        draw(args.plot, elbow, (time, angle), spline, later)


if __name__ == "__main__":
    main()
