"""Packages whose names load their modules when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    package: str, home: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__``: `import bioenv` must not load MuJoCo or torch.

    home: public name -> module of the package, or "module:name" where it has another name there.
    Unknown names raise AttributeError, as Python wants.
    """

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, other = home[name].partition(":")
        return getattr(import_module(f"{package}.{module}"), other or name)

    return get, lambda: sorted(home)
