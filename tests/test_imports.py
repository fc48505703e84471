"""Imports point down only, importing bioenv is light, and torch stays in few packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bioenv"

LAYERS = {
    "errors": 0,
    "lazy": 0,
    "paths": 0,
    "motion": 1,
    "models": 2,
    "lab": 2,
    "envs": 3,
    "inverse": 3,
    "diff": 3,
    "agents": 4,
    "learn": 4,
    "evaluate": 5,  # the report shows the estimators' consistency check
    "commands": 6,
    "cli": 7,
}
ALIASES = {"motion_io": "motion"}
ONLY_IN = {
    "torch": ("agents", "diff", "learn"),
    "casadi": ("agents", "diff"),
    "tensorboard": ("agents",),
    "stable_baselines3": ("envs",),
}

FILES = sorted(PACKAGE.rglob("*.py"))


def _package_of(parts: tuple[str, ...]) -> str:
    """The layer's name of a module given as its parts below bioenv; '' for bioenv itself."""
    first = parts[0] if parts else ""
    return ALIASES.get(first, first)


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted module, line) of every import at any depth; `from bioenv import x` gives bioenv.x."""
    here = ["bioenv", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            up = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            if base == "bioenv":
                for alias in node.names:
                    yield f"bioenv.{alias.name}", node.lineno
            else:
                yield base, node.lineno


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_imports_point_down(path: Path) -> None:
    own = _package_of(path.relative_to(PACKAGE).with_suffix("").parts)
    if own == "__init__":
        return  # the facade names everything
    assert own in LAYERS, f"{path} is in no layer; add it to LAYERS"
    for module, line in _imports(path):
        root, *rest = module.split(".")
        allowed = ONLY_IN.get(root)
        assert allowed is None or own in allowed, f"{_name(path)}:{line} imports {root}"
        if root != "bioenv" or not rest:
            continue
        other = _package_of(tuple(rest))
        if other == own or other == "__version__":
            continue
        assert other in LAYERS, f"{_name(path)}:{line} imports unknown bioenv.{other}"
        peers = own == "paths" and other == "errors"
        assert peers or LAYERS[other] < LAYERS[own], (
            f"{_name(path)}:{line}: {own} must not import {other}: imports point down only"
        )


def test_the_facade_imports_only_the_registration_when_it_loads() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    top = [n.module for n in tree.body if isinstance(n, ast.ImportFrom) and n.module]
    assert [m for m in top if m.startswith("bioenv")] == ["bioenv.envs.registration"]


def _fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_bioenv_loads_nothing_heavy() -> None:
    heavy = ["mujoco", "torch", "scipy", "matplotlib", "tensorboard", "stable_baselines3"]
    loaded = _fresh(f"import bioenv, sys; print([m for m in {heavy!r} if m in sys.modules])")
    assert loaded == "[]"


def test_importing_bioenv_registers_the_tasks_with_gymnasium() -> None:
    ids = _fresh(
        "import gymnasium, bioenv; print(*(i for i in gymnasium.registry if 'bioenv' in i))"
    )
    assert ids.split() == list(dict.fromkeys(ids.split()))
    assert "bioenv/WalkImitate-v0" in ids.split()


def test_every_public_name_loads_and_evaluate_is_package_and_verb() -> None:
    code = (
        "import bioenv.evaluate.gait, bioenv\n"
        "missing = [n for n in bioenv.__all__ if not hasattr(bioenv, n)]\n"
        "print(missing, callable(bioenv.evaluate), bioenv.evaluate.gait.__name__)"
    )
    assert _fresh(code) == "[] True bioenv.evaluate.gait"


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    import bioenv

    with pytest.raises(AttributeError, match="no attribute 'Polcy'"):
        bioenv.Polcy  # noqa: B018
