"""Where the data lies: beside the package in a checkout, inside the package in a wheel.

Real paths, not importlib resources: MuJoCo models refer to sibling files by name.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


def _data_dir(in_checkout: str, in_wheel: str) -> Path:
    inside = _PACKAGE / in_wheel
    return inside if inside.is_dir() else _CHECKOUT / in_checkout


def asset(*parts: str) -> Path:
    """Path of a file or folder under assets/, for instance `asset("walker2d", "model.xml")`.

    It is not checked for existence: the caller knows which names are valid and says so.
    """
    return _data_dir("assets", "assets").joinpath(*parts)


def agent_file(*parts: str) -> Path:
    """Path of a file or folder under agents/, for instance `agent_file("recipes")`."""
    # In the wheel it is called library: bioenv/agents is the import package.
    return _data_dir("agents", "library").joinpath(*parts)


def lab_data() -> Path | None:
    """Folder of the measured data sets, or None when there is none.

    The environment variable BIOENV_LAB_DATA names it; without the variable it is
    ../shared/data beside the checkout.
    """
    named = os.environ.get("BIOENV_LAB_DATA")
    folder = Path(named) if named else _CHECKOUT.parent / "shared" / "data"
    return folder if folder.is_dir() else None
