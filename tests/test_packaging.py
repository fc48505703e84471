"""The wheel and the sdist carry the data, and the wheel works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODELS = ("elbow", "arm26", "walker2d", "legs3d")


def _run(code: str, *words: str, path: Path | None = None, cwd: Path = ROOT) -> str:
    extra = {"PYTHONPATH": str(path)} if path else {}
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **extra},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(sdist, wheel), the wheel made from the unpacked sdist; no network, no new environment."""
    out = tmp_path_factory.mktemp("dist")
    build = "import hatchling.build as b, sys; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    sdist = out / _run(build, "build_sdist", str(out)).splitlines()[-1]
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    source = out / sdist.name.removesuffix(".tar.gz")
    wheel = out / _run(build, "build_wheel", str(out), cwd=source).splitlines()[-1]
    return sdist, wheel


def _tracked(folder: str) -> set[str]:
    done = subprocess.run(
        ["git", "ls-files", folder], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        pytest.skip("not a git checkout")
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def test_the_wheel_maps_assets_and_agents_into_the_package(built: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(built[1]).namelist())
    assert {n for n in names if not n.startswith(("bioenv/", "bioenv-"))} == set()
    for folder, inside in (("assets", "bioenv/assets"), ("agents", "bioenv/library")):
        expected = {inside + name.removeprefix(folder) for name in _tracked(folder)}
        assert expected
        assert expected <= names
    compiled = {f"bioenv/diff/symbolic/{name}" for name in ("lanes.c", "rollout.c", "operations.h")}
    assert {"bioenv/py.typed", "bioenv/evaluate/report/film.js", *compiled} <= names


def test_the_sdist_holds_everything_that_is_tracked_in_its_folders(
    built: tuple[Path, Path],
) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("bioenv", "assets", "agents", "tests", "docs"):
        assert _tracked(folder) <= names
    assert {"README.md", "LICENSE", "Makefile", ".ci/constraints.txt"} <= names


def test_an_unpacked_wheel_finds_its_data_outside_the_checkout(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    zipfile.ZipFile(built[1]).extractall(tmp_path)
    code = (
        "import bioenv, sys; from bioenv import models, paths\n"
        "assert bioenv.__file__.startswith(sys.argv[1]), bioenv.__file__\n"
        "print(*models.available(), models.load('walker2d').mj.nu)\n"
        "print(len(list(paths.agent_file('recipes').glob('*.toml'))), paths.lab_data())"
    )
    found, recipes = _run(code, str(tmp_path), path=tmp_path, cwd=tmp_path).splitlines()
    assert set(MODELS) <= set(found.split())
    assert int(recipes.split()[0]) > 0


def test_the_editable_install_finds_its_data() -> None:
    from bioenv import paths

    assert paths.asset() == ROOT / "assets"
    assert paths.agent_file() == ROOT / "agents"


def test_a_version_is_one_version() -> None:
    import tomllib

    import bioenv

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == bioenv.__version__
    assert f"## {bioenv.__version__}" in (ROOT / "docs" / "CHANGELOG.md").read_text()


def test_every_dependency_is_pinned_for_make() -> None:
    """A dependency without a pin would take whatever is newest, torch with gigabytes of CUDA."""
    import re
    import tomllib

    def name(requirement: str) -> str:
        found = re.match(r"[A-Za-z0-9_.-]+", requirement)
        assert found is not None
        return re.sub(r"[-_.]+", "-", found[0]).lower()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    lines = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()
    pinned = {name(line) for line in lines if "==" in line}
    assert {name(one) for one in wanted} <= pinned
