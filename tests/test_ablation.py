"""The ablation study: its scale, its bodies, and how its second stages begin."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bioenv import models
from bioenv.agents.checkpoint import read_checkpoint
from bioenv.envs import task as task_module
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/ablation.py, its tasks registered for as long as the test lasts."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import ablation

    for name, task in ablation.TASKS.items():
        monkeypatch.setitem(task_module._TASKS, name, task)
    return ablation


def test_other_people_score_one_and_a_still_body_nothing(study: ModuleType) -> None:
    figures = sys.modules["ablation_figures"]
    still, people, nobody = {"emg_r": 0.0}, {"emg_r": 1.0}, {"emg_r": float("nan")}
    for curve in figures.CURVES:
        other, held = figures.scale(curve)
        factor = 180 / np.pi if figures.REFERENCE.curve(curve).unit == "rad" else 1.0
        assert held == pytest.approx(factor * figures.REFERENCE.curve(curve).mean[:-1].std())
        assert 0.0 < other < held  # people are nearer to each other than to a statue
        still[f"{curve}_rmse"], people[f"{curve}_rmse"] = held, other
        nobody[f"{curve}_rmse"] = float("nan")
    np.testing.assert_allclose(figures.normalized(still), 0.0, atol=1e-12)
    np.testing.assert_allclose(figures.normalized(people), 1.0)
    assert figures.normalized(nobody) == (0.0,) * len(figures.QUANTITIES)


def test_a_rigid_toe_takes_two_joints_and_nothing_else(study: ModuleType) -> None:
    setting = sys.modules["ablation_task"]
    own, rigid = models.load("walker2d"), setting.rigid_toes(None)
    toes = {"mtp_angle_r", "mtp_angle_l"}
    assert rigid.coordinates == tuple(n for n in own.coordinates if n not in toes)
    assert rigid.mass == pytest.approx(own.mass)
    kept = [own.coordinate_index(name) for name in rigid.coordinates]
    np.testing.assert_allclose(rigid.home, own.home[kept], atol=0.02)


def test_the_optimum_is_where_its_variant_begins(study: ModuleType) -> None:
    task = study.TASKS["ablation/WalkFromOptimum-v0"].weighted(optimum=1.0)
    env = BioVectorEnv(task, 16, threads=1)
    env.reset(seed=0)
    _, _, _, _, info = env.step(np.full((16, 18), 0.05))
    env.close()
    assert info["reward_terms"]["optimum"].min() > 0.9


def test_every_variant_is_a_recipe_that_its_task_knows(study: ModuleType) -> None:
    setting = sys.modules["ablation_task"]
    for name, variant in study.VARIANTS.items():
        recipe = setting.second_recipe(name, 4096)
        weights = recipe.stage[0].reward_weights
        assert weights.keys() <= study.TASKS[recipe.task].rewards.keys()
        changed = {term for term, weight in weights.items() if setting.SECOND.get(term) != weight}
        assert changed == variant.weights.keys()


def test_a_second_stage_goes_on_where_the_first_one_ended(
    study: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = sys.modules["ablation_task"]
    begun: list[dict[str, Any]] = []
    original = study.Trainer.run

    def run(self: Any, progress: bool) -> Any:
        state = {name: np.copy(value) for name, value in self.ppo.state().items()}
        begun.append({**state, "rng": self.ppo.rng.bit_generator.state})
        return original(self, progress)

    monkeypatch.setattr(study.Trainer, "run", run)
    small = {"num_envs": 8, "ppo": replace(setting.first_recipe("walk", 1).ppo, batch_size=256)}
    first = replace(setting.first_recipe("walk", 512), **small)
    second = replace(setting.second_recipe("+ head", 512), **small)
    study.trained(first, 0, tmp_path / "root")
    policy = study.trained(second, 0, tmp_path / "head", tmp_path / "root")
    arrays, record = read_checkpoint(tmp_path / "root" / "checkpoint.safetensors")
    for name, value in begun[1].items():
        if name == "rng":
            assert value == record["rng"]
        else:
            np.testing.assert_array_equal(value, arrays[f"ppo/{name}"], err_msg=name)
    assert policy.card["env_steps"] == 2 * 512
    again = study.trained(second, 0, tmp_path / "head", tmp_path / "root")
    np.testing.assert_array_equal(again.layers[0][0], policy.layers[0][0])


def test_the_table_reads_what_is_finished(study: ModuleType, tmp_path: Path) -> None:
    names = [*study.FIGURES, *(f"{one}_rmse" for one in sys.modules["ablation_figures"].CURVES)]
    for variant, shift in (("full", 0.0), ("+ head", -0.5)):
        for seed in range(3):
            folder = tmp_path / variant / str(seed)
            folder.mkdir(parents=True)
            scores = dict.fromkeys(names, 0.1 * seed + 1.0 + shift)
            (folder / "scores.json").write_text(study._json(scores))
    rows = study.table(tmp_path)
    assert list(rows) == ["full", "+ head"]
    assert rows["full"].difference == (0.0, 0.0, 0.0)
    assert rows["+ head"].seeds == [0, 1, 2]
    assert rows["+ head"].difference.low > 0  # smaller errors: more like people
    text = study.markdown(rows)
    assert text.count("| + head |") == 3


def test_a_page_keeps_what_is_around_its_table(study: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before\n<!-- ablation -->\n| old |\n<!-- end ablation -->\nafter\n")
    study.write_into(page, "| new |")
    study.write_into(page, "| new |")
    text = page.read_text()
    assert text == "Before\n<!-- ablation -->\n| new |\n<!-- end ablation -->\nafter\n"
    with pytest.raises(BioenvError, match="once each"):
        study.write_into(page, "| new |", "other")
