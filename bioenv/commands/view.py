"""`bioenv view`: watch a policy in a window, or film it into a file."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bioenv.agents.policy import Policy
from bioenv.envs.single import BioEnv
from bioenv.errors import BioenvError

VIDEO_FILES = (".mp4", ".gif")


def run(args: argparse.Namespace) -> int:
    """Show the policy in real time, or write a video."""
    policy = Policy.load(args.policy)
    if args.video:
        return _film(policy, Path(args.video), args)
    env = BioEnv(policy.task, render_mode="human", randomize=False)
    try:
        try:
            observation, _ = env.reset(seed=args.seed)
        except BioenvError as error:
            hint = f"bioenv view {args.policy} --video view.mp4"
            raise BioenvError(f"{error}; or film it: {hint}") from error
        for _ in range(round(args.seconds / env.batch.task.control_dt)):
            began = time.perf_counter()
            observation, _, terminated, _, _ = env.step(policy.act(observation))
            if terminated:
                observation, _ = env.reset()
            time.sleep(max(0.0, env.batch.task.control_dt - (time.perf_counter() - began)))
    finally:
        env.close()
    return 0


def _film(policy: Policy, path: Path, args: argparse.Namespace) -> int:
    if path.suffix not in VIDEO_FILES:
        raise BioenvError(f"--video must end in .mp4 or .gif, got {str(path)!r}")
    if path.exists() and not args.force:
        raise BioenvError(f"{path} exists; choose another name, or --force")
    try:
        import imageio.v2 as imageio
    except ImportError as error:
        raise BioenvError("videos need imageio: pip install 'bioenv[video]'") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    env = BioEnv(policy.task, render_mode="rgb_array", randomize=False)
    frames = []
    try:
        observation, _ = env.reset(seed=args.seed)
        for _ in range(round(args.seconds / env.batch.task.control_dt)):
            observation, _, terminated, _, _ = env.step(policy.act(observation))
            frames.append(env.render())
            if terminated:
                break
        fps = env.metadata["render_fps"]
    finally:
        env.close()
    options = {"duration": 1000 / fps, "loop": 0} if path.suffix == ".gif" else {"fps": fps}
    imageio.mimsave(path, [frame for frame in frames if frame is not None], **options)
    print(f"wrote {path} ({len(frames) / fps:.2f} s)")
    return 0
