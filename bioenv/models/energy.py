"""Metabolic rate of muscles: Bhargava et al. (2004) and Umberger (2003, 2010).

Both give heat plus mechanical work of every muscle in W, batched over any leading axes. Formulas
and constants are those of the published models as implemented in OpenSim 4
(``Bhargava2004MuscleMetabolicsProbe``, ``Umberger2010MuscleMetabolicsProbe``), without smoothing.

- Bhargava LJ, Pandy MG, Anderson FC (2004). A phenomenological model for estimating metabolic
  energy consumption in muscle contraction. J Biomech 37:81-88.
- Umberger BR, Gerritsen KGM, Martin PE (2003). A model of human muscle energy expenditure. Comput
  Methods Biomech Biomed Engin 6:99-111.
- Umberger BR (2010). Stance and swing phase costs in human walking. J R Soc Interface 7:1329-1340.
- Uchida TK, Hicks JL, Dembia CL, Delp SL (2016). Stretching your energetic budget. PLoS One 11(3):
  recruitment and non-negative power.

Work is taken along the tendon (muscle force times muscle-tendon velocity), which a rigid tendon and
constant pennation pass on unchanged. Velocities are negative in shortening.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.models import muscle
from bioenv.models.parameters import MuscleParameters

Array = NDArray[np.float64]

DENSITY = 1059.7
"""kg/m^3, mammalian muscle (Mendez and Keys 1960; OpenSim's and Umberger's value)."""

SPECIFIC_TENSION = 0.25e6
"""Pa, OpenSim's default (Umberger 2003); the literature spans 0.25-0.6 MPa."""

BASAL_RATE = 1.2
"""W per kg of body, standing at rest (Umberger 2003, p. 105; OpenSim's default)."""

MINIMUM_HEAT_RATE = 1.0
"""W per kg of muscle below which no muscle's heat rate falls (Umberger 2003, p. 104)."""

# W/kg: activation and maintenance heat of slow and fast fibers (Bhargava 2004).
_ACTIVATION_SLOW, _ACTIVATION_FAST = 40.0, 133.0
_MAINTENANCE_SLOW, _MAINTENANCE_FAST = 74.0, 111.0
# Shortening heat per velocity: shares of the isometric and of the actual force (Bhargava 2004).
_SHORTENING_ISOMETRIC, _SHORTENING_FORCE, _LENGTHENING_FORCE = 0.16, 0.18, 0.157

# Umberger 2003: W/kg at maximum velocity of slow and fast fibers; slow fibers are 2.5 times slower.
_SLOW_HEAT, _FAST_HEAT, _SLOW_VELOCITY = 100.0, 153.0, 2.5
_AEROBIC = 1.5  # scaling of heat in mostly aerobic work (Umberger 2003)
_TINY = 1e-300
_LENGTHENING = 4.0  # multiple of the slow shortening coefficient (Umberger 2010; 0.3 in 2003)


def muscle_mass(
    max_isometric_force: Array,
    optimal_fiber_length: Array,
    specific_tension: Array | float = SPECIFIC_TENSION,
) -> Array:
    """Muscle mass in kg: ``F0 / specific_tension * L0 * density`` (Umberger 2003, section 2).

    Args:
        max_isometric_force: (..., nm) N, along the fiber.
        optimal_fiber_length: (..., nm) m.
        specific_tension: Pa, scalar or (..., nm).
    """
    return max_isometric_force / specific_tension * optimal_fiber_length * DENSITY


def gross_rate(muscle_rate: Array, body_mass: Array | float) -> Array:
    """Whole-body metabolic rate in W: the muscles' (..., nm) W and ``BASAL_RATE`` per kg of body.

    Args:
        muscle_rate: (..., nm) W, of :func:`bhargava2004` or :func:`umberger2010`.
        body_mass: kg, scalar or (...).
    """
    return muscle_rate.sum(axis=-1) + BASAL_RATE * np.asarray(body_mass)


class _Heat(NamedTuple):
    """Per-muscle coefficients of both models, W or N, shaped for the batch."""

    activation_slow: Array
    activation_fast: Array
    maintenance_slow: Array
    maintenance_fast: Array
    isometric: Array
    minimum: Array
    slow: Array  # share of slow fibers
    fast: Array
    aerobic: Array  # W per W/kg
    speed: Array  # shortening in maximum velocities per m/s of the muscle


@lru_cache(maxsize=32)
def _heat(p: MuscleParameters, like: tuple[int, ...]) -> _Heat:
    slow, fast = p.mass * (1.0 - p.fast_fiber_ratio), p.mass * p.fast_fiber_ratio
    rows = _Heat(
        activation_slow=_ACTIVATION_SLOW * slow,
        activation_fast=_ACTIVATION_FAST * fast,
        maintenance_slow=_MAINTENANCE_SLOW * slow,
        maintenance_fast=_MAINTENANCE_FAST * fast,
        isometric=_SHORTENING_ISOMETRIC * p.element_force,
        minimum=MINIMUM_HEAT_RATE * p.mass,
        slow=1.0 - p.fast_fiber_ratio,
        fast=p.fast_fiber_ratio,
        aerobic=_AEROBIC * p.mass,
        speed=-1.0 / (p.element_length * p.max_velocity),
    )
    return _Heat(*(muscle.tiled(row, like) for row in rows))


