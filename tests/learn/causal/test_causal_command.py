"""`bioenv learn causal` prints effects, says what records cannot tell, and refuses slips."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from bioenv.commands import causal
from bioenv.commands.parsers_causal import add_causal
from bioenv.errors import BioenvError


def _run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_causal(parser.add_subparsers())
    return causal.run(parser.parse_args(["causal", *words]))


def test_an_effect_with_the_graph_and_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "effect.json"
    words = ("elbow", "--do", "assistance.elbow+=2", "--effect", "qpos.elbow", "--at", "0.3",
             "--people", "60", "--hide", "strength", "health", "--graph",
             "--out", str(out))  # fmt: skip
    assert _run(*words) == 1  # not identified
    text = capsys.readouterr().out
    assert "excitation  <- qpos@-6, qvel@-6, target" in text
    assert "measure health, or strength" in text
    stored = json.loads(out.read_text())
    assert stored["identification"] == "not identified"
    assert [row["method"] for row in stored["estimates"]] == ["truth", "naive"]
    assert stored["estimates"][0]["value"] > 0
    out.write_text("mine")
    with pytest.raises(BioenvError, match="not written by this command"):
        _run(*words)
    assert out.read_text() == "mine"


@pytest.mark.parametrize(("words", "message"), [
    (("elbow",), "give --do and --effect, or --graph"),
    (("elbow", "--do", "load=1", "--graph"), "belong together"),
    (("elbo", "--graph"), "unknown model 'elbo'"),
    (("walker2d", "--graph"), "unknown site for the load 'hand'"),
    (("elbow", "--do", "load=1", "--effect", "qpos.knee", "--people", "1"), "label of qpos 'knee'"),
    (("elbow", "--do", "load=1", "--effect", "qpos.elbow", "--at", "late"), "expected START:STOP"),
    (("elbow", "--do", "load=1", "--effect", "qpos.elbow", "--at", "2:1"), "before it ends"),
])  # fmt: skip
def test_slips(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(BioenvError, match=message):
        _run(*words)
