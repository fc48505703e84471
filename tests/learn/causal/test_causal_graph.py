"""Questions about graphs have the answers that are in the textbooks."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from bioenv.errors import BioenvError
from bioenv.learn.causal.graph import Edge, Graph, at, body_graph
from bioenv.learn.causal.identify import identify

LAG = 6
CLINIC = (("health", "strength"), ("health", "assistance"), ("health", "load"))
SEEN = {"excitation", "activation", "qvel", "qpos", "load", "target", "push", "assistance"}


def _still(arrows: str) -> Graph:
    """A graph of constants from "a>b c>b"."""
    edges = tuple(Edge(*arrow.split(">")) for arrow in arrows.split())
    return Graph(edges, tuple(dict.fromkeys(name for edge in edges for name in edge[:2])))


# d-separation ------------------------------------------------------------------------------------


def test_chain_fork_and_collider() -> None:
    chain, fork, collider = _still("a>b b>c"), _still("b>a b>c"), _still("a>b c>b b>d")
    for graph in (chain, fork):
        assert not graph.d_separated({"a"}, {"c"})
        assert graph.d_separated({"a"}, {"c"}, {"b"})
    assert collider.d_separated({"a"}, {"c"})
    assert not collider.d_separated({"a"}, {"c"}, {"b"})
    assert not collider.d_separated({"a"}, {"c"}, {"d"})  # what follows a collider opens it too


def test_the_loop_has_no_cycle_once_unrolled() -> None:
    graph = body_graph(LAG)
    assert graph.parents("excitation") == ("qpos@-6", "qvel@-6", "target")
    assert set(graph.parents("force")) == {"activation@0", "qpos@0", "qvel@0", "strength"}
    steps = graph.unroll(30)
    assert len(steps) == 5 + 7 * 30
    assert ("qvel@3", "excitation@9") in steps.edges
    assert ("qvel@0", "excitation@2") in steps.edges  # before the first step the arm was held
    assert ("qvel@1", "excitation@2") not in steps.edges


def test_the_state_and_the_inputs_part_past_from_future() -> None:
    """Markov: with the state, what the reflex still remembers, and the inputs, nothing is left."""
    graph = body_graph(LAG, extra=CLINIC)
    state = {"activation@9", "qpos@9", "qvel@9", "excitation@9", *graph.constant} - {"health"}
    memory = {at(name, k) for name in ("qpos", "qvel") for k in range(9 - LAG + 1, 9)}
    past, future = {"activation@2", "qpos@1"}, {"qpos@14", "force@12"}
    assert graph.d_separated(past, future, state | memory, steps=20)
    assert not graph.d_separated(past, future, state, steps=20)


# Adjustment --------------------------------------------------------------------------------------


def test_pearls_figure_3_4() -> None:
    """Causality, 2nd ed., page 80: X3 and X4 do, X4 and X5 do, X4 alone does not."""
    graph = _still("x1>x3 x1>x4 x2>x4 x2>x5 x3>x x4>x x4>y x5>y x>x6 x6>y")
    every = set(graph.nodes)
    found = identify(graph, {"x"}, {"y"}, every)
    assert found.how == "back-door"
    assert {frozenset({"x3", "x4"}), frozenset({"x4", "x5"})} <= set(found.sets)
    assert all("x6" not in one and len(one) == 2 for one in found.sets)
    only = identify(graph, {"x"}, {"y"}, {"x4", "x6"})
    assert not only.identified
    assert frozenset({"x3"}) in only.measure
    assert frozenset({"x5"}) in only.measure


def test_m_bias_needs_nothing_and_a_collider_is_left_alone() -> None:
    found = identify(_still("a>x a>z b>z b>y x>y"), {"x"}, {"y"}, {"z", "x", "y"})
    assert found.sets == (frozenset(),)
    assert "z" not in found.precise


@pytest.mark.parametrize("seed", range(60))
def test_sets_of_random_graphs_give_the_effect_and_none_is_missed(seed: int) -> None:
    """Linear causes: where a set is found, the slope of the population's regression is the total
    effect, in closed form. Where none is found, no subset of what is observed satisfies the
    criterion."""
    rng, names = np.random.default_rng(seed), tuple("abcdef")
    arrows = [(i, j) for i, j in combinations(range(6), 2) if rng.random() < 0.5]
    if (2, 4) not in arrows:
        arrows.append((2, 4))  # the effect of c on e is asked
    weights = np.zeros((6, 6))
    for i, j in arrows:
        weights[j, i] = rng.uniform(0.5, 1.5) * rng.choice([-1, 1])
    total = np.linalg.inv(np.eye(6) - weights)
    covariance = total @ np.diag(rng.uniform(0.5, 2.0, 6)) @ total.T
    graph = Graph(tuple(Edge(names[i], names[j]) for i, j in arrows), names)
    others = [n for n in "abdf" if n in graph.nodes and rng.random() < 0.6]
    found = identify(graph, {"c"}, {"e"}, {"c", "e", *others})
    for one in (*found.sets, found.precise) if found.identified else ():
        columns = [2, *(names.index(n) for n in one)]
        slope = np.linalg.solve(covariance[np.ix_(columns, columns)], covariance[columns, 4])[0]
        assert slope == pytest.approx(total[4, 2], abs=1e-10)
    cut = graph.unroll(1)
    below = nx.descendants(cut, "c")
    cut.remove_edges_from(list(cut.out_edges("c")))
    free = [n for n in others if n not in below]
    exists = any(
        nx.is_d_separator(cut, {"c"}, {"e"}, set(z))
        for size in range(len(free) + 1) for z in combinations(free, size)
    )  # fmt: skip
    assert found.identified == exists


def test_an_instrument_is_named_when_there_is_no_set() -> None:
    found = identify(_still("lot>x u>x u>y x>y"), {"x"}, {"y"}, {"lot", "x", "y"})
    assert not found.identified
    assert found.instruments == ("lot",)
    assert found.measure == (frozenset({"u"}),)
    assert "x <- u -> y" in found.text


def test_help_given_to_the_weak() -> None:
    graph = body_graph(LAG, extra=CLINIC)
    late = {at("qpos", k) for k in (39, 40)}
    hidden = identify(graph, {"assistance"}, late, SEEN)
    assert not hidden.identified
    assert set(hidden.measure) == {frozenset({"health"}), frozenset({"strength"})}
    assert "not identified" in hidden.text
    assert "measure health, or strength" in hidden.text
    assert "assistance <- health -> strength" in hidden.text
    known = identify(graph, {"assistance"}, late, SEEN | {"strength"})
    assert known.adjustment == {"load", "strength"}
    assert {"target", "qpos@0"} <= known.precise


def test_a_late_outcome_has_the_sets_of_an_early_one() -> None:
    """What is asked at an early step holds at a late one: no set fails there."""
    graph = body_graph(2, extra=CLINIC)
    others = {*graph.constant} - {"assistance"}
    for observed in (SEEN, SEEN | {"strength"}, SEEN | {"health"}, SEEN - {"load"}):
        found = identify(graph, {"assistance"}, {"qpos@80"}, observed)
        steps = graph.unroll(81)
        steps.remove_edges_from(list(steps.out_edges("assistance")))
        late = nx.find_minimal_d_separator(
            steps, {"assistance"}, {"qpos@80"}, restricted=observed & others
        )  # fmt: skip
        assert found.identified == (late is not None)
        for one in (*found.sets, found.precise) if found.identified else ():
            assert nx.is_d_separator(steps, {"assistance"}, {"qpos@80"}, set(one))


def test_short_excitation_has_a_set_and_a_long_one_is_taken_step_by_step() -> None:
    graph = body_graph(LAG, extra=CLINIC)
    short = identify(graph, {at("excitation", k) for k in range(12, 17)}, {"qvel@20"}, SEEN)
    told = {at(n, k) for n in ("qpos", "qvel") for k in range(6, 11)} | {"target"}
    assert short.how == "back-door"
    assert frozenset(told) in short.sets
    long = identify(graph, {at("excitation", k) for k in range(12, 26)}, {"qvel@30"}, SEEN)
    assert long.how == "sequential back-door"
    blind = identify(graph, {at("excitation", k) for k in range(12, 26)}, {"qvel@30"},
                     SEEN - {"qpos"})  # fmt: skip
    assert not blind.identified


# Bad input ---------------------------------------------------------------------------------------


def test_bad_graphs_and_questions() -> None:
    with pytest.raises(BioenvError, match="close a cycle"):
        Graph((Edge("qpos", "force"), Edge("force", "qpos")))
    with pytest.raises(BioenvError, match="unknown node 'strenth'; did you mean 'strength'"):
        Graph((Edge("strenth", "force"),))
    with pytest.raises(BioenvError, match="an effect cannot precede"):
        Graph((Edge("qpos", "load"),))
    with pytest.raises(BioenvError, match="lag of one step"):
        body_graph(0)
    graph = body_graph(LAG)
    with pytest.raises(BioenvError, match="no arrows lead there"):
        identify(graph, {"excitation@9"}, {"qpos@3"}, SEEN)
    with pytest.raises(BioenvError, match="unknown node 'emg'"):
        identify(graph, {"load"}, {"qpos@3"}, {"emg"})
    with pytest.raises(BioenvError, match="unknown node 'speed@3'"):
        graph.d_separated({"speed@3"}, {"qpos@1"})
    with pytest.raises(BioenvError, match="sets overlap: qpos@1"):
        graph.d_separated({"qpos@1"}, {"qpos@1"})
