"""Interventions as text, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.learn.causal import Body, Do
from bioenv.learn.causal.do import select


@pytest.mark.parametrize("text", [
    "strength.biceps=1.2", "excitation.flexors+=0.1@0.4:0.45", "load+=0.5", "load*=2@0.1:",
    "push.z=-20@:0.5",
])  # fmt: skip
def test_text_and_back(text: str) -> None:
    assert Do.parse(text).text == text


def test_less_is_a_negative_more() -> None:
    assert Do.parse("load-=0.5") == Do("load", value=-0.5, how="+=")
    x = np.array([[1.0, 2.0]])
    np.testing.assert_allclose(Do.parse("load-=0.5").apply(x), x - 0.5)
    np.testing.assert_allclose(Do.parse("load*=0.5").apply(x), 0.5 * x)
    np.testing.assert_allclose(Do.parse("load=3").apply(x), 3.0)


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    time = 0.1 * np.arange(11)
    np.testing.assert_array_equal(Do.parse("load=1@0.3:0.6").steps(time), [3, 4, 5])


def test_names_are_found() -> None:
    muscles = Body("elbow").model.muscles
    assert [muscles[i] for i in select(muscles, "biceps", "muscle")] == ["BIClong", "BICshort"]
    assert list(select(("elbow_flexion",), "elbow", "coordinate")) == [0]
    assert list(select(("soleus_r", "tib_ant_r", "soleus_l"), "soleus", "muscle")) == [0, 2]
    assert len(select(muscles, "", "muscle")) == 6


@pytest.mark.parametrize(("text", "message"), [
    ("strenght.biceps=1", "unknown node to intervene on 'strenght'; did you mean 'strength'"),
    ("strength.biceps", "cannot read the intervention"),
    ("load=heavy", "could not convert"),
    ("load=nan", "lies between 0 and 100 kg"),
    ("excitation.BRA=1.5", "lies between 0 and 1"),
    ("strength*=-1", "lies between 0"),
    ("load=1@0.5:0.2", "must begin before it ends"),
])  # fmt: skip
def test_bad_text(text: str, message: str) -> None:
    with pytest.raises(BioenvError, match=message):
        Do.parse(text)
