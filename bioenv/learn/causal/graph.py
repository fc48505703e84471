"""The causal graph of a controlled body: u -> a -> F -> tau -> qacc -> qvel -> qpos -> u, unrolled.

A node is a channel of a body (all muscles, all coordinates) at one step, "qpos@12", or a constant
of the whole trial, "strength". Unrolled in time the feedback loop has no cycle: the reflex at a
step listens to an earlier step. Then the rules of directed acyclic graphs hold, and questions about
paths are networkx's to answer (Pearl 2009, Causality, 2nd ed., chapters 1 and 3; for time series
Peters, Janzing and Schölkopf 2017, Elements of Causal Inference, chapter 10).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bioenv.errors import BioenvError, unknown

if TYPE_CHECKING:
    import networkx as nx

STATES = ("excitation", "activation", "force", "torque", "qacc", "qvel", "qpos")
"""Channels with a value at every step, in the order of cause and effect within one."""
INPUTS = ("strength", "load", "push", "assistance", "target")
"""What a trial is given."""


class Edge(NamedTuple):
    """An arrow of the summary graph: the cause `lag` steps ago acts on the effect now.

    `held`: before the first step the cause stood still, so its first value acts until `lag`.
    """

    cause: str
    effect: str
    lag: int = 0
    held: bool = False


_MECHANICS = (
    Edge("excitation", "activation", 1), Edge("activation", "activation", 1),
    Edge("activation", "force"), Edge("qpos", "force"), Edge("qvel", "force"),
    Edge("strength", "force"),
    Edge("force", "torque"), Edge("qpos", "torque"), Edge("assistance", "torque"),
    Edge("torque", "qacc"), Edge("qpos", "qacc"), Edge("qvel", "qacc"), Edge("load", "qacc"),
    Edge("push", "qacc"),
    Edge("qacc", "qvel", 1), Edge("qvel", "qvel", 1), Edge("qvel", "qpos"), Edge("qpos", "qpos", 1),
)  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """A summary graph with lags.

    Args:
        edges: arrows. A node is constant over a trial when it is in `constant`.
        constant: names of constants.

    Raises BioenvError for a node that is neither a channel (`STATES`) nor a constant, an arrow into
    a constant from a channel, and for arrows that close a cycle within one step.
    """

    edges: tuple[Edge, ...]
    constant: tuple[str, ...] = field(default=INPUTS)

    def __post_init__(self) -> None:
        import networkx as nx

        for edge in self.edges:
            for name in edge[:2]:
                if name not in STATES and name not in self.constant:
                    raise unknown("node", name, (*STATES, *self.constant))
            if edge.effect in self.constant and edge.cause not in self.constant:
                raise BioenvError(
                    f"{edge.effect} is a constant of the trial, {edge.cause} is not; "
                    "an effect cannot precede its cause"
                )
        now = nx.DiGraph(edge[:2] for edge in self.edges if edge.lag == 0)
        if not nx.is_directed_acyclic_graph(now):
            cycle = " -> ".join(a for a, _ in nx.find_cycle(now))
            raise BioenvError(f"arrows without lag close a cycle: {cycle}; one of them needs a lag")

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the summary graph, constants first."""
        used = {name for edge in self.edges for name in edge[:2]}
        return tuple(name for name in (*self.constant, *STATES) if name in used)

    def parents(self, name: str) -> tuple[str, ...]:
        """Causes of a node with their lags: ("excitation@-1", "activation@-1"), or constants."""
        if name not in self.nodes:
            raise unknown("node", name, self.nodes)
        return tuple(
            edge.cause if edge.cause in self.constant else f"{edge.cause}@{-edge.lag:d}"
            for edge in self.edges if edge.effect == name
        )  # fmt: skip

    def lag(self, cause: str, effect: str) -> int:
        """Steps from a cause to its effect. Raises BioenvError when there is no such arrow."""
        for edge in self.edges:
            if edge[:2] == (cause, effect):
                return edge.lag
        raise unknown("arrow", f"{cause} -> {effect}", (f"{e[0]} -> {e[1]}" for e in self.edges))

    def unroll(self, steps: int) -> nx.DiGraph:
        """The acyclic graph of steps 0 .. steps - 1, nodes "qpos@3" and constants."""
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(name for name in self.nodes if name in self.constant)
        graph.add_nodes_from(
            at(name, k) for name in self.nodes if name not in self.constant for k in range(steps)
        )
        for cause, effect, lag, held in self.edges:
            if effect in self.constant:
                graph.add_edge(cause, effect)
                continue
            for k in range(steps):
                if cause in self.constant:
                    graph.add_edge(cause, at(effect, k))
                elif k >= lag or held:
                    graph.add_edge(at(cause, max(k - lag, 0)), at(effect, k))
        return graph

    def d_separated(
        self, x: Iterable[str], y: Iterable[str], given: Iterable[str] = (), steps: int = 0
    ) -> bool:
        """Whether sets of unrolled nodes are d-separated: independent whatever the mechanisms are.

        steps: length of the unrolled graph; as long as the nodes need if it is shorter.
        Raises BioenvError for an unknown node and for sets that overlap.
        """
        import networkx as nx

        x, y, given = set(x), set(y), set(given)
        last = max((step(name) for name in x | y | given), default=0)
        graph = self.unroll(max(steps, last + 1))
        for name in x | y | given:
            if name not in graph:
                raise unknown("node", name, self.nodes)
        if x & y or x & given or y & given:
            raise BioenvError(f"sets overlap: {', '.join(sorted(x & y | x & given | y & given))}")
        return bool(nx.is_d_separator(graph, x, y, given))


def body_graph(lag: int, *, extra: Iterable[tuple[str, str]] = ()) -> Graph:
    """The graph of a body with a reflex of `lag` steps.

    Args:
        extra: arrows between constants beyond those of mechanics, ("health", "strength"): why
            people are given what they are given. New names are new constants.
    """
    if lag < 1:
        raise BioenvError(f"feedback needs a lag of one step or more, got {lag}")
    extra = tuple(extra)
    feedback = (
        Edge("qpos", "excitation", lag, held=True), Edge("qvel", "excitation", lag, held=True),
        Edge("target", "excitation"),
    )  # fmt: skip
    new = tuple(dict.fromkeys(n for edge in extra for n in edge if n not in (*STATES, *INPUTS)))
    return Graph((*_MECHANICS, *feedback, *(Edge(a, b) for a, b in extra)), (*new, *INPUTS))


def at(name: str, k: int) -> str:
    """The name of a channel at a step."""
    return f"{name}@{k}"


def step(node: str) -> int:
    """The step of an unrolled node; 0 for a constant."""
    text = node.partition("@")[2]
    return int(text) if text.lstrip("-").isdecimal() else 0


def plain(node: str) -> str:
    """The channel or constant of an unrolled node."""
    return node.partition("@")[0]
