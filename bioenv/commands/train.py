"""`bioenv train`: a recipe and a seed become a policy."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from bioenv.agents.training import train


def run(args: argparse.Namespace) -> int:
    """Train, and say whether the policy met the recipe's criterion."""
    words = ["bioenv", "train", args.recipe, "--seed", str(args.seed), "--out", Path(args.out).name]
    policy = train(
        args.recipe,
        "ppo",
        seed=args.seed,
        out=args.out,
        resume=args.resume,
        force=args.force,
        command=shlex.join(words),
    )
    if policy.card.get("passed"):
        print("the policy met the recipe's criterion")
    else:
        print("the policy did NOT meet the recipe's criterion; the best one was kept")
    print(f"wrote {args.out}")
    return 0
