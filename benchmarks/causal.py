"""Effects of interventions: the simulator's truth, what records say naively, adjusted, and by
mechanisms fitted to them.

    .venv/bin/python benchmarks/causal.py [--seeds N] [--body elbow] [--json FILE]       (minutes)

Per seed 400 people are recorded, and 100 others are held out. Fitting sees the 400 records without
interventions; the truth is the simulator run for the 100 others with and without the intervention.
Of these the estimate by mechanisms uses inputs and the state at the start, no outcome.

- effects: mean and standard deviation over seeds. error: |estimate - truth| / |truth| of a seed's
  mean effect, %, mean, standard deviation and worst seed.
- person by person: RMS error of single people's effects over the mean effect, %, when their own
  record is known (abduction under the fitted mechanisms, action, prediction).
- rough: the same with errors of measurement in the records, standard deviations of 0.002 rad,
  0.02 rad/s, 0.02 of excitation and activation.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from bioenv.learn.causal import Body, CausalModel, Do, Fitted, Population, Question, Records
from bioenv.learn.causal.effects import adjusted, mechanisms, naive, truth

PEOPLE, OTHERS = 400, 100
_LATE, _NOW = (0.8, 1.0), (0.5, 0.5)
QUESTIONS = (
    ("assistance.elbow+=2", "qpos.elbow", _LATE),
    ("assistance.elbow+=2@0.5:1", "qpos.elbow", _LATE),
    ("load+=0.6", "qpos.elbow", _LATE),
    ("strength.biceps*=1.2", "qpos.elbow", _LATE),
    ("excitation.flexors+=0.1@0.46:0.485", "qvel.elbow", _NOW),
    ("excitation.flexors+=0.05@0.5:0.8", "qpos.elbow", (0.8, 0.8)),
    ("activation.biceps=0.3@0.6:1", "qpos.elbow", _LATE),
)
_ROUGH = {"qpos": 0.002, "qvel": 0.02, "excitation": 0.02, "activation": 0.02}


def rough(records: Records, seed: int) -> Records:
    """The records with errors of measurement."""
    rng, values = np.random.default_rng(seed), dict(records.values)
    for name, size in _ROUGH.items():
        values[name] = values[name] + size * rng.normal(size=values[name].shape)
    for name in ("excitation", "activation"):
        values[name] = np.clip(values[name], 0.0, 1.0)
    return replace(records, values=values)


def one_seed(body: Body, seed: int) -> list[dict[str, Any]]:
    """Every question's estimates."""
    people = Population()
    model = people.model(body)
    records = model.rollout(people.draw(body, PEOPLE, seed))
    others = people.draw(body, OTHERS, 1000 + seed)
    held_out = model.rollout(others)
    noisy = rough(records, seed)
    fits = {"mechanisms": (records, Fitted(model.graph).fit(records)),
            "rough": (noisy, Fitted(model.graph).fit(noisy))}  # fmt: skip
    own = CausalModel(fits["mechanisms"][1])
    known, rows = own.abduct(held_out), []
    for text, outcome, window in QUESTIONS:
        question = Question(Do.parse(text), outcome, window)
        told = question.identified(model.graph, records)
        row: dict[str, Any] = {"question": f"{text} on {outcome}", "how": told.how}
        row["truth"] = truth(model, others, question).value
        varied = "@" not in text or not text.startswith("assistance")
        row["naive"] = naive(records, question, resamples=0).value if varied else None
        if varied and told.how == "back-door":
            row["adjusted"] = adjusted(records, question, told, resamples=0).value
        for name, (seen, fitted) in fits.items():
            found = mechanisms(seen, held_out, question, fitted, resamples=0, seed=seed)
            row[name] = found.value
            row[f"outside {name}"] = found.outside
        each = [
            question.of(one.rollout(start, [question.do])) - question.of(held_out)
            for one, start in ((model, others), (own, known))
        ]
        row["person"] = float(np.sqrt(np.mean((each[1] - each[0]) ** 2)) / abs(each[0].mean()))
        rows.append(row)
    return rows


def show(seeds: list[list[dict[str, Any]]]) -> None:
    """The table."""
    methods = ("naive", "adjusted", "mechanisms", "rough")
    for number, first in enumerate(seeds[0]):
        rows = [one[number] for one in seeds]
        right = np.array([row["truth"] for row in rows])
        print(f"\ndo({first['question'].replace(' on ', ') on ')}: {first['how']}")
        print(f"  {'truth':12}{right.mean():+9.4f} ± {right.std():.4f}")
        for method in methods:
            if first.get(method) is None:
                continue
            value = np.array([row[method] for row in rows])
            off = 100 * np.abs(value / right - 1.0)
            wrong = int((value * right < 0).sum())
            text = f"{value.mean():+9.4f} ± {value.std():.4f}"
            text += f"   error {off.mean():6.1f} ± {off.std():.1f} %, worst {off.max():.1f} %"
            if wrong:
                text += f", wrong sign in {wrong} of {len(rows)}"
            print(f"  {method:12}{text}")
        outside = 100 * np.array([row["outside mechanisms"] for row in rows])
        print(f"  people who leave the range of the records: {outside.mean():.1f} %")
        person = 100 * np.array([row["person"] for row in rows])
        print(f"  person by person, own record known: {person.mean():.1f} ± {person.std():.1f} %")


def hidden(body: Body) -> None:
    """The same question when what confounds it was not measured."""
    people = Population()
    model = people.model(body)
    records = model.rollout(people.draw(body, 50, 0)).without("strength", "health")
    question = Question(Do.parse(QUESTIONS[0][0]), *QUESTIONS[0][1:])
    print(f"\nstrength and health not measured: {question.identified(model.graph, records).text}")


def main() -> None:
    """Run all seeds and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--body", default="elbow")
    parser.add_argument("--json", type=Path, metavar="FILE", help="store the numbers")
    args = parser.parse_args()
    start, body = time.process_time(), Body(args.body)
    seeds = [one_seed(body, seed) for seed in range(args.seeds)]
    show(seeds)
    hidden(body)
    print(f"\n{PEOPLE} people, {OTHERS} held out, {args.seeds} seeds; "
          f"{time.process_time() - start:.0f} CPU seconds")  # fmt: skip
    if args.json:
        args.json.write_text(json.dumps(seeds, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
