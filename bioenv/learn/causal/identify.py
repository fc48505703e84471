"""Can an effect be had from records alone, and after adjusting for what?

Back-door criterion (Pearl 2009, definition 3.3.1): a set Z without descendants of X that blocks
every path between X and Y with an arrow into X. Then

    P(y | do(x)) = sum_z P(y | x, z) P(z).

Z exists if and only if it d-separates X from Y once the arrows out of X are taken away.
Where X lasts longer than the feedback's delay, what confounds its later steps is an effect of its
earlier ones, and no one set will do; then the sequential criterion is asked (Pearl and Robins 1995,
UAI 11:444-453; Pearl 2009, theorem 4.4.1), whose formula is Robins's g-formula: mechanisms fitted
step by step, and simulated (:class:`bioenv.learn.causal.Fitted`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bioenv.errors import BioenvError, unknown
from bioenv.learn.causal.graph import Graph, plain, step

if TYPE_CHECKING:
    import networkx as nx

Nodes = frozenset[str]
_SETS = 6  # minimal sets that are looked for


@dataclass(frozen=True)
class Identification:
    """Whether an effect follows from records, and how.

    Attributes:
        how: "back-door", "sequential back-door" or "not identified".
        adjustment: the smallest set found, unrolled nodes; the union for the sequential criterion.
        precise: a valid set for regression: `adjustment` and the observed causes of what is on the
            way from X to Y, which take away the outcome's other variation (the optimal set of
            Henckel, Perković and Maathuis 2022, J R Stat Soc B 84:579-599, where observed).
        sets: every minimal set that was found among what is observed.
        measure: if not identified, sets of names of which one would have to be measured as well.
        path: if not identified, a path that stays open.
        instruments: observed constants that move the treatment and reach the outcome only through
            it; with them the effect follows if it is linear.
        text: the same in words.
    """

    how: str
    adjustment: Nodes
    precise: Nodes
    sets: tuple[Nodes, ...]
    measure: tuple[Nodes, ...]
    path: tuple[str, ...]
    instruments: tuple[str, ...]
    text: str

    @property
    def identified(self) -> bool:
        """By adjustment, once or step by step."""
        return self.how != "not identified"


def identify(
    graph: Graph, treatment: Iterable[str], outcome: Iterable[str], observed: Iterable[str]
) -> Identification:
    """Look for what must be adjusted for.

    Args:
        treatment, outcome: unrolled nodes, "excitation@40", or constants.
        observed: names of channels and constants that the records hold, "qvel", "strength".

    The effect of constants on late steps is asked at earlier ones (`_early`).

    Raises BioenvError for unknown nodes, and an outcome before its treatment.
    """
    x, asked, observed = set(treatment), set(outcome), set(observed)
    y = _early(graph, x, asked)
    for name in observed:
        if name not in graph.nodes:
            raise unknown("node", name, graph.nodes)
    dag = graph.unroll(max(step(node) for node in x | y) + 1)
    for node in x | y:
        if node not in dag:
            raise unknown("node", node, graph.nodes)
    _check_order(dag, x, y)
    sets = _adjustment_sets(dag, x, y, observed)
    about = f"effect of {_names(x)} on {_names(asked)}: "
    tools = _instruments(dag, graph, x, y, observed)
    if sets:
        text = about + "identified: adjust for " + "; or for ".join(map(_names, sets))
        precise = _precise(dag, x, y, observed, sets[0])
        return Identification("back-door", sets[0], precise, sets, (), (), tools, text)
    together = _sequential(dag, x, y, observed) if len(x) > 1 else None
    if together is not None:
        text = (
            f"{about}identified step by step (feedback reacts while it lasts): fit "
            f"mechanisms and simulate; adjust for {_names(together)}"
        )
        return Identification("sequential back-door", together, together, (), (), (), tools, text)
    return _refused(dag, graph, x, y, observed, tools, about)


def _early(graph: Graph, x: set[str], y: set[str]) -> set[str]:
    """The outcome's steps, moved early where the treatment is constant.

    Every step has the same arrows, so once each channel has heard of each constant, through the
    longest lag and back, a later step adds copies of paths and no other ones.
    """
    if any("@" in node for node in x):
        return y
    enough = 4 * max(edge.lag for edge in graph.edges) + len(graph.nodes)
    return {f"{plain(n)}@{min(step(n), enough)}" if "@" in n else n for n in y}


def _refused(
    dag: nx.DiGraph, graph: Graph, x: set[str], y: set[str], observed: set[str],
    tools: tuple[str, ...], about: str,
) -> Identification:  # fmt: skip
    """Which measurements would help, and which path is open."""
    first = {min(x, key=step)} if len(x) > 1 else x
    everything = _adjustment_sets(dag, first, y, set(graph.nodes))
    lacking = {frozenset({plain(node) for node in one} - observed) for one in everything}
    least = [one for one in lacking if one and not any(other < one for other in lacking)]
    measure = tuple(sorted(least, key=lambda one: (len(one), sorted(one))))
    path = _open_path(dag, first, y, observed)
    text = f"{about}not identified"
    if path:
        text += f": the path {_drawn(dag, path)} stays open"
    if measure:
        text += f"; measure {', or '.join(' and '.join(sorted(one)) for one in measure)}"
    if tools:
        text += f"; if the effect is linear, {', '.join(tools)} is an instrument"
    none: Nodes = frozenset()
    return Identification("not identified", none, none, (), measure, path, tools, text)


def _adjustment_sets(
    dag: nx.DiGraph, x: set[str], y: set[str], observed: set[str]
) -> tuple[Nodes, ...]:
    """Minimal back-door sets, the smallest first; empty when there is none.

    After the first, others are looked for without each of its members in turn.
    """
    import networkx as nx

    cut = _without_arrows_out_of(dag, x)
    below = set().union(*(nx.descendants(dag, node) for node in x))
    allowed = {n for n in dag if plain(n) in observed and n not in below | x | y}
    found: list[Nodes] = []
    left: list[set[str]] = [set()]
    tried: set[Nodes] = set()
    while left and len(found) < _SETS and len(tried) < 4 * _SETS:
        without = left.pop(0)
        if frozenset(without) in tried:
            continue
        tried.add(frozenset(without))
        one = nx.find_minimal_d_separator(cut, x, y, restricted=allowed - without)
        if one is not None:
            if frozenset(one) not in found:
                found.append(frozenset(one))
            left.extend(without | {n for n in allowed if plain(n) == plain(m)} for m in one)
    return tuple(sorted(found, key=lambda one: (len({plain(n) for n in one}), len(one))))


def _precise(dag: nx.DiGraph, x: set[str], y: set[str], observed: set[str], least: Nodes) -> Nodes:
    """The least set and what is observed of the optimal one; the least where that opens a path.

    The least set stays: with it the treatment's own regression is right, which protects a
    regression of the outcome that is too simple.
    """
    import networkx as nx

    below = set().union(*(nx.descendants(dag, node) for node in x))
    above = set().union(*(nx.ancestors(dag, node) for node in y)) | y
    causes = set().union(*(dag.predecessors(node) for node in below & above))
    both = least | {n for n in causes - below - x - y if plain(n) in observed}
    separates = nx.is_d_separator(_without_arrows_out_of(dag, x), x, y, set(both))
    return frozenset(both) if separates else least


def _sequential(dag: nx.DiGraph, x: set[str], y: set[str], observed: set[str]) -> Nodes | None:
    """The union of the sets of the sequential back-door criterion, or None."""
    import networkx as nx

    order = sorted(x, key=step)
    # Given the parents of each step no path enters it (Pearl 2009, theorem 3.2.2).
    parents = set().union(*(dag.predecessors(node) for node in x)) - x
    if all(plain(node) in observed for node in parents) and not parents & y:
        return frozenset(parents)
    chosen: set[str] = set()
    for i, now in enumerate(order):
        cut = _without_arrows_out_of(dag, {now})
        later = order[i + 1 :]
        cut.remove_edges_from([e for node in later for e in list(cut.in_edges(node))])
        below = set().union(*(nx.descendants(dag, node) for node in (now, *later)))
        given = chosen | set(order[:i])
        allowed = {n for n in dag if plain(n) in observed and n not in below | x | y}
        one = nx.find_minimal_d_separator(cut, {now}, y, included=given, restricted=allowed | given)
        if one is None:
            return None
        chosen |= set(one) - x
    return frozenset(chosen)


def _instruments(
    dag: nx.DiGraph, graph: Graph, x: set[str], y: set[str], observed: set[str]
) -> tuple[str, ...]:
    """Constants that depend on X, but not on Y once X has no arrows out (Pearl 2009, 7.4.5)."""
    import networkx as nx

    cut = _without_arrows_out_of(dag, x)
    names = [n for n in graph.constant if n in dag and n in observed and n not in x | y]
    return tuple(
        n for n in names
        if nx.is_d_separator(cut, {n}, y, set()) and not nx.is_d_separator(dag, {n}, x, set())
    )  # fmt: skip


def _without_arrows_out_of(dag: nx.DiGraph, x: set[str]) -> nx.DiGraph:
    cut = dag.copy()
    cut.remove_edges_from([edge for node in x for edge in list(cut.out_edges(node))])
    return cut


def _open_path(dag: nx.DiGraph, x: set[str], y: set[str], observed: set[str]) -> tuple[str, ...]:
    """The shortest X <- ... <- cause -> ... -> Y over nodes that are not observed, if there is."""
    import networkx as nx

    below = set().union(*(nx.descendants(dag, node) for node in x))
    hidden = dag.subgraph([n for n in dag if plain(n) not in observed or n in x | y])
    # Towards Y the path may use what is observed where that is an effect of X: it must stay free.
    free = [n for n in dag if n not in x and (plain(n) not in observed or n in below | y)]
    down = dag.subgraph(free)
    best: tuple[str, ...] = ()
    for node in x:
        up = nx.single_source_shortest_path(hidden.reverse(copy=False), node)
        for cause, way in up.items():
            if cause in x | y or cause not in down:
                continue
            ways = nx.single_source_shortest_path(down, cause)
            ends = [ways[n] for n in y if n in ways]
            if ends:
                one = (*way, *min(ends, key=len)[1:])
                if not best or len(one) < len(best):
                    best = one
    return best


def _check_order(dag: nx.DiGraph, x: set[str], y: set[str]) -> None:
    import networkx as nx

    if x & y or not x or not y:
        raise BioenvError("an effect needs a treatment and another node as its outcome")
    if not any(nx.descendants(dag, node) & y for node in x):
        raise BioenvError(
            f"{_names(x)} cannot act on {_names(y)}: no arrows lead there. An outcome lies after "
            "its cause"
        )


def _names(nodes: Iterable[str]) -> str:
    """Nodes in words: "qpos@0-5, strength"."""
    by: dict[str, list[int]] = {}
    for node in sorted(nodes):
        by.setdefault(plain(node), []).extend([step(node)] if "@" in node else [])
    shown = [name if not k else f"{name}@{_span(sorted(k))}" for name, k in by.items()]
    return ", ".join(shown) or "nothing"


def _span(steps: list[int]) -> str:
    if len(steps) > 1 and steps[-1] - steps[0] == len(steps) - 1:
        return f"{steps[0]}-{steps[-1]}"
    return ",".join(map(str, steps)) if len(steps) < 7 else f"{steps[0]},...,{steps[-1]}"


def _drawn(dag: nx.DiGraph, path: tuple[str, ...]) -> str:
    """A path with its arrows; a long way is shortened."""
    text = path[0]
    for a, b in pairwise(path):
        text += f" -> {b}" if dag.has_edge(a, b) else f" <- {b}"
    parts = text.split(" ")
    return text if len(parts) < 16 else " ".join([*parts[:11], "...", *parts[-2:]])
