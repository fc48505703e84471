"""The documentation is true: every Python snippet runs, tables and names match the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bioenv
from bioenv import cli, paths

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def _short(code: str) -> str:
    """The same code with a training short enough for a test; everything else is untouched."""
    short = (
        "bioenv.agents.Recipe(task={0}, num_envs=16, "
        "stage=(bioenv.agents.recipe.Stage(env_steps=2048),), "
        "evaluation=bioenv.agents.recipe.EvaluationSettings(every=2048, episodes=2))"
    )
    return re.sub(
        r'bioenv\.train\(("[^"]+"), "ppo", seed=0\)',
        lambda found: f'bioenv.train({short.format(found[1])}, "ppo", seed=0, progress=False)',
        code,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_python_snippet_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = _blocks(page, "python")
    if not blocks:
        pytest.skip("no Python in this page")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "snippet"}
    for number, block in enumerate(blocks):
        exec(compile(_short(block), f"{page.name}, snippet {number + 1}", "exec"), names)


def test_a_custom_task_takes_fewer_than_twenty_lines() -> None:
    code = next(b for b in _blocks(ROOT / "README.md", "python") if "bioenv.register" in b)
    assert len([line for line in code.splitlines() if line.strip()]) < 20


def test_the_readme_lists_every_task() -> None:
    listed = re.findall(r"^\| `(bioenv/[^`]+-v0)` \|", (ROOT / "README.md").read_text(), re.M)
    built_in = [name for name in bioenv.tasks() if name.startswith("bioenv/")]
    assert sorted(listed) == built_in


def test_the_channel_table_is_the_programs_own() -> None:
    rows = [
        f"| `{name}` | {c.unit.replace('|', ' or ')} | {', '.join(('time', *c.axes))} | {c.doc} |"
        for name, c in bioenv.CHANNELS.items()
    ]
    page = (ROOT / "docs" / "motion.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if line.startswith("| `")]
    assert table == rows, "docs/motion.md is out of date; its table should be:\n" + "\n".join(rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_shown_commands_are_commands(page: Path) -> None:
    solving = ("recipes", "solve")
    folders = {"train": ("recipes",), "solve": solving, "whatif": solving}
    for block in _blocks(page, "console"):
        for line in block.splitlines():
            words = line.partition("#")[0].split()
            if words[:1] != ["bioenv"] or any(re.fullmatch(r"[A-Z_]+(\.{3})?", w) for w in words):
                continue
            args = cli.parse(words[1:])
            if getattr(args, "recipe", None):
                folder = paths.agent_file(*folders[words[1]])
                assert args.recipe in {one.stem for one in folder.glob("*.toml")}
