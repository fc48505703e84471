"""GaitPINN: a stride of a lab trial as a network of time that obeys the equation of motion.

    from bioenv.learn.gait import GaitPINN
    pinn = GaitPINN().fit(anatomy, measured)      # bioenv.inverse.measured.Measured
    pinn.status_, pinn.torque_, pinn.activation_, pinn.losses_

The coordinates are sums of features of time (:mod:`bioenv.learn.gait_basis`); velocities and
accelerations are exact. Measured markers or coordinates, plates with their own noise, the full
equation of motion at collocation nodes, smooth joint torques and, where no plate stood, contact
constraints make one posterior (:mod:`bioenv.learn.gait_problem`), whose maximum Gauss-Newton finds.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import Analysis, GroundContact, Kinematics, Settings
from bioenv.inverse.ground import LEGS
from bioenv.inverse.measured import Measured
from bioenv.learn.fit import Status
from bioenv.learn.gait_body import GaitBody
from bioenv.learn.gait_data import Term, term_of
from bioenv.learn.gait_ground import GroundSettings, measured_loads
from bioenv.learn.gait_mass import mass_groups, with_masses
from bioenv.learn.gait_problem import GaitProblem
from bioenv.learn.gait_result import (
    contacts_of,
    root_residual,
    too_large,
    torque_misfit,
    with_muscles,
    with_torques,
)
from bioenv.learn.gait_setup import (
    Setup,
    between_nodes,
    check_settings,
    plates_at,
    set_up,
    start_of,
)
from bioenv.learn.gait_solver import Solution, solve
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]

PER_WAVE = 5  # collocation nodes; with 4, torques of a landing are off by a quarter


class GaitPINN:
    """Physics-informed network of a movement on the ground.

    Args:
        highest: Hz, fastest wave among the features, force_highest: among those of unknown forces;
            hidden: tanh units beside them.
        collocation: nodes per s at which the equation of motion counts; None: five in each of the
            fastest waves. With fewer, fast waves can hide from it.
        periodic: the window is a stride that repeats; None: as its first and last frame say.
        marker_noise: m along each axis; angle_noise rad and position_noise m of coordinates at up
            to 100 frames per s. force_noise N and pressure_noise m of plates, and root_noise N and
            N*m by which the equation may fail at the root: at 100 nodes per s.
        friction: coefficient of unknown forces.
        torque_time: s over which joint torques change (:mod:`bioenv.learn.gait_torque`).
        physics_weight: 1; other numbers weigh the physics against the data, 0 leaves it out.
        masses: None: the model's; or the deviation of a prior on the relative change of each
            segment's mass, which is then found.
        muscles: share the torques among muscles.
        iterations: of Gauss-Newton at most. seed: of the tanh units and of sampled deviations.

    Attributes after `fit` (T frames of the window, n coordinates, k of them fitted):
        time_ (T,) s; q_, qd_, qdd_ (T, n); torque_ (T, n) N or N*m; fitted_ (k) names and
        torque_deviation_ (T, k), standard deviations of their torques.
        contacts_: the ground's force on each foot (:class:`~bioenv.inverse.analysis.
        GroundContact`); belt_speed_ m/s; unmeasured_: feet with a step that no plate measured.
        activation_ (T, m) in [0, 1] or None; torque_misfit_: N*m by coordinate, what they leave.
        mass_, mass_interval_: kg by segment (of one side), and 95 % intervals, when found.
        status_, message_; losses_: half squared residuals by term, in units of their noise;
        residual_: root mean squares in m, rad, N, N*m: of the data; of the root (force_rms,
        moment_rms); of what the root lacks because the ground's force is faster than the features
        (fast_..., which no status judges). history_; seconds_; notes_.
        analysis_: all of it as an inverse analysis.
    """

    def __init__(
        self,
        *,
        highest: float = 20.0,
        force_highest: float = 12.0,
        hidden: int = 0,
        collocation: float | None = None,
        periodic: bool | None = None,
        marker_noise: float = 2e-3,
        angle_noise: float = 0.01,
        position_noise: float = 3e-3,
        force_noise: float = 5.0,
        pressure_noise: float = 3e-3,
        friction: float = 0.8,
        root_noise: tuple[float, float] = (2.0, 1.0),
        torque_time: float = 0.1,
        physics_weight: float = 1.0,
        masses: float | None = None,
        muscles: bool = True,
        iterations: int = 20,
        seed: int = 0,
    ) -> None:
        self.highest, self.force_highest = highest, force_highest
        self.hidden, self.collocation = hidden, collocation
        self.periodic, self.friction = periodic, friction
        self.marker_noise, self.angle_noise = marker_noise, angle_noise
        self.position_noise, self.force_noise = position_noise, force_noise
        self.pressure_noise, self.root_noise = pressure_noise, root_noise
        self.torque_time, self.physics_weight = torque_time, physics_weight
        self.masses, self.muscles = masses, muscles
        self.iterations, self.seed = iterations, seed
        check_settings(self.settings())

    def fit(
        self,
        anatomy: Anatomy,
        measured: Measured,
        *,
        start: float | None = None,
        stop: float | None = None,
        progress: Progress | None = None,
    ) -> GaitPINN:
        """Fit the frames from start to stop, s (the whole trial when None).

        Args:
            anatomy: the body. measured: markers or coordinates (NaN where unseen) and plates; a
                foot without a plate, or a step beside it, gets a force that is found.
            progress: called with the number of each iteration and how many there may be.

        Raises BioenvError for data that do not fit the body, unsorted or infinite samples, windows
        of fewer than 8 frames or more than 6 s, and unknown forces of a body without feet.
        """
        begin = clock.perf_counter()
        term = term_of(
            anatomy, measured, (start, stop), marker_noise=self.marker_noise,
            angle_noise=self.angle_noise, position_noise=self.position_noise,
        )  # fmt: skip
        body = GaitBody(anatomy, term.free)
        setup = self._set_up(body, term)
        first = start_of(setup, term)
        contacts, said = plates_at(body, setup.nodes, setup.at_nodes.value @ first, measured.plates)
        self.segments_, groups = mass_groups(anatomy)
        if self.masses is None:
            self.segments_, groups = (), groups[:0]
        elif not contacts:
            raise BioenvError(
                "masses are found from measured ground forces, and there are none: give plates "
                "(--forces) or leave masses as they are"
            )
        problem = self._problem(body, term, setup, contacts, groups)
        noise = np.where(body.rotational, self.root_noise[1], self.root_noise[0])
        found = solve(problem, first, noise, self.iterations, progress)
        self._keep(problem, found, measured, setup)
        notes = [*measured.notes, *term.notes, *said, *self._said(found, setup)]
        self.notes_ = tuple(dict.fromkeys(notes))
        self.seconds_ = clock.perf_counter() - begin
        return self

    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}

    def _set_up(self, body: GaitBody, term: Term) -> Setup:
        return set_up(
            body, term, highest=self.highest, force_highest=self.force_highest, hidden=self.hidden,
            collocation=self.collocation or PER_WAVE * self.highest, periodic=self.periodic,
            torque_time=self.torque_time, seed=self.seed,
        )  # fmt: skip

    def _problem(
        self,
        body: GaitBody,
        term: Term,
        setup: Setup,
        contacts: Sequence[GroundContact],
        groups: Array,
    ) -> GaitProblem:
        ground = GroundSettings(self.force_noise, self.pressure_noise, self.friction)
        return GaitProblem(
            body, term, setup.at_data, setup.at_nodes, setup.nodes, contacts,
            setup.forces(setup.nodes), setup.tests, ground, groups, self.masses or 1.0,
            self.physics_weight, setup.shut, setup.period,
        )  # fmt: skip

    def _keep(
        self, problem: GaitProblem, found: Solution, measured: Measured, setup: Setup
    ) -> None:
        body, term = problem.body, problem.term
        self.time_, self.fitted_ = term.time, body.names
        self.history_ = found.history
        z, v, a = (part @ found.state.c for part in problem.at_data)
        self.q_, self.qd_, self.qdd_ = body.coordinates(z, v, a)
        self.contacts_ = self._contacts(problem, found, z, measured, setup)
        self.belt_speed_ = found.ground.belt
        soles = len(found.ground.sides) - len(found.ground.channels.push)
        self.unmeasured_ = tuple(dict.fromkeys(found.ground.sides[soles:]))
        self._weigh(body.anatomy, problem, found)
        analysis = Analysis(
            measured.name, self.anatomy_, Settings(), self._kinematics(measured),
            contacts=self.contacts_, belt_speed=self.belt_speed_,
        )  # fmt: skip
        self.analysis_, fast = with_torques(analysis, problem.at_data.value)
        assert self.analysis_.torque is not None
        self.torque_ = self.analysis_.torque
        self.activation_: Array | None = None
        if self.muscles and body.anatomy.muscles:
            self.analysis_ = with_muscles(self.analysis_, Settings())
            assert self.analysis_.sharing is not None
            self.activation_ = self.analysis_.sharing.activation
        self.torque_misfit_ = torque_misfit(self.analysis_)
        deviation = found.sampled_deviation(
            problem.sensitivity(found.state, found.ground), self.seed
        )
        self.torque_deviation_ = np.column_stack(
            [np.interp(self.time_, problem.nodes, row, period=problem.period) for row in deviation]
        )
        self.residual_ = {**term.residual(z), **root_residual(body.anatomy, self.torque_)}
        left = root_residual(body.anatomy, fast)
        self.residual_ |= {f"fast_{name}": value for name, value in left.items()}
        self.losses_ = problem.losses(found.state, found.ground, found.noise)
        self.torque_noise_ = dict(zip(body.names, map(float, found.noise.row), strict=True))
        self._judge(found)

    def _contacts(
        self, problem: GaitProblem, found: Solution, z: Array, measured: Measured, setup: Setup
    ) -> tuple[GroundContact, ...]:
        """The ground's force at the measured frames."""
        body = problem.body
        plates, _ = plates_at(body, self.time_, z, measured.plates)
        owners = [[(c.name, c.body) for c in many] for many in (plates, problem.contacts)]
        if owners[0] != owners[1]:
            # A plate that both feet touch may be divided otherwise at other instants.
            plates = between_nodes(problem.contacts, problem.nodes, self.time_)
        loads, _ = measured_loads(body, plates)
        ground = found.ground.at(
            problem.nodes, self.time_, loads, setup.forces(self.time_), problem.period
        )
        acting = ground.loaded(found.state.w)
        if not acting:
            return ()
        names = [body.anatomy.mj.body(i).name for i in range(body.anatomy.mj.nbody)]
        return contacts_of(acting, body.points(z, acting), names, plates)

    def _weigh(self, anatomy: Anatomy, problem: GaitProblem, found: Solution) -> None:
        """Masses found, kg, with their intervals; the anatomy that has them."""
        self.anatomy_, self.mass_, self.mass_interval_ = anatomy, {}, {}
        scale = problem.scale(found.state.m)
        if scale is None:
            return
        self.anatomy_ = with_masses(anatomy, scale)
        slope = np.zeros((len(scale := found.state.m), len(found.state.flat())))
        slope[:, -len(scale) :] = np.eye(len(scale))
        deviation = found.deviation(slope)
        own = np.array([anatomy.mj.body_mass[row > 0].max() for row in problem.groups])
        for name, kg, change, half in zip(
            self.segments_, own, scale, 1.96 * deviation, strict=True
        ):
            self.mass_[name] = float(kg * (1 + change))
            self.mass_interval_[name] = (
                float(kg * (1 + change - half)), float(kg * (1 + change + half)),
            )  # fmt: skip

    def _kinematics(self, measured: Measured) -> Kinematics:
        """What was fitted, beside the markers that were measured."""
        moved = Kinematics(self.time_, self.q_, self.qd_, self.qdd_, self.time_, self.q_)
        if measured.markers is None:
            return moved
        seen = measured.markers.between(float(self.time_[0]), float(self.time_[-1]))
        return replace(moved, marker_names=seen.names, markers=seen.positions)

    def _judge(self, found: Solution) -> None:
        """Status and message: a fit that ends with a large residual says so."""
        self.status_, self.message_ = found.status, found.message
        finite = np.isfinite(self.torque_).all() and np.isfinite(self.qdd_).all()
        large = too_large(self.residual_, self.anatomy_)
        if not finite:
            self.status_, self.message_ = Status.DIVERGED, "torques are not finite"
        elif found.status is Status.CONVERGED and large:
            self.status_ = Status.LARGE_RESIDUAL
            self.message_ = f"residual too large: {', '.join(large)}"

    def _said(self, found: Solution, setup: Setup) -> list[str]:
        notes = []
        if setup.period is not None:
            notes.append(f"the window repeats: periodic with {setup.period:.4g} s")
        if self.unmeasured_:
            legs = " and ".join(LEGS[side] for side in self.unmeasured_)
            notes.append(f"steps of the {legs} foot that no plate measured: their force was found")
        return notes
