"""Hands-on: does the device help? Correlation, intervention, and what one trial would have been.

    python examples/causal_what_if.py
    python examples/causal_what_if.py --plot what_if.png

A clinic keeps records of people who hold a forearm against a load. The weak are given a device that
helps. In the records those with the device hold worse: does it harm? Read this script from top to
bottom; every step prints what it finds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.causal import (
    Body,
    CausalModel,
    Do,
    Estimate,
    Exogenous,
    Fitted,
    Population,
    Question,
    Records,
)
from bioenv.learn.causal.effects import adjusted, mechanisms, naive, truth

Array = NDArray[np.float64]

BODY, PEOPLE = Body("elbow"), Population(seconds=0.8)
MODEL = PEOPLE.model(BODY)  # the simulator as a structural causal model
QUESTIONS = {
    "2 N m of help, angle at the end (rad)":
        Question(Do.parse("assistance.elbow+=2"), "qpos.elbow", (0.7, 0.8)),
    "0.1 more flexor excitation, velocity (rad/s)":
        Question(Do.parse("excitation.flexors+=0.1@0.46:0.485"), "qvel.elbow", (0.5, 0.5)),
}  # fmt: skip


def ask(question: Question, seen: Records, fitted: Fitted, others: Exogenous) -> list[Estimate]:
    """Step 1: the same effect four times.

    Naive: the slope in the records. Adjusted: the slope among people who are alike in what the
    graph asks for. Mechanisms: fitted to the records, and simulated for people they have not seen.
    Truth: the simulator, with and without the intervention.
    """
    told = question.identified(MODEL.graph, seen)
    held_out = MODEL.rollout(others)
    return [
        naive(seen, question),
        adjusted(seen, question, told),
        mechanisms(seen, held_out, question, fitted, resamples=3),
        truth(MODEL, others, question),
    ]


def blind(seen: Records) -> None:
    """Step 2: had nobody measured strength or health, no analysis of the records would do."""
    question = next(iter(QUESTIONS.values()))
    poor = seen.without("strength", "health")
    print(f"\n2. Without strength and health in the records:\n   "
          f"{question.identified(MODEL.graph, poor).text}")  # fmt: skip


def one_person(fitted: Fitted, others: Exogenous) -> dict[str, Array]:
    """Step 3: the weakest person's trial, as it was and as it would have been.

    Abduction finds the noise of this very trial: the neural noise and the twitches under which the
    mechanisms give exactly this record. Then the mechanism is changed, and the noise played again.
    """
    weakest = int(np.argmin(others.inputs["health"].ravel()))
    person = others.take(np.array([weakest]))
    record = MODEL.rollout(person)
    more = [Do.parse("strength.flexors*=1.2")]
    helped = [Do.parse("assistance.elbow+=2")]
    found = {
        "as recorded": record,
        "no action": MODEL.counterfactual(record),
        "20 % stronger flexors": MODEL.counterfactual(record, more),
        "with 2 N m of help": MODEL.counterfactual(record, helped),
        "stronger, fitted mechanisms": CausalModel(fitted).counterfactual(record, more),
    }
    angle = {name: one["qpos"][0, :, 0] for name, one in found.items()}
    rerun = MODEL.rollout(person, more)["qpos"][0, :, 0]
    again = np.abs(angle["no action"] - angle["as recorded"]).max()
    miss = np.abs(angle["20 % stronger flexors"] - rerun).max()
    print(f"\n3. The weakest person, health {person.inputs['health'].item():.2f}")
    for name, q in angle.items():
        print(f"   {name:28} {np.degrees(q[-1]):6.1f} degrees at the end")
    print(f"   abducted and played again: {again:.1e} rad from the record")
    print(f"   stronger: {miss:.1e} rad from the simulator with the same noise")
    return angle


def draw(file: Path, seen: Records, answers: dict[str, list[Estimate]],
         angle: dict[str, Array]) -> None:  # fmt: skip
    """The records, the effects, and the trial that would have been."""
    import matplotlib

    matplotlib.use("Agg")  # no screen needed
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    question, found = next(iter(QUESTIONS.values())), next(iter(answers.values()))
    x, y = seen.column("assistance"), np.degrees(question.of(seen))
    dots = left.scatter(x, y, c=seen.column("health"), s=12, cmap="viridis")
    figure.colorbar(dots, ax=left, label="health")
    ends = np.array([0.0, x.max()])
    for one, color in ((found[0], "tab:red"), (found[1], "tab:blue"), (found[3], "black")):
        slope = np.degrees(one.value) / question.do.value
        left.plot(ends, y.mean() + slope * (ends - x.mean()), color=color, label=one.method)
    left.set(xlabel="assistance, N m", ylabel="angle at the end, degrees", title="records")
    left.legend()
    for row, (name, four) in enumerate(answers.items()):
        for place, one in enumerate(four[:3]):
            at, size = row + 0.2 * (1 - place), four[3].value
            color = ("tab:red", "tab:blue", "tab:green")[place]
            middle.errorbar(one.value / size, at, xerr=(one.high - one.value) / size, fmt="o",
                            color=color, label=one.method if row == 0 else None)  # fmt: skip
        middle.text(0.0, row + 0.38, name, ha="center", fontsize=8)
    middle.axvline(1.0, color="black", label="truth")
    middle.axvline(0.0, color="gray", lw=0.5)
    middle.set(xlabel="effect over the true effect", yticks=[], title="effects, 90 % intervals",
               ylim=(-0.4, 1.6))  # fmt: skip
    middle.legend(fontsize=8, loc="lower left")
    time = BODY.dt * np.arange(len(angle["as recorded"]))
    for name, q in angle.items():
        style = {"as recorded": "k-", "no action": "y:", "stronger, fitted mechanisms": "g--"}
        right.plot(time, np.degrees(q), style.get(name, "-"), label=name)
    right.set(xlabel="time, s", ylabel="elbow angle, degrees", title="one trial")
    right.legend(fontsize=8)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def main() -> None:
    """All steps, and the figure when asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result")
    args = parser.parse_args()
    seen = MODEL.rollout(PEOPLE.draw(BODY, 200, seed=0))
    others = PEOPLE.draw(BODY, 50, seed=1000)
    fitted = Fitted(MODEL.graph).fit(seen)
    print("1. Effects" + " " * 38 + "naive   adjusted  mechanisms   truth")
    answers = {}
    for name, question in QUESTIONS.items():
        answers[name] = ask(question, seen, fitted, others)
        print(f"   {name:44}" + "".join(f"{one.value:+9.3f} " for one in answers[name]))
    blind(seen)
    angle = one_person(fitted, others)
    if args.plot:
        draw(args.plot, seen, answers, angle)


if __name__ == "__main__":
    main()
