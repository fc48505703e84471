"""What the commands may overwrite: only files that bioenv wrote itself, and they say so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from bioenv.errors import BioenvError
from bioenv.motion import Motion


def claim(path: Path, force: bool) -> str:
    """Make sure `path` may be written; nothing is made yet. Returns "replaced" or "wrote".

    Raises BioenvError when something stands there that bioenv did not write and `force` is off.
    """
    if path.is_dir():
        raise BioenvError(f"{path} is a folder; give the name of a file")
    if path.exists() and not force and not _ours(path):
        raise BioenvError(
            f"{path} exists and was not written by this command; choose another name, or --force"
        )
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            raise BioenvError(f"{folder} is a file, so {path} cannot be written; choose a folder")
    return "replaced" if path.exists() else "wrote"


def claim_motion(path: Path, force: bool) -> str:
    """`claim` of a motion file, whose name must end in .nc or .npz."""
    if path.suffix not in (".nc", ".npz"):
        raise BioenvError(f"--out must end in .nc or .npz, got {str(path)!r}")
    return claim(path, force)


def claim_report(path: Path, force: bool) -> str:
    """`claim` of a JSON file that says who made it ("made_by": "bioenv")."""
    return claim(path, force or made_by_us(path))


def claim_folder(folder: Path, names: Iterable[str], mark: str, force: bool) -> None:
    """Make sure the files `names` may be written into a folder; nothing is made yet.

    `mark` is a file by which a folder is known to hold an earlier result of the same command: JSON
    with "made_by": "bioenv". Raises BioenvError when something else stands in the way.
    """
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise BioenvError(f"{path} is a file; give a folder for the results")
    standing = [name for name in names if (folder / name).exists()]
    if standing and not force and not made_by_us(folder / mark):
        raise BioenvError(
            f"{folder} holds {', '.join(standing)}, not written by this command; choose another "
            "folder, or --force"
        )


def made_by_us(path: Path) -> bool:
    """Whether a JSON file says that bioenv wrote it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return False
    return isinstance(content, dict) and content.get("made_by") == "bioenv"


def _ours(path: Path) -> bool:
    if path.suffix in (".nc", ".npz"):
        try:
            # A rollout can be made again from its seed, an estimate from its motion; a measured
            # motion cannot.
            return bool({"seed", "estimate_notes"} & Motion.load(path).meta.keys())
        except BioenvError:
            return False
    if path.suffix in (".html", ".htm"):
        with path.open(encoding="utf-8", errors="replace") as file:
            return 'name="generator" content="bioenv' in file.read(2000)
    return _is_scores(path)


def _is_scores(path: Path) -> bool:
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return False
    return isinstance(scores, list) and all(
        isinstance(one, dict) and {"name", "value", "unit"} <= one.keys() for one in scores
    )
