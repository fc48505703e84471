"""Walkers whose place is known are ranked there, whatever their joint angles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bioenv.agents.policy import Policy
from bioenv.agents.rollout import rollout
from bioenv.cli import main
from bioenv.errors import BioenvError
from bioenv.evaluate import leaderboard_pages as pages
from bioenv.evaluate.leaderboard import Entry, Leaderboard, Tier, leaderboard
from bioenv.evaluate.walkers import Limping, RandomExcitations, replay, walk
from bioenv.motion import Motion

SECONDS = 4.0


@pytest.fixture(scope="module")
def board() -> Leaderboard:
    walkers = {
        name: [walk(name, seed=0, seconds=SECONDS)] for name in ("random", "standing", "limping")
    }
    walkers |= {name: [walk(name, 0, 1.7)] for name in ("replay", "replay-with-forces")}
    walkers["trained"] = [rollout(Policy.load("WalkImitate-v0"), seed=0, seconds=SECONDS)]
    return leaderboard(walkers, "cohort")


def _of(board: Leaderboard, name: str) -> Entry:
    return next(one for one in board.entries if one.name == name)


def test_everybody_stands_where_he_belongs(board: Leaderboard) -> None:
    order = [one.name for one in board.entries]
    assert order[:4] == ["trained", "limping", "standing", "random"]
    assert set(order[4:]) == {"replay", "replay-with-forces"}
    tiers = {one.name: one.tier for one in board.entries}
    assert tiers["trained"] == tiers["limping"] == Tier.WALKS
    assert (tiers["standing"], tiers["random"]) == (Tier.DOES_NOT_WALK, Tier.FALLS)


def test_a_limp_costs_in_what_nobody_rewarded(board: Leaderboard) -> None:
    sound, lame = _of(board, "trained"), _of(board, "limping")
    assert lame.held_out > sound.held_out + 0.2
    assert lame.common > sound.common + 0.2
    assert lame.aimed_at > sound.aimed_at


def test_perfect_angles_without_physics_are_caught(board: Leaderboard) -> None:
    forged = _of(board, "replay-with-forces")
    assert forged.tier is Tier.IMPOSSIBLE
    assert "root_force_rms_percent" in forged.verdict
    assert forged.groups["kinematics"] < _of(board, "trained").groups["kinematics"]
    assert forged.groups["muscles"] == pytest.approx(10.0)
    silent = _of(board, "replay")
    assert silent.tier is Tier.IMPOSSIBLE
    assert "nearest possible motion" in silent.verdict
    assert not silent.groups  # no foot ever touches the ground: no strides


def test_dropping_the_evidence_does_not_help() -> None:
    """Without ground forces, or of an unknown body, a motion is not shown to be possible."""
    whole = replay(0.8, forces=True)
    for missing in ("ground_reaction_force", "qpos"):
        kept = {n: s for n, s in whole.signals.items() if n != missing}
        (entry,) = leaderboard({"x": [Motion(whole.time, kept, whole.model, whole.meta)]}).entries
        assert entry.tier is Tier.IMPOSSIBLE
        assert "not shown" in entry.verdict
    unknown = Motion(whole.time, dict(whole.signals), None, whole.meta)
    assert leaderboard({"x": [unknown]}).entries[0].tier is Tier.IMPOSSIBLE


def test_who_falls_never_ranks_above_who_walks() -> None:
    def entry(name: str, tier: Tier, falls: float, held: float) -> Entry:
        return Entry(name, tier, "", 10, falls, 1 - falls, 0.0, held, 0.0, held, held, {}, {},
                     (1, 1), {})  # fmt: skip

    some = [
        entry("impossible", Tier.IMPOSSIBLE, 0.0, 0.0), entry("falls", Tier.FALLS, 1.0, 0.1),
        entry("often", Tier.WALKS_AND_FALLS, 0.4, 0.2), entry("poor", Tier.WALKS, 0.0, 9.0),
        entry("seldom", Tier.WALKS_AND_FALLS, 0.1, 5.0), entry("stands", Tier.DOES_NOT_WALK, 0, 0),
        entry("nothing held out", Tier.WALKS, 0.0, float("nan")),
    ]  # fmt: skip
    order = [one.name for one in sorted(some, key=lambda one: one.key)]
    assert order == ["poor", "nothing held out", "seldom", "often", "stands", "falls", "impossible"]


def test_random_excitations_are_the_same_for_the_same_seed() -> None:
    one, other = (RandomExcitations(seed=3).act(np.zeros((2, 5))) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (2, 18)
    assert 0 <= one.min() < 0.2 < 0.8 < one.max() <= 1
    assert (RandomExcitations(seed=4).act(np.zeros((2, 5))) != one).any()


def test_a_weak_side_is_weak() -> None:
    sound = Policy.load("WalkImitate-v0")
    obs = np.zeros((1, sound.obs_size if hasattr(sound, "obs_size") else _width(sound)), np.float32)
    weak = Limping(sound, "l", 0.5)
    ratio = weak.act(obs) / sound.act(obs)
    assert sorted(set(np.round(ratio[0], 5).tolist())) == [0.5, 1.0]
    with pytest.raises(BioenvError, match="side"):
        Limping(sound, "left")
    with pytest.raises(BioenvError, match="factor"):
        Limping(sound, "l", 1.5)
    with pytest.raises(BioenvError, match="standing"):
        walk("sitting")


def _width(policy: Policy) -> int:
    from bioenv.envs.vector import BioVectorEnv

    env = BioVectorEnv(policy.task, 1, threads=1)
    observation, _ = env.reset(seed=0)
    env.close()
    return int(observation.shape[1])


def test_a_replay_moves_as_the_person_does() -> None:
    motion = replay(3.0)
    speed = np.diff(motion.column("qpos", "pelvis_tx")) / np.diff(motion.time)
    assert speed.mean() == pytest.approx(1.315, abs=1e-3)
    knee = np.degrees(motion.column("qpos", "knee_angle_r"))
    assert 55 < knee.max() < 75
    assert not motion["ground_reaction_force"].any()


def test_pages_tell_what_the_entries_tell(board: Leaderboard, tmp_path: Path) -> None:
    content = json.loads(board.to_json(tmp_path / "b.json").read_text())
    assert content["made_by"] == "bioenv"
    assert [e["name"] for e in content["entries"]] == [e.name for e in board.entries]
    assert content["entries"][0]["held_out"] == pytest.approx(board.entries[0].held_out)
    assert content["entries"][2]["held_out"] is None  # standing has no gait
    text = pages.save(board, tmp_path / "b.md").read_text()
    html = pages.save(board, tmp_path / "b.html").read_text()
    for entry in board.entries:
        assert f"| {entry.name} |" in text
        assert f">{entry.name}</td>" in html
    with pytest.raises(BioenvError, match=r"\.html or \.md"):
        pages.save(board, tmp_path / "b.txt")


def test_the_command_ranks_files_and_policies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay(0.8, forces=True).save(tmp_path / "forged.nc")
    words = ["leaderboard", str(tmp_path / "forged.nc"), "WalkImitate-v0", "--seconds", "3",
             "--episodes", "1", "--against", "falisse2019"]  # fmt: skip
    files = ["--json", str(tmp_path / "b.json"), "--out", str(tmp_path / "b.md")]
    assert main([*words, *files]) == 0
    said = capsys.readouterr().out
    assert said.index("WalkImitate-v0") < said.index("forged")
    assert "impossible" in said
    assert main([*words[:2], *files]) == 0  # its own files may be replaced
    assert f"replaced {tmp_path / 'b.md'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--walkers"),
        (["none.nc"], "no motion file none.nc"),
        (["WalkImitat-v0"], "did you mean 'WalkImitate-v0'"),
        (["WalkImitate-v0", "--against", "winer"], "winter"),
        (["WalkImitate-v0", "--against", "winter,"], "two or more"),
        (["WalkImitate-v0", "--out", "board.txt"], ".html or .md"),
        (["WalkImitate-v0", "--out", "MINE.md"], "not written by this command"),
    ],
)
def test_bad_input_gets_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "MINE.md").write_text("my notes\n")
    assert main(["leaderboard", *words]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_board_needs_walkers() -> None:
    with pytest.raises(BioenvError, match="one or more motions"):
        leaderboard({})
    with pytest.raises(BioenvError, match="one or more motions"):
        leaderboard({"nobody": []})
