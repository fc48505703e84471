"""Which terms bring gait towards people: an ablation of bioenv/Walk-v0's reward over seeds.

    .venv/bin/python benchmarks/ablation.py --work runs/ablation [--seeds 3] [--variants all]
        [--out benchmarks/results/ablation.json] [--page docs/human-likeness.md]

Every variant's second stage goes on from the same first stage of the same seed, so that the two
differ by the variant alone. Everything is judged against measured curves that nobody rewarded. What
is finished in the work folder is not run again; ``--table`` only reads it.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from ablation_figures import FIGURES, QUANTITIES, figures, judged, normalized
from ablation_task import (
    OPTIMUM,
    TASKS,
    VARIANTS,
    first_recipe,
    register,
    second_recipe,
)

from bioenv.agents.checkpoint import read_checkpoint
from bioenv.agents.policy import Policy
from bioenv.agents.recipe import Recipe
from bioenv.agents.run_statistics import (
    Interval,
    iqm_difference,
    iqm_interval,
    probability_of_improvement,
)
from bioenv.agents.trainer import CHECKPOINT, Trainer
from bioenv.agents.training import make_setting
from bioenv.errors import BioenvError, unknown

SCORES = "scores.json"
Scores = dict[str, float]


def trained(recipe: Recipe, seed: int, out: Path, root: Path | None = None) -> Policy:
    """The policy of a run, which goes on from the checkpoint in ``root``, or in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    setting = make_setting(recipe, threads=1, command=f"benchmarks/ablation.py, {out.name}")
    try:
        trainer = Trainer(recipe, setting, seed, out)
        if (out / CHECKPOINT).is_file():
            trainer.resume()
        elif root is not None:
            arrays, record = read_checkpoint(root / CHECKPOINT)
            trainer.ppo.restore({k[4:]: v for k, v in arrays.items() if k.startswith("ppo/")})
            trainer.ppo.rng.bit_generator.state = record["rng"]
            trainer.progress.env_steps = record["progress"]["env_steps"]
        return trainer.run(progress=False)
    finally:
        setting.env.close()
        setting.judge_env.close()


def run(variant: str, seed: int, work: Path, steps: tuple[int, int]) -> Scores:
    """Train and judge one variant with one seed, but for what is there already."""
    chosen = VARIANTS[variant]
    root = work / f"root {chosen.root}" / str(seed)
    out = work / variant / str(seed) if chosen.second else root
    if not (out / SCORES).is_file():
        policy = trained(first_recipe(chosen.root, steps[0]), seed, root)
        if chosen.second:
            policy = trained(second_recipe(variant, steps[1]), seed, out, root)
        scores = judged(policy, TASKS[policy.task].build_model())
        (out / SCORES).write_text(json.dumps(scores, indent=1) + "\n")
    return read(out)


def read(folder: Path) -> Scores:
    """The figures of a finished run."""
    scores: Scores = json.loads((folder / SCORES).read_text())
    return scores


def finished(variant: str, work: Path) -> dict[int, Scores]:
    """Seed -> figures of the finished runs of a variant."""
    chosen = VARIANTS[variant]
    home = work / (variant if chosen.second else f"root {chosen.root}")
    return {int(f.parent.name): read(f.parent) for f in sorted(home.glob(f"*/{SCORES}"))}


@dataclass(frozen=True)
class Row:
    """One variant's results over the seeds that it has in common with the control.

    score: interquartile mean of human-normalized scores over runs and quantities; difference: from
    the control's, paired by seed; improves: probability that a run is more like people than one of
    the control. quantities: mean scores over runs; figures: of every run.
    """

    what: str
    seeds: list[int]
    score: Interval
    difference: Interval
    improves: Interval
    quantities: dict[str, float]
    figures: dict[str, list[float]]


