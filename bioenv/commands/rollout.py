"""`bioenv rollout`: a policy moves, and the motion is saved."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.commands.files import claim_motion
from bioenv.errors import BioenvError
from bioenv.motion import Motion


def roll(policy: str, seed: int, seconds: float, command: str) -> Motion:
    """The motion of a policy (a folder or a shipped name), with the command that made it."""
    if not seconds > 0:
        raise BioenvError(f"--seconds must be positive, got {seconds:g}")
    return rollout(Policy.load(policy), seed=seed, seconds=seconds).with_meta(command=command)


def run(args: argparse.Namespace) -> int:
    """Roll out, save, and export to OpenSim when asked."""
    out = Path(args.out)
    verb = claim_motion(out, args.force)
    command = shlex.join(
        [
            "bioenv",
            "rollout",
            args.policy,
            "--seed",
            str(args.seed),
            "--seconds",
            f"{args.seconds:g}",
        ]
    )
    motion = roll(args.policy, args.seed, args.seconds, command)
    if args.opensim:
        for path in motion.to_opensim(args.opensim, out.stem):
            print(f"wrote {path}")
    motion.save(out)
    how = ", then it fell" if motion.meta.get("ended") == "terminated" else ""
    print(f"{motion.meta['task']}: {motion.duration:.2f} s{how}")
    print(f"{verb} {out}")
    return 0
