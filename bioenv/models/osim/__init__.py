"""OpenSim model files (.osim): read exactly, for inverse analysis, or converted to MuJoCo.

    from bioenv.models import osim
    anatomy = osim.load("subject01.osim")        # exact joints, paths and muscles
    osim.convert("subject01.osim", "subject01")  # model.xml for every environment

Nothing of OpenSim itself is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.models.osim.anatomy import OsimAnatomy, load
    from bioenv.models.osim.convert_model import convert
    from bioenv.models.osim.convert_report import ConversionReport
    from bioenv.models.osim.description import Description
    from bioenv.models.osim.parse_model import parse
    from bioenv.models.osim.scale_model import scale

__all__ = ["ConversionReport", "Description", "OsimAnatomy", "convert", "load", "parse", "scale"]

# No module is called like a function of the package: the import of the one would hide the other.
_HOME = {
    "ConversionReport": "convert_report",
    "Description": "description",
    "OsimAnatomy": "anatomy",
    "convert": "convert_model",
    "load": "anatomy",
    "parse": "parse_model",
    "scale": "scale_model",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
