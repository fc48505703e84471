"""Which muscle an electrode listens to: names of channels and of muscles meet in one table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bioenv.errors import BioenvError


class Site(NamedTuple):
    """One place of the skin: names channels carry, and stems of the muscles below it."""

    channels: tuple[str, ...]
    muscles: tuple[str, ...]


# Stems of gait2392, Rajagopal's family and the lumped planar models, without number and side.
SITES: Mapping[str, Site] = MappingProxyType(
    {
        "soleus": Site(("sol", "soleus"), ("soleus",)),
        "gastrocnemius": Site(
            ("gas", "gast", "gastrocnemius"), ("gasmed", "med_gas", "gaslat", "lat_gas", "gastroc")
        ),
        "gastrocnemius_medialis": Site(
            ("gasmed", "medgas", "med_gas", "gm", "gastrocnemius_medialis"),
            ("gasmed", "med_gas", "gastroc"),
        ),
        "gastrocnemius_lateralis": Site(
            ("gaslat", "latgas", "lat_gas", "gl", "gastrocnemius_lateralis"),
            ("gaslat", "lat_gas", "gastroc"),
        ),
        "tibialis_anterior": Site(
            ("ta", "tibant", "tib_ant", "tibialis_anterior"), ("tibant", "tib_ant")
        ),
        "hamstrings_medialis": Site(
            ("mh", "semimem", "semiten", "medial_hamstrings", "hamstrings_medialis"),
            ("semimem", "semiten", "hamstrings"),
        ),
        "hamstrings_lateralis": Site(
            ("bf", "bifeml", "bflh", "bifemlh", "biceps_femoris", "hamstrings_lateralis"),
            ("bflh", "bifemlh", "hamstrings"),
        ),
        "vastus_lateralis": Site(
            ("vl", "vaslat", "vas_lat", "vastus_lateralis"), ("vaslat", "vas_lat", "vasti")
        ),
        "vastus_medialis": Site(
            ("vm", "vasmed", "vas_med", "vastus_medialis", "vastus_medius"),
            ("vasmed", "vas_med", "vasti"),
        ),
        "rectus_femoris": Site(
            ("rf", "recfem", "rect_fem", "rectus_femoris"), ("recfem", "rect_fem")
        ),
        "gluteus_maximus": Site(
            ("gmax", "glmax", "glut_max", "gluteus_maximus"), ("glmax", "glut_max")
        ),
        "gluteus_medius": Site(
            ("gmed", "glmed", "glut_med", "gluteus_medius"), ("glmed", "glut_med")
        ),
        "tensor_fasciae_latae": Site(("tfl", "tensor_fasciae_latae"), ("tfl",)),
        "sartorius": Site(("sar", "sart", "sartorius"), ("sart", "sar")),
        "gracilis": Site(("grac", "gracilis"), ("grac",)),
        "adductor_magnus": Site(
            ("addmag", "add_mag", "adductor_magnus"), ("addmag", "addmagdist", "addmagisch",
            "addmagmid", "addmagprox", "add_mag"),
        ),
        "peroneus_longus": Site(
            ("peronl", "perlong", "per_long", "peroneus_longus"), ("perlong", "per_long")
        ),
    }
)  # fmt: skip

_BY_CHANNEL = {alias: site for site, names in SITES.items() for alias in names.channels}


class Electrode(NamedTuple):
    """A channel, its site, the side ("r" or "l") and the muscles of the model below it."""

    channel: str
    site: str
    side: str
    muscles: tuple[str, ...]


def match(
    channels: Iterable[str], muscles: Sequence[str], side: str | None = None
) -> tuple[tuple[Electrode, ...], tuple[str, ...]]:
    """Electrodes that listen to muscles of the model, and the channels that fit none.

    Args:
        channels: names as in the file ("soleus_l_activation", "GAS", "medgas").
        muscles: names of the model's muscles ("gasmed_l").
        side: leg of the channels whose name says none; such channels fit nothing when None.

    Raises BioenvError for a side other than "r" and "l".
    """
    if side not in (None, "r", "l"):
        raise BioenvError(f"the electrodes' side must be 'r' or 'l', got {side!r}")
    found, other = [], []
    for channel in channels:
        name, own_side = _plain(channel)
        at = own_side or side
        site = _BY_CHANNEL.get(name)
        below = () if site is None or at is None else _below(site, at, muscles)
        if site is None or at is None or not below:
            other.append(channel)
        else:
            found.append(Electrode(channel, site, at, below))
    return tuple(found), tuple(other)


def _plain(channel: str) -> tuple[str, str | None]:
    """A channel's name without decoration, and its side when the name ends or begins with one."""
    name = re.sub(r"(_activation|_emg|_envelope)$", "", channel.strip().lower())
    name = re.sub(r"^emg[_ ]", "", name).replace(" ", "_").replace("-", "_")
    side = "(?P<side>r|l|right|left)"
    for pattern in (
        rf"(?P<name>.+)_{side}",
        rf"{side}_(?P<name>.+)",
        r"(?P<side>[rl])(?P<name>.+)",
    ):
        found = re.fullmatch(pattern, name)
        if found and name not in _BY_CHANNEL and found["name"] in _BY_CHANNEL:
            return found["name"], found["side"][0]
    return name, None


def _below(site: str, side: str, muscles: Sequence[str]) -> tuple[str, ...]:
    stems = SITES[site].muscles
    return tuple(
        muscle
        for muscle in muscles
        if muscle.endswith(f"_{side}") and re.sub(r"\d+$", "", muscle[:-2].lower()) in stems
    )