def _recruitment(excitation: Array) -> tuple[Array, Array]:
    """Slow and fast excitation, sin(u pi/2) and 1 - cos(u pi/2): slow fibers come first."""
    s = np.sin(excitation * (np.pi / 4))
    # sin 2x = 2 s c and 1 - cos 2x = 2 s^2: one transcendental call for both, without cancellation.
    square = s * s
    return 2.0 * s * np.sqrt(1.0 - square), 2.0 * square


def bhargava2004(
    excitation: Array,
    activation: Array,
    muscle_length: Array,
    muscle_velocity: Array,
    muscle_force: Array,
    params: MuscleParameters,
) -> Array:
    """Metabolic rate of every muscle in W, by Bhargava, Pandy and Anderson (2004).

    Activation heat + maintenance heat (by fiber length) + shortening or lengthening heat + work of
    the contractile element, negative when it lengthens. The heat is raised where needed so that it
    is at least 1 W/kg of muscle and the total is not negative (Uchida et al. 2016; OpenSim's
    default). The activation heat's decay function is 1 (Anderson and Pandy 1999, as in OpenSim).
    The shortening heat depends on force as in the paper (OpenSim's
    ``use_force_dependent_shortening_prop_constant``).

    Args:
        excitation, activation: (..., nm), 0..1.
        muscle_length: (..., nm) m, muscle-tendon length.
        muscle_velocity: (..., nm) m/s, lengthening positive.
        muscle_force: (..., nm) N along the tendon, pull positive, passive force included.
        params: the muscles.

    Returns:
        (..., nm) W, >= 0. Without the basal rate; see :func:`gross_rate`.
    """
    h = _heat(params, np.shape(muscle_length))
    slow, fast = _recruitment(excitation)
    length = muscle.fiber_length(muscle_length, params)
    # Maintenance: 1/2 up to L0/2, 1 at L0, 0 from 1.5 L0 on.
    share = np.maximum(length, 0.5)
    np.minimum(share, 3.0 - 2.0 * length, out=share)
    np.maximum(share, 0.0, out=share)
    heat = slow * (h.activation_slow + h.maintenance_slow * share)
    heat += fast * (h.activation_fast + h.maintenance_fast * share)
    # Force times share of it that becomes heat, as the muscle shortens and as it lengthens.
    shorten = muscle.active_force_length(length, params)
    shorten *= activation
    shorten *= h.isometric
    shorten += _SHORTENING_FORCE * muscle_force
    heat -= np.minimum(muscle_velocity, 0.0) * shorten
    heat -= np.maximum(muscle_velocity, 0.0) * (_LENGTHENING_FORCE * muscle_force)
    work = muscle.passive_force(muscle_length, params)
    work -= muscle_force
    work *= muscle_velocity
    return _not_negative(heat, work, h.minimum)


def _not_negative(heat: Array, work: Array, minimum: Array) -> Array:
    """Heat + work, the heat raised to its minimum and to at least what the work absorbs."""
    np.maximum(heat, minimum, out=heat)
    heat += work
    return np.maximum(heat, 0.0, out=heat)


def umberger2010(
    excitation: Array,
    activation: Array,
    muscle_length: Array,
    muscle_velocity: Array,
    muscle_force: Array,
    params: MuscleParameters,
) -> Array:
    """Metabolic rate of every muscle in W, by Umberger et al. (2003) as revised in Umberger (2010).

    Activation and maintenance heat + shortening or lengthening heat + work of the contractile
    element, negative work included with the lengthening coefficient of 2010 (4.0 instead of 0.3).
    Heat is scaled by 1.5 for aerobic work; the share of slow fibers follows the excitation (Uchida
    et al. 2016). The heat is raised where needed so that it is at least 1 W/kg of muscle and the
    total is not negative. All of this is OpenSim's default.

    Args and Returns as :func:`bhargava2004`.
    """
    h = _heat(params, np.shape(muscle_length))
    slow, fast = _recruitment(excitation)
    slow *= h.slow
    fast *= h.fast
    slow += fast
    fast_share = np.divide(fast, np.maximum(slow, _TINY), out=fast)  # 0 at no excitation
    length = muscle.fiber_length(muscle_length, params)
    # Beyond the optimal length heat falls with the active force.
    plateau = muscle.active_force_length(np.maximum(length, 1.0), params)
    drive = 0.5 * (excitation + activation)
    np.maximum(drive, excitation, out=drive)

    heat = np.power(drive, 0.6)
    heat *= 25.0 + 128.0 * fast_share
    heat *= 0.4 + 0.6 * plateau
    plateau *= _shortening(drive, fast_share, h.speed * muscle_velocity)
    heat += plateau
    heat *= h.aerobic
    active = muscle_force - muscle.passive_force(muscle_length, params)
    np.maximum(active, 0.0, out=active)
    active *= muscle_velocity
    return _not_negative(heat, np.negative(active, out=active), h.minimum)


def _shortening(drive: Array, fast_share: Array, speed: Array) -> Array:
    """Heat of Umberger's model before its scaling, W/kg; speed in vmax, shortening positive."""
    slow_heat = _SLOW_HEAT * _SLOW_VELOCITY
    shortening = np.maximum(speed, 0.0)
    slow = np.minimum(slow_heat * shortening, _SLOW_HEAT)
    shortening *= _FAST_HEAT
    shortening -= slow
    shortening *= fast_share
    shortening += slow
    shortening *= drive
    shortening -= (_LENGTHENING * slow_heat) * np.minimum(speed, 0.0)
    shortening *= drive
    return shortening
