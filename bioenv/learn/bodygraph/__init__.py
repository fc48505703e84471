"""Graph networks of the body: segments are nodes, joints and ground contacts are edges.

One network over bodies of different size and structure, blind to how the world lies: inverse
dynamics (`WrenchNetwork`: motion and ground forces -> joint torques) and next states
(`ArticulatedNetwork`: torques and ground forces -> accelerations), as an ensemble with a band and a
flag (`BodyGraph`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.learn.bodygraph.articulated import ArticulatedNetwork
    from bioenv.learn.bodygraph.dataset import Collection, collect, draw_states, spreads
    from bioenv.learn.bodygraph.estimator import BodyGraph, Found
    from bioenv.learn.bodygraph.features import graphs_of
    from bioenv.learn.bodygraph.following import Following, next_states
    from bioenv.learn.bodygraph.generic import GenericNetwork
    from bioenv.learn.bodygraph.graphs import Graphs
    from bioenv.learn.bodygraph.judging import held_out, judge
    from bioenv.learn.bodygraph.motions import estimate_torques
    from bioenv.learn.bodygraph.plain import PlainNetwork
    from bioenv.learn.bodygraph.population import Bodies
    from bioenv.learn.bodygraph.skeleton import Skeleton
    from bioenv.learn.bodygraph.states import States, around_gait
    from bioenv.learn.bodygraph.wrench import WrenchNetwork

_HOME = {
    "ArticulatedNetwork": "articulated",
    "Bodies": "population",
    "BodyGraph": "estimator",
    "Collection": "dataset",
    "Following": "following",
    "Found": "estimator",
    "GenericNetwork": "generic",
    "Graphs": "graphs",
    "PlainNetwork": "plain",
    "Skeleton": "skeleton",
    "States": "states",
    "WrenchNetwork": "wrench",
    "around_gait": "states",
    "collect": "dataset",
    "draw_states": "dataset",
    "estimate_torques": "motions",
    "graphs_of": "features",
    "held_out": "judging",
    "judge": "judging",
    "next_states": "following",
    "spreads": "dataset",
}

__all__ = [
    "ArticulatedNetwork",
    "Bodies",
    "BodyGraph",
    "Collection",
    "Following",
    "Found",
    "GenericNetwork",
    "Graphs",
    "PlainNetwork",
    "Skeleton",
    "States",
    "WrenchNetwork",
    "around_gait",
    "collect",
    "draw_states",
    "estimate_torques",
    "graphs_of",
    "held_out",
    "judge",
    "next_states",
    "spreads",
]

__getattr__, __dir__ = lazy(__name__, _HOME)
