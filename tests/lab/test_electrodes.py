"""Names of EMG channels and of muscles meet; what fits nothing is said."""

from __future__ import annotations

import pytest

from bioenv.errors import BioenvError
from bioenv.lab.electrodes import SITES, match

RAJAGOPAL = (
    "gasmed_l", "gaslat_l", "soleus_l", "vaslat_l", "glmax1_l", "glmax2_l", "glmax3_l", "bflh_l",
    "gasmed_r", "gaslat_r", "soleus_r", "recfem_r", "semimem_r", "semiten_r", "sart_r",
)  # fmt: skip


def test_a_side_in_the_name_is_taken_from_it() -> None:
    found, other = match(["soleus_l_activation", "R_GAS", "emg_soleus_r"], RAJAGOPAL)
    assert [(e.site, e.side, e.muscles) for e in found] == [
        ("soleus", "l", ("soleus_l",)),
        ("gastrocnemius", "r", ("gasmed_r", "gaslat_r")),
        ("soleus", "r", ("soleus_r",)),
    ]
    assert other == ()


def test_a_name_without_a_side_needs_one() -> None:
    assert match(["SOL"], RAJAGOPAL) == ((), ("SOL",))
    (electrode,), other = match(["SOL", "NOISE"], RAJAGOPAL, "r")
    assert electrode.muscles == ("soleus_r",)
    assert other == ("NOISE",)


def test_numbered_heads_lie_below_one_electrode() -> None:
    (electrode,), _ = match(["gluteus_maximus"], RAJAGOPAL, "l")
    assert electrode.muscles == ("glmax1_l", "glmax2_l", "glmax3_l")


def test_a_lumped_muscle_answers_to_each_of_its_electrodes() -> None:
    planar = ("hamstrings_r", "vasti_r", "gastroc_r")
    found, _ = match(["mh", "bf", "vl", "vm", "gas"], planar, "r")
    assert [e.muscles for e in found] == [
        ("hamstrings_r",), ("hamstrings_r",), ("vasti_r",), ("vasti_r",), ("gastroc_r",),
    ]  # fmt: skip


def test_no_channel_name_means_two_sites() -> None:
    names = [alias for site in SITES.values() for alias in site.channels]
    assert len(names) == len(set(names))


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(BioenvError, match="'r' or 'l', got 'left'"):
        match(["SOL"], RAJAGOPAL, "left")


@pytest.mark.parametrize(
    ("channel", "site", "side"),
    [
        ("R_SOL", "soleus", "r"), ("Left Tibialis Anterior", "tibialis_anterior", "l"),
        ("LTA", "tibialis_anterior", "l"), ("RRF", "rectus_femoris", "r"),
        ("sol_right", "soleus", "r"),
    ],
)  # fmt: skip
def test_a_side_is_read_from_letter_or_word(channel, site, side):
    muscles = ("soleus_r", "soleus_l", "tib_ant_r", "tib_ant_l", "rect_fem_r", "rect_fem_l")
    found, _ = match([channel], muscles)
    assert [(one.site, one.side) for one in found] == [(site, side)]


def test_a_name_that_begins_like_a_side_is_a_muscle_first():
    found, other = match(["rf", "lat_gas"], ("rect_fem_l", "lat_gas_l"), "l")
    assert [one.site for one in found] == ["rectus_femoris", "gastrocnemius_lateralis"]
    assert other == ()
