"""A cohort: mean and spread of people, by hand, and who is in it."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.lab import reference
from bioenv.lab.cohort import MEMBERS, cohort
from bioenv.lab.reference import Curve, Figure, Reference


def _person(name: str, level: float, sd: float = 0.1, **figures: float) -> Reference:
    curve = Curve(np.full(101, level), np.full(101, sd), "rad")
    given = {key: Figure(value, "m/s", "a test") for key, value in figures.items()}
    return Reference(name, {"hip_flexion": curve}, given, f"source of {name}", "MIT", name)


def test_mean_and_spread_are_those_of_the_people() -> None:
    found = cohort([_person("a", 0.1, speed=1.2), _person("b", 0.2, speed=1.4), _person("c", 0.6)])
    curve = found.curve("hip_flexion")
    np.testing.assert_allclose(curve.mean, 0.3)
    np.testing.assert_allclose(curve.sd, np.std([0.1, 0.2, 0.6], ddof=1))  # not the strides' 0.1
    assert found.figure("speed") == pytest.approx(1.3)  # of those who tell it
    assert "a, b, c" in found.people
    assert [one.name for one in found.members] == ["a", "b", "c"]
    assert "source of b" in found.source


def test_a_table_of_many_people_brings_its_own_spread() -> None:
    found = cohort([_person("a", 0.1), _person("winter", 0.12, sd=0.3)])
    np.testing.assert_allclose(found.curve("hip_flexion").sd, 0.3)
    wide = cohort([_person("a", 0.0), _person("winter", 2.0, sd=0.3)])
    np.testing.assert_allclose(wide.curve("hip_flexion").sd, np.std([0.0, 2.0], ddof=1))


def test_the_shipped_cohort_says_who_is_in_it_and_what_only_some_have() -> None:
    found = reference.load("cohort")
    assert tuple(one.name for one in found.members) == MEMBERS
    assert all(name in found.people for name in MEMBERS)
    assert "schwartz2008" not in found.people  # children
    assert np.isnan(found.curve("emg_peroneus_longus").sd).all()  # one person alone
    assert np.isfinite(found.curve("knee_angle_power").sd).all()
    assert any(note.startswith("only of falisse2019: ") for note in found.notes)
    assert 1.2 < (found.figure("speed") or 0) < 1.35
    assert reference.load("cohort") is found  # made once


def test_names_with_commas_make_a_cohort() -> None:
    two = reference.load("winter, falisse2019")
    winter, falisse = reference.load("winter"), reference.load("falisse2019")
    middle = (winter.curve("knee_angle").mean + falisse.curve("knee_angle").mean) / 2
    np.testing.assert_allclose(two.curve("knee_angle").mean, middle)


def test_people_have_the_same_signs() -> None:
    """The frontal plane too: hip adduction in stance, the pelvis, the push of the ground inward."""
    a, b, c = (reference.load(n) for n in ("falisse2019", "rajagopal2016", "uhlrich2022"))
    for name in ("hip_adduction", "pelvis_list", "pelvis_rotation", "lumbar_bending",
                 "grf_lateral", "hip_adduction_moment", "hip_flexion_power",
                 "knee_angle_power", "ankle_angle_power"):  # fmt: skip
        for one, other in ((a, b), (a, c), (b, c)):
            r = np.corrcoef(one.curve(name).mean, other.curve(name).mean)[0, 1]
            assert r > 0.5, (name, one.name, other.name)
    for one in (a, b, c):
        assert one.curve("grf_lateral").mean[10:55].mean() < -0.02  # towards the midline
        assert one.curve("ankle_angle_power").mean.max() > 2  # push-off
        assert 52 <= int(np.argmax(one.curve("ankle_angle_power").mean)) <= 60


def test_mistakes_are_named() -> None:
    with pytest.raises(BioenvError, match="two or more"):
        cohort([_person("a", 0.1)])
    with pytest.raises(BioenvError, match="different people"):
        cohort([_person("a", 0.1), _person("a", 0.1)])
    with pytest.raises(BioenvError, match="winter"):
        reference.load("winter,nobody")
