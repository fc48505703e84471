"""Proximal policy optimization (Schulman et al. 2017, arXiv 1707.06347) over a native vector env.

One iteration: `collect` steps all environments n_steps times, `advantages` credits the actions
(GAE, Schulman et al. 2016, arXiv 1506.02438), `update` improves both networks on minibatches by
the objective in objective.py.
The Gaussian lives before the squashing sigmoid, so log-densities need no correction.
Normalization is frozen during an iteration: rollout and update see the same numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.agents.network import ActorCritic
from bioenv.agents.normalize import ObservationNormalizer, ReturnScale
from bioenv.agents.objective import advantages, policy_loss
from bioenv.agents.policy import Float32, PhaseMirror, squash
from bioenv.agents.recipe import PPOSettings
from bioenv.agents.statistics import EpisodeStatistics

Arrays = dict[str, NDArray[Any]]


class Rollout(NamedTuple):
    """What `collect` gives, T steps of B environments; canonical rows where a mirror is used."""

    obs: Float32  # (T + 1, B, no) raw
    latent: Float32  # (T, B, nm)
    noise: Float32  # (T, B, nm) standard normal; latent = mean + std * noise
    reward: Float32  # (T, B) as the environment gave it
    terminated: NDArray[np.bool_]  # (T, B)
    done: NDArray[np.bool_]  # (T, B) terminated or truncated
    final_obs: Float32  # (n, no) where an episode was cut by time
    final_at: tuple[NDArray[np.intp], NDArray[np.intp]]  # their (t, environment)


class PPO:
    """PPO's whole state: networks, optimizer, normalization, random numbers, environments.

    Args:
        env: vector environment with SAME_STEP autoreset; its observations are (B, no) float32.
        settings: hyperparameters.
        seed: of the initial weights, the exploration, and the environments.
        mirror: the phase mirror, or None.
    """

    def __init__(
        self, env: Any, settings: PPOSettings, seed: int, mirror: PhaseMirror | None = None
    ) -> None:
        self.env, self.settings, self.mirror = env, settings, mirror
        self.obs_size = int(env.single_observation_space.shape[0])
        self.action_size = int(env.single_action_space.shape[0])
        streams = np.random.SeedSequence(seed).spawn(2)
        self.rng = np.random.default_rng(streams[0])
        env_seed, weight_seed = (int(one) for one in streams[1].generate_state(2))
        self.network = ActorCritic(
            self.obs_size,
            self.action_size,
            settings.hidden,
            settings.log_std,
            torch.Generator().manual_seed(weight_seed),
        )
        actor = [*self.network.actor.parameters(), self.network.log_std]
        self._groups = {"actor": actor, "critic": list(self.network.critic.parameters())}
        self.optimizers = {
            name: torch.optim.Adam(group, lr=settings.learning_rate, eps=1e-5, fused=True)
            for name, group in self._groups.items()
        }
        self._worker = ThreadPoolExecutor(1, "critic")
        self.learning_rate = settings.learning_rate
        self.rate_factor = 1.0  # what the divergence made of it
        self.normalize = ObservationNormalizer(self.obs_size)
        self.scale = ReturnScale(env.num_envs, settings.gamma)
        self.statistics = EpisodeStatistics(env.num_envs)
        self.seconds = {"physics": 0.0, "inference": 0.0, "update": 0.0}
        self.obs, _ = env.reset(seed=env_seed)

    @property
    def steps_per_iteration(self) -> int:
        """Env steps of one iteration."""
        return int(self.env.num_envs * self.settings.n_steps)

    def warm_up(self) -> None:
        """Fill the observation normalization from one rollout, which must precede learning."""
        self.normalize.update(self.collect().obs[:-1].reshape(-1, self.obs_size))

    def explore(self, log_std: float) -> None:
        """Set the exploration's deviation of every muscle to exp(`log_std`)."""
        with torch.no_grad():
            self.network.log_std.fill_(log_std)

    def iterate(self) -> dict[str, float]:
        """One iteration of the algorithm; returns figures for the log."""
        rollout = self.collect()
        start = time.perf_counter()
        figures = self.update(rollout)
        self.normalize.update(rollout.obs[:-1].reshape(-1, self.obs_size))
        self.seconds["update"] += time.perf_counter() - start
        return figures

    def collect(self) -> Rollout:
        """Step every environment n_steps times with exploring actions."""
        steps, num = self.settings.n_steps, self.env.num_envs
        obs: Float32 = np.empty((steps + 1, num, self.obs_size), np.float32)
        latent = np.empty((steps, num, self.action_size), np.float32)
        noise = np.asarray(self.rng.standard_normal(latent.shape, np.float32))
        reward = np.empty((steps, num), np.float32)
        terminated, done = np.empty((2, steps, num), bool)
        finals, final_t, final_env = [], [], []
        act = self._actor()
        begin = time.perf_counter()
        physics = 0.0
        for t in range(steps):
            obs[t], swapped = self._canonical(self.obs)
            latent[t] = act(obs[t], noise[t])
            actions = squash(latent[t])
            if self.mirror is not None and swapped is not None:
                actions = self.mirror.actions_back(actions, swapped)
            before = time.perf_counter()
            self.obs, reward[t], terminated[t], truncated, info = self.env.step(actions)
            physics += time.perf_counter() - before
            done[t] = terminated[t] | truncated
            self.statistics.step(reward[t], terminated[t], done[t], info)
            cut = np.flatnonzero(done[t] & ~terminated[t])
            if len(cut):
                finals.append(self._canonical(info["final_obs"][cut])[0])
                final_t.append(np.full(len(cut), t))
                final_env.append(cut)
        obs[steps] = self._canonical(self.obs)[0]
        self.seconds["physics"] += physics
        self.seconds["inference"] += time.perf_counter() - begin - physics
        empty = np.empty(0, np.intp)
        return Rollout(
            obs, latent, noise, reward, terminated, done,
            np.concatenate([np.empty((0, self.obs_size), np.float32), *finals]),
            (np.concatenate([empty, *final_t]), np.concatenate([empty, *final_env])),
        )  # fmt: skip

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Improve both networks on one rollout."""
        s = self.settings
        obs = torch.from_numpy(self.normalize(rollout.obs))
        with torch.inference_mode():
            value = self.network.value(obs).numpy()
            final = self.network.value(torch.from_numpy(self.normalize(rollout.final_obs)))
            std_sum = self.network.log_std.sum().item()
        next_value = value[1:].copy()
        next_value[rollout.final_at] = final.numpy()
        reward = self.scale(rollout.reward, rollout.done)
        advantage = advantages(
            reward, value[:-1], next_value, rollout.terminated, rollout.done, s.gamma, s.gae_lambda
        )
        old_log_prob = -0.5 * (rollout.noise**2).sum(-1) - std_sum
        data = [
            obs[:-1].reshape(-1, self.obs_size),
            *(_flat(one) for one in (rollout.latent, old_log_prob)),
            _flat((advantage - advantage.mean()) / (advantage.std() + 1e-8)),
            _flat(advantage + value[:-1]),
        ]
        figures = self._epochs(data)
        self._adapt(figures["kl"])
        spread = float(np.var(advantage + value[:-1]))
        figures["explained_variance"] = 1.0 - float(np.var(advantage)) / max(spread, 1e-8)
        return figures

    def _epochs(self, data: list[Tensor]) -> dict[str, float]:
        """Train both networks side by side: they share nothing, so each has a thread."""
        s = self.settings
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * self.rate_factor
        orders = [torch.from_numpy(self.rng.permutation(len(data[0]))) for _ in range(s.epochs)]
        batches = [batch for order in orders for batch in order.split(s.batch_size)]
        obs, latent, old_log_prob, advantage, target = data
        critic = self._worker.submit(self._train_critic, batches, obs, target)
        kl, clipped = self._train_actor(batches, obs, latent, old_log_prob, advantage)
        std = float(torch.exp(self.network.log_std.detach()).mean())
        rate = self.learning_rate * self.rate_factor
        figures = {"kl": kl, "clipped": clipped, "value_loss": critic.result()}
        return {**figures, "std": std, "learning_rate": rate}

    def _train_actor(
        self,
        batches: list[Tensor],
        obs: Tensor,
        latent: Tensor,
        old_log_prob: Tensor,
        advantage: Tensor,
    ) -> tuple[float, float]:
        """Returns the divergence and the share of clipped ratios in the last epoch."""
        s, network = self.settings, self.network
        last: list[Tensor] = []
        for i, batch in enumerate(batches):
            before = old_log_prob.index_select(0, batch)
            now = network.log_prob(obs.index_select(0, batch), latent.index_select(0, batch))
            loss, ratio = policy_loss(now, before, advantage.index_select(0, batch), s.clip)
            # The entropy of a Gaussian is the sum of log std, up to a constant.
            self._descend("actor", loss - s.entropy * network.log_std.sum())
            if i * s.epochs >= len(batches) * (s.epochs - 1):
                with torch.no_grad():
                    # Schulman's low-variance estimate of the divergence, (r - 1) - log r.
                    kl = (ratio - 1 - (now - before)).mean()
                    last.append(torch.stack([kl, ((ratio - 1).abs() > s.clip).float().mean()]))
        kl_mean, clipped = torch.stack(last).mean(0).tolist()
        return kl_mean, clipped

    def _train_critic(self, batches: list[Tensor], obs: Tensor, target: Tensor) -> float:
        """Returns the squared error of the last minibatch."""
        loss = torch.zeros(())
        for batch in batches:
            value = self.network.value(obs.index_select(0, batch))
            loss = torch.nn.functional.mse_loss(value, target.index_select(0, batch))
            self._descend("critic", self.settings.value_weight * loss)
        return loss.item()

    def _descend(self, name: str, loss: Tensor) -> None:
        """One step of one network's optimizer."""
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._groups[name], self.settings.max_grad_norm)
        optimizer.step()

    def _adapt(self, kl: float) -> None:
        """Slow down where updates move the policy far, speed up where they hardly do."""
        target = self.settings.target_kl
        if target > 0 and kl > 2 * target:
            self.rate_factor = max(self.rate_factor / 1.5, 0.1)
        elif target > 0 and kl < target / 2:
            self.rate_factor = min(self.rate_factor * 1.5, 3.0)

    def _canonical(self, obs: Float32) -> tuple[Float32, NDArray[np.bool_] | None]:
        return (obs, None) if self.mirror is None else self.mirror.canonical(obs)

    def _actor(self) -> Any:
        """Latent commands (B, nm) for raw observations (B, no) and noise, normalization frozen."""
        mean, deviation = self.normalize.tensors()
        actor, std = self.network.actor, np.exp(self.network.log_std.detach().numpy())

        def act(obs: Float32, noise: Float32) -> Float32:
            scaled = np.clip((obs - mean) / deviation, -10.0, 10.0)
            with torch.inference_mode():
                latent: Float32 = actor(torch.from_numpy(scaled)).numpy()
            return latent + std * noise

        return act

    def _optimizer_of(self, parameter: str) -> torch.optim.Optimizer:
        return self.optimizers["critic" if parameter.startswith("critic") else "actor"]

    def state(self) -> Arrays:
        """Everything that continues training to the bit, but for `rng_state`."""
        named: Arrays = {"obs": self.obs, "rate_factor": np.array(self.rate_factor)}
        for name, parameter in self.network.named_parameters():
            named[f"network/{name}"] = parameter.detach().numpy()
            for key, value in self._optimizer_of(name).state[parameter].items():
                named[f"optimizer/{key}/{name}"] = value.numpy()
        parts: dict[str, Any] = {
            "normalize": self.normalize,
            "scale": self.scale,
            "statistics": self.statistics,
        }
        for prefix, part in parts.items():
            named |= {f"{prefix}/{key}": value for key, value in part.state().items()}
        return named | {f"env/{key}": value for key, value in self.env.snapshot().items()}

    def restore(self, named: Mapping[str, NDArray[Any]]) -> None:
        """Continue from `state`."""
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                parameter.copy_(torch.from_numpy(named[f"network/{name}"]))
                self._optimizer_of(name).state[parameter] = {
                    key: torch.from_numpy(named[f"optimizer/{key}/{name}"].copy())
                    for key in ("step", "exp_avg", "exp_avg_sq")
                    if f"optimizer/{key}/{name}" in named
                }
        self.rate_factor = float(named["rate_factor"])
        self.normalize.restore(_under(named, "normalize/"))
        self.scale.restore(_under(named, "scale/"))
        self.statistics.restore(_under(named, "statistics/"))
        self.env.restore(_under(named, "env/"))
        self.obs = named["obs"].copy()


def _flat(array: NDArray[Any]) -> Tensor:
    """(T, B, ...) to a tensor (T B, ...)."""
    return torch.from_numpy(array.reshape(-1, *array.shape[2:]))


def _under(named: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    return {key.removeprefix(prefix): v for key, v in named.items() if key.startswith(prefix)}
