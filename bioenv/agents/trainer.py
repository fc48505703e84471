"""The training loop: stages, evaluations, the best policy so far, exact checkpoints."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bioenv.agents.checkpoint import read_checkpoint, write_checkpoint
from bioenv.agents.log import TrainingLog
from bioenv.agents.policy import Policy
from bioenv.agents.ppo import PPO
from bioenv.agents.recipe import Recipe, Stage
from bioenv.agents.setting import Progress, Setting, difference, package_version
from bioenv.agents.start import adopt
from bioenv.agents.trial import Outcome, judge
from bioenv.errors import BioenvError

CHECKPOINT = "checkpoint.safetensors"


class Trainer:
    """One training run.

    Args:
        recipe: what to do.
        setting: where to do it.
        seed: of everything random.
        out: folder for the files, or None.
    """

    def __init__(self, recipe: Recipe, setting: Setting, seed: int, out: Path | None) -> None:
        self.recipe, self.setting, self.seed, self.out = recipe, setting, seed, out
        self.ppo = PPO(setting.env, recipe.ppo, seed, setting.mirror)
        self.progress = Progress()
        self.best: Policy | None = None
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    # ---- the loop

    def run(self, progress: bool = True) -> Policy:
        """Go through the stages that remain; returns the best policy."""
        done, total = self.progress, sum(stage.env_steps for stage in self.recipe.stage)
        if done.finished and self.best is not None:
            return self.best
        log = TrainingLog(self.out, total, done.env_steps, progress)
        try:
            if done.env_steps == 0:
                self.ppo.warm_up()
                if self.recipe.start:
                    adopt(self.ppo, Policy.load(self.recipe.start), self.setting.muscles)
            while done.stage < len(self.recipe.stage):
                self._run_stage(self.recipe.stage[done.stage], log)
                done.stage, done.stage_steps, done.passes = done.stage + 1, 0, 0
            return self._finish(log)
        finally:
            log.close()

    def _run_stage(self, stage: Stage, log: TrainingLog) -> None:
        done, every = self.progress, stage.evaluate_every or self.recipe.evaluation.every
        weights = {**self.setting.reward_weights, **stage.reward_weights}
        for env in (self.setting.env, self.setting.judge_env):
            env.set_reward_weights(weights)
        if stage.log_std and done.stage_steps == 0:
            self.ppo.explore(stage.log_std)
        while done.stage_steps < stage.env_steps and not self._stage_passed(stage):
            self.ppo.learning_rate = self._learning_rate(stage)
            figures = self.ppo.iterate()
            before = done.stage_steps // every
            done.stage_steps += self.ppo.steps_per_iteration
            done.env_steps += self.ppo.steps_per_iteration
            self._log_iteration(log, figures)
            if done.stage_steps // every > before or done.stage_steps >= stage.env_steps:
                self._evaluate(log)
                self._checkpoint()

    def _stage_passed(self, stage: Stage) -> bool:
        return stage.stop_when_passed and self.progress.passes >= self.recipe.evaluation.passes

    def _learning_rate(self, stage: Stage) -> float:
        first = stage.learning_rate or self.recipe.ppo.learning_rate
        last = stage.final_learning_rate or first
        return first + (last - first) * min(self.progress.stage_steps / stage.env_steps, 1.0)

    # ---- judging

    def _evaluate(self, log: TrainingLog) -> None:
        """Judge the present policy, and keep it if it is the best so far."""
        done, ask = self.progress, self.recipe.evaluation
        policy = self.policy()
        outcome = self._judge(policy, done.evaluations + 1, ask.share)
        done.evaluations += 1
        share = outcome.survival if ask.criterion == "survival" else outcome.success
        passed = outcome.complete and share >= ask.share
        done.passes = done.passes + 1 if passed else 0
        self._tick()
        if done.passes >= ask.passes and not done.passed_at:
            done.passed_at = {"env_steps": done.env_steps, "minutes": done.wall_s / 60}
        rank = self._rank(outcome, share)
        if self.best is None or rank > done.best:
            done.best, self.best = rank, policy
            done.best_at = {"env_steps": done.env_steps, "stage": done.stage}
            if self.out is not None:
                self.best.with_card(**self._card()).save(self.out)
        log.write("evaluation", done.env_steps, {**outcome._asdict(), "passes": done.passes})

    def _rank(self, outcome: Outcome, share: float) -> list[float]:
        """Passing in a row first; then the share up to what is asked, the stage, the return."""
        ask = self.recipe.evaluation
        if not outcome.complete:
            return [0.0, 0.0, outcome.held, self.progress.stage, outcome.mean_return]
        streak = float(self.progress.passes >= ask.passes)
        return [streak, min(share, ask.share), 1.0, self.progress.stage, outcome.mean_return]

    def _judge(self, policy: Policy, number: int, needed: float) -> Outcome:
        start = time.perf_counter()
        seed = int(np.random.SeedSequence([self.seed, 1, number]).generate_state(1)[0])
        setting, criterion = self.setting, self.recipe.evaluation.criterion
        outcome = judge(
            policy, setting.judge_env, seed, setting.judge_steps, criterion=criterion, needed=needed
        )
        self.progress.judge_s += time.perf_counter() - start
        return outcome

    def _finish(self, log: TrainingLog) -> Policy:
        """Judge the best policy once more: the best of many evaluations is flattered by them."""
        done = self.progress
        assert self.best is not None  # every stage ends with an evaluation
        outcome = self._judge(self.best, 0, needed=0.0)
        self._tick()
        log.write("final", done.env_steps, outcome._asdict())
        scores = {
            "survival": outcome.survival,
            "success": outcome.success,
            "mean_return": outcome.mean_return,
            "mean_length_steps": outcome.mean_length,
            "episodes": self.recipe.evaluation.episodes,
        }
        self.best = self.best.with_card(**self._card(), scores=scores)
        done.finished = True
        if self.out is not None:
            self.best.save(self.out)
            self._checkpoint()
        return self.best

    def policy(self) -> Policy:
        """The present policy."""
        mean, deviation = self.ppo.normalize.tensors()
        return Policy(
            task=self.recipe.task,
            model=self.setting.model,
            muscles=self.setting.muscles,
            obs_mean=mean,
            obs_std=deviation,
            layers=self.ppo.network.actor_layers(),
            log_std=self.ppo.network.log_std.detach().numpy().copy(),
            mirror=self.setting.mirror,
        )

    def _card(self) -> dict[str, Any]:
        done = self.progress
        return {
            "command": self.setting.command,
            "recipe": json.loads(json.dumps(self.recipe.as_dict())),
            "seed": self.seed,
            "env_steps": done.env_steps,
            "training_minutes": round(done.wall_s / 60, 3),
            "cpu_minutes": round(done.cpu_s / 60, 3),
            "passed": bool(done.best and done.best[0]),
            "passed_at": dict(done.passed_at),
            "best_at": dict(done.best_at),
            "torch_threads": torch.get_num_threads(),
            "versions": {
                name: package_version(name) for name in ("bioenv", "mujoco", "numpy", "torch")
            },
        }

    # ---- the log and the checkpoint

    def _tick(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.progress.wall_s += wall - self._wall
        self.progress.cpu_s += cpu - self._cpu
        self._wall, self._cpu = wall, cpu

    def _log_iteration(self, log: TrainingLog, figures: dict[str, float]) -> None:
        self._tick()
        done, episodes = self.progress, self.ppo.statistics.read()
        seconds = {**self.ppo.seconds, "evaluation": done.judge_s}
        rate = done.env_steps / max(done.wall_s, 1e-9)
        times = {"wall_s": done.wall_s, "cpu_s": done.cpu_s, "steps_per_s": rate}
        record = {"stage": done.stage, **times, "seconds": seconds, **episodes, **figures}
        log.write("iteration", done.env_steps, record)
        log.show(
            done.env_steps,
            rate=f"{rate:.0f}/s",
            episode=f"{episodes['return']:.1f}",
            survival=f"{episodes['survival']:.0%}",
        )

    def _checkpoint(self) -> None:
        if self.out is None or self.best is None:
            return
        arrays = {f"ppo/{name}": value for name, value in self.ppo.state().items()}
        arrays |= {f"best/{name}": value for name, value in self.best.tensors().items()}
        record = {
            "recipe": self.recipe.as_dict(),
            "seed": self.seed,
            "torch_threads": torch.get_num_threads(),
            "progress": dataclasses.asdict(self.progress),
            "seconds": self.ppo.seconds,
            "rng": self.ppo.rng.bit_generator.state,
            "card": dict(self.best.card),
        }
        write_checkpoint(self.out / CHECKPOINT, arrays, record)

    def resume(self) -> None:
        """Continue from the checkpoint in `out`.

        Raises:
            BioenvError: there is none, it is damaged, or it belongs to another recipe or seed.
        """
        assert self.out is not None
        path = self.out / CHECKPOINT
        arrays, record = read_checkpoint(path)
        mine = json.loads(json.dumps({"recipe": self.recipe.as_dict(), "seed": self.seed}))
        for name, value in mine.items():
            if record.get(name) != value:
                raise BioenvError(
                    f"{path} belongs to another {name}: {difference(record.get(name), value)}"
                )
        try:
            self.ppo.restore({k[4:]: v for k, v in arrays.items() if k.startswith("ppo/")})
            self.ppo.rng.bit_generator.state = record["rng"]
            self.ppo.seconds = dict(record["seconds"])
            self.progress = Progress(**record["progress"])
            best = {k[5:]: v for k, v in arrays.items() if k.startswith("best/")}
            depth = sum(name.endswith(".weight") for name in best)
            layers = tuple((best[f"layer{i}.weight"], best[f"layer{i}.bias"]) for i in range(depth))
            self.best = dataclasses.replace(
                self.policy(),
                obs_mean=best["obs_mean"],
                obs_std=best["obs_std"],
                layers=layers,
                log_std=best["log_std"],
                card=record["card"],
            )
        except (KeyError, TypeError, RuntimeError) as error:
            raise BioenvError(f"checkpoint {path} does not fit this training: {error}") from error
