"""A policy survives the disk to the bit, mirrors exactly, and refuses foreign files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bioenv.agents.policy import PhaseMirror, Policy
from bioenv.errors import BioenvError

NO, NM = 7, 4
MUSCLES = ("soleus_r", "vasti_r", "soleus_l", "vasti_l")


def make_policy(mirror: bool = True, seed: int = 0) -> Policy:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    # sin, cos, a pair of sides, another pair, one number that does not change side
    symmetry = PhaseMirror(
        np.array([0, 1, 3, 2, 5, 4, 6]),
        np.array([-1, -1, 1, 1, -1, -1, 1], np.float32),
        np.array([2, 3, 0, 1]),
        0,
    )
    return Policy(
        task="bioenv/Walk-v0",
        model="walker2d",
        muscles=MUSCLES,
        obs_mean=normal(NO),
        obs_std=np.abs(normal(NO)) + 0.1,
        layers=(
            (normal(16, NO), normal(16)),
            (normal(16, 16), normal(16)),
            (normal(NM, 16), normal(NM)),
        ),
        log_std=np.full(NM, -0.7, np.float32),
        mirror=symmetry if mirror else None,
        card={"seed": seed, "command": "bioenv train walk"},
    )


def test_load_gives_the_same_actions_to_the_bit(tmp_path: Path) -> None:
    policy = make_policy()
    loaded = Policy.load(policy.save(tmp_path / "a" / "b"))
    obs = np.random.default_rng(1).standard_normal((50, NO)).astype(np.float32)
    np.testing.assert_array_equal(loaded.act(obs), policy.act(obs))
    rng = np.random.default_rng
    np.testing.assert_array_equal(loaded.act(obs, rng(3)), policy.act(obs, rng(3)))
    assert (loaded.muscles, loaded.task) == (MUSCLES, policy.task)
    assert loaded.card == policy.card
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == [
        "policy.json",
        "policy.safetensors",
    ]


def silent() -> Policy:
    """A policy whose latent command is zero whatever it sees."""
    zero = tuple((w * 0, b * 0) for w, b in make_policy(mirror=False).layers)
    return replace(make_policy(mirror=False), layers=zero)


def test_actions_are_excitations_and_noise_follows_log_std() -> None:
    noisy = silent().act(np.zeros((20_000, NO)), np.random.default_rng(0))
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    latent = np.log(noisy / (1 - noisy)) / 5 + 0.4
    np.testing.assert_allclose(latent.std(axis=0), np.exp(-0.7), rtol=0.03)
    np.testing.assert_allclose(latent.mean(axis=0), 0, atol=0.02)


def test_zero_latent_asks_for_a_tenth() -> None:
    np.testing.assert_allclose(silent().act(np.zeros(NO)), 1 / (1 + np.exp(2.0)), rtol=1e-6)


def test_mirrored_policy_is_exactly_equivariant() -> None:
    policy = make_policy()
    assert policy.mirror is not None
    obs = np.random.default_rng(4).standard_normal((200, NO)).astype(np.float32)
    mirrored = obs[:, policy.mirror.obs_index] * policy.mirror.obs_sign
    np.testing.assert_array_equal(
        policy.act(mirrored), policy.act(obs)[:, policy.mirror.action_index]
    )
    plain = make_policy(mirror=False)
    assert np.abs(plain.act(mirrored) - plain.act(obs)[:, policy.mirror.action_index]).max() > 0.1


def test_one_row_is_a_batch_of_one() -> None:
    policy = make_policy()
    obs = np.linspace(-1, 1, NO)
    np.testing.assert_array_equal(policy.act(obs), policy.act(obs[None])[0])


def test_importing_a_policy_does_not_import_torch() -> None:
    code = "import sys, bioenv.agents.policy_file; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("shape", [(3, NO + 1), (NO - 1,), (2, 2, NO)])
def test_wrong_observation_size(shape: tuple[int, ...]) -> None:
    with pytest.raises(BioenvError, match=r"takes observations \(B, 7\)"):
        make_policy().act(np.zeros(shape))


def test_check_against_an_environment() -> None:
    policy = make_policy()
    policy.check(NO, MUSCLES)
    with pytest.raises(BioenvError, match="7 observations, but the environment bioenv/X gives 9"):
        policy.check(9, MUSCLES, "bioenv/X")
    with pytest.raises(BioenvError, match=r"4 muscles \(soleus_r.*has 1 muscles \(biceps\)"):
        policy.check(NO, ("biceps",))


def edit_json(folder: Path, **changes: object) -> None:
    record = json.loads((folder / "policy.json").read_text())
    record.update(changes)
    (folder / "policy.json").write_text(json.dumps(record))


def edit_tensors(folder: Path, **changes: np.ndarray | None) -> None:
    tensors = load_file(folder / "policy.safetensors")
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del tensors[key]
        else:
            tensors[key] = value
    save_file(tensors, folder / "policy.safetensors")


NAN = np.full((NM, 16), np.nan, np.float32)
DAMAGE = {
    "truncated weights": (
        lambda d: (d / "policy.safetensors").write_bytes(b"\x00" * 20),
        "no intact safetensors",
    ),
    "pickle": (
        lambda d: (d / "policy.safetensors").write_bytes(b"\x80\x04\x95" + b"x" * 80),
        "no intact safetensors",
    ),
    "no weights": (lambda d: (d / "policy.safetensors").unlink(), "cannot read"),
    "no record": (lambda d: (d / "policy.json").unlink(), "cannot read"),
    "broken record": (lambda d: (d / "policy.json").write_text("{"), "not valid JSON"),
    "binary record": (lambda d: (d / "policy.json").write_bytes(b"\xff\xfe\x00"), "not valid JSON"),
    "foreign record": (lambda d: (d / "policy.json").write_text("[1]"), "no bioenv policy"),
    "schema": (lambda d: edit_json(d, schema=99), "schema 99; this bioenv reads schema 1"),
    "muscles": (lambda d: edit_json(d, muscles=["a"]), r"has shape \(4,\), expected \(1,\)"),
    "no task": (lambda d: edit_json(d, task=None), "'task' must be a str"),
    "phase": (lambda d: edit_json(d, phase_index=70), "phase_index must be 0..6"),
    "no mirror": (lambda d: edit_json(d, phase_index=None), "are expected"),
    "network": (lambda d: edit_json(d, network={"activation": "relu"}), "is not the one read"),
    "NaN": (lambda d: edit_tensors(d, layer2__weight=NAN), "NaN or infinite"),
    "shape": (lambda d: edit_tensors(d, layer1__weight=NAN), r"has shape \(4, 16\), expected"),
    "missing": (lambda d: edit_tensors(d, log_std=None), "are expected"),
    "type": (lambda d: edit_tensors(d, log_std=np.zeros(NM)), "float64, expected float32"),
    "std": (lambda d: edit_tensors(d, obs_std=np.zeros(NO, np.float32)), "must be positive"),
    "index": (
        lambda d: edit_tensors(d, mirror__action_index=np.array([0, 0, 1, 9])),
        "permutation of 0..3",
    ),
    "other pair": (lambda d: edit_tensors(d, log_std=np.ones(NM, np.float32)), "does not belong"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files_say_what_is_wrong(tmp_path: Path, name: str) -> None:
    damage, message = DAMAGE[name]
    make_policy().save(tmp_path)
    damage(tmp_path)
    with pytest.raises(BioenvError, match=message):
        Policy.load(tmp_path)


def test_unknown_names_and_foreign_paths(tmp_path: Path) -> None:
    with pytest.raises(BioenvError, match="unknown policy 'Wlak-v0'"):
        Policy.load("bioenv/Wlak-v0")
    with pytest.raises(BioenvError, match="no policy at"):
        Policy.load(tmp_path / "nowhere")
    (tmp_path / "model.zip").write_bytes(b"PK")
    with pytest.raises(BioenvError, match="is no policy"):
        Policy.load(tmp_path / "model.zip")


def test_a_card_that_is_not_json_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BioenvError, match="plain JSON"):
        make_policy().with_card(score=float("nan")).save(tmp_path)
    assert not list(tmp_path.iterdir())