def table(work: Path) -> dict[str, Row]:
    """The rows of all variants that have finished runs."""
    rows = {}
    for name, variant in VARIANTS.items():
        runs, control = finished(name, work), finished(variant.control, work)
        seeds = sorted(runs.keys() & control.keys())
        if not seeds:
            continue
        mine = np.array([normalized(runs[seed]) for seed in seeds])
        other = np.array([normalized(control[seed]) for seed in seeds])
        rows[name] = Row(
            variant.what,
            seeds,
            iqm_interval(mine, whole_runs=True),
            iqm_difference(mine, other),
            probability_of_improvement(mine, other, whole_runs=True),
            dict(zip(QUANTITIES, mine.mean(axis=0).round(3).tolist(), strict=True)),
            {name: [round(runs[seed][name], 4) for seed in seeds] for name in FIGURES},
        )
    return rows


def markdown(rows: dict[str, Row]) -> str:
    """Three tables: scores with intervals, its parts, figures (mean and range of the runs)."""
    head = ("variant", "runs", "score", "difference", "P(better)")
    tables = [[head, *((n, str(len(r.seeds)), *_intervals(r)) for n, r in rows.items())]]
    parts = ((n, *(f"{r.quantities[q]:.2f}" for q in QUANTITIES)) for n, r in rows.items())
    tables.append([("variant", *QUANTITIES), *parts])
    figures = ((n, *(_range(r.figures[f]) for f in FIGURES)) for n, r in rows.items())
    tables.append([("variant", *FIGURES.values()), *figures])
    return "\n\n".join(_lines(one) for one in tables)


def _lines(cells: Sequence[Sequence[str]]) -> str:
    first, *rest = ("| " + " | ".join(row) + " |" for row in cells)
    return "\n".join((first, "|---" * len(cells[0]) + "|", *rest))


def _intervals(row: Row) -> list[str]:
    three = (row.score, row.difference, row.improves)
    return [f"{one.value:.2f} ({one.low:.2f}, {one.high:.2f})" for one in three]


def _range(values: Sequence[float]) -> str:
    values = [one for one in values if np.isfinite(one)]
    if not values:
        return "none"
    digits = 1 if max(map(abs, values)) >= 5 else 2
    return f"{np.mean(values):.{digits}f} ({min(values):.{digits}f}, {max(values):.{digits}f})"


def write_into(page: Path, tables: str, mark: str = "ablation") -> None:
    """Put tables between the page's comments <!-- mark --> and <!-- end mark -->."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- end {mark} -->"
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise BioenvError(f"{page} must hold the comments {begin.strip()} and {end} once each")
    before, rest = text.split(begin)
    page.write_text(f"{before}{begin}{tables}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def _json(value: object) -> str:
    """JSON in which a figure that nobody has is null."""
    nothing = json.loads(json.dumps(value), parse_constant=lambda _: None)
    return json.dumps(nothing, indent=1) + "\n"


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--variants", default="all", help="names, separated by commas")
    parser.add_argument("--steps", type=int, nargs=2, default=(1_200_000, 442_368),
                        metavar=("FIRST", "SECOND"))  # fmt: skip
    parser.add_argument("--table", action="store_true", help="only read finished runs")
    parser.add_argument("--out", type=Path, help="JSON file of the table")
    parser.add_argument("--page", type=Path, help="document whose tables are renewed")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = list(VARIANTS) if args.variants == "all" else args.variants.split(",")
    for name in names:
        if name not in VARIANTS:
            raise unknown("variant", name, VARIANTS)
    register()
    seeds = () if args.table else range(args.first_seed, args.first_seed + args.seeds)
    for seed, name in itertools.product(seeds, names):
        scores = run(name, seed, args.work, tuple(args.steps))
        print(f"{name}, seed {seed}: mean score {np.mean(normalized(scores)):.2f}", flush=True)
    rows = table(args.work)
    print(markdown(rows))
    print(f"\nThe optimized gait itself: {np.round(normalized(figures(OPTIMUM, None)), 2)}")
    if args.page:
        write_into(args.page, markdown(rows))
    if args.out:
        args.out.write_text(_json({name: asdict(row) for name, row in rows.items()}))


if __name__ == "__main__":
    main()
