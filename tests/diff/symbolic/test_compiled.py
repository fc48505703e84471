"""Compiled C and CasADi's own machine give the same numbers, to the last bit."""

from __future__ import annotations

from pathlib import Path

import casadi as ca
import numpy as np
import pytest

from bioenv.diff.symbolic import compiled
from bioenv.errors import BioenvError

needs_compiler = pytest.mark.skipif(compiled.compiler() is None, reason="no C compiler here")


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled code of the tests goes into a folder of their own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield  # type: ignore[misc]
    patch.undo()


def everything() -> ca.Function:
    """A function of every operation that models use, and of ones that they may come to use."""
    x, y = ca.SX.sym("x", 3), ca.SX.sym("y")
    a, b = x[0], x[1]
    one = [ca.sin, ca.cos, ca.tan, ca.asin, ca.acos, ca.atan, ca.sinh, ca.cosh, ca.tanh, ca.exp,
           ca.log, ca.sqrt, ca.fabs, ca.floor, ca.ceil, ca.sign, lambda v: v * v]  # fmt: skip
    two = [ca.atan2, ca.fmin, ca.fmax, ca.fmod, ca.power, ca.lt, ca.le, ca.eq, ca.ne]
    logic = [ca.logic_and(a < y, b < y), ca.logic_or(a < y, b < y), ca.logic_not(a < b)]
    parts = [f(a) for f in one] + [f(a, b) for f in two] + [f(b, b * y) for f in two] + logic
    parts += [ca.if_else(a < b, a, y), a**3.5, 1 / a, 2 * a, -a, a - b, a / b, a * b + y]
    return ca.Function("everything", [x, y, ca.SX(0, 1)], [ca.vertcat(*parts), ca.SX(0, 1), a])


@needs_compiler
@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_every_operation(count: int) -> None:
    one = everything()
    rng = np.random.default_rng(count)
    x, y = rng.uniform(0.05, 0.95, (3, count)), rng.uniform(0.05, 0.95, (1, count))
    x[1, ::5] = x[0, ::5]
    fast = compiled.mapped(one, count, least=0)
    assert fast is not None
    found, wanted = (f(x, y, ca.DM(0, count)) for f in (fast, one.map(count)))
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape
        assert np.array_equal(np.asarray(a), np.asarray(b))


def test_what_is_not_worthwhile_or_not_known_is_left_to_casadi() -> None:
    one = everything()
    assert compiled.mapped(one, 10) is None
    x = ca.SX.sym("x")
    assert compiled.mapped(ca.Function("f", [x], [ca.erf(x)]), 10, least=0) is None
    sparse = ca.Function("f", [x], [ca.SX(ca.Sparsity.diag(2), x)])
    assert compiled.mapped(sparse, 10, least=0) is None


@needs_compiler
def test_code_is_compiled_once_and_into_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = compiled.library()
    assert made.parent == tmp_path / "bioenv"
    before = made.stat().st_mtime_ns
    assert compiled.library() == made
    assert made.stat().st_mtime_ns == before
    assert [p.name for p in made.parent.iterdir()] == [made.name]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert compiled.cache_folder() == tmp_path / "home" / ".cache" / "bioenv"


def test_without_a_compiler_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    assert compiled.compiler() is None
    with pytest.raises(BioenvError, match="no C compiler"):
        compiled.library()


@needs_compiler
def test_a_compiler_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiled, "_FLAGS", ("--no-such-flag",))
    with pytest.raises(BioenvError, match=r"could not compile lanes\.c.*no-such-flag"):
        compiled.library()
    assert not list((tmp_path / "bioenv").iterdir())
