"""Causal what-ifs: what an intervention does, what records can tell of it, what would have been.

    body = Body("elbow")
    people = Population()
    model = people.model(body)                       # structural causal model of the simulator
    records = model.rollout(people.draw(body, 300, seed=0))
    question = Question(Do.parse("assistance+=2"), "qpos.elbow", (0.8, 1.0))
    question.identified(model.graph, records).text   # adjust for what?
    model.counterfactual(records, [Do.parse("strength.biceps*=1.2")])

A correlation answers another question than an intervention. The graph says which of them the
records can answer; mechanisms, the simulator's or fitted ones, give the size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.learn.causal.body import Body
    from bioenv.learn.causal.do import Do
    from bioenv.learn.causal.effects import Estimate, Question, compare
    from bioenv.learn.causal.fitted import Fitted
    from bioenv.learn.causal.graph import Edge, Graph, body_graph
    from bioenv.learn.causal.identify import Identification, identify
    from bioenv.learn.causal.model import CausalModel, Exogenous
    from bioenv.learn.causal.population import Population
    from bioenv.learn.causal.records import Records, from_motions
    from bioenv.learn.causal.reflex import Reflex
    from bioenv.learn.causal.simulated import Simulated

__all__ = [
    "Body",
    "CausalModel",
    "Do",
    "Edge",
    "Estimate",
    "Exogenous",
    "Fitted",
    "Graph",
    "Identification",
    "Population",
    "Question",
    "Records",
    "Reflex",
    "Simulated",
    "body_graph",
    "compare",
    "from_motions",
    "identify",
]

_HOME = {
    "Body": "body",
    "CausalModel": "model",
    "Do": "do",
    "Edge": "graph",
    "Estimate": "effects",
    "Exogenous": "model",
    "Fitted": "fitted",
    "Graph": "graph",
    "Identification": "identify",
    "Population": "population",
    "Question": "effects",
    "Records": "records",
    "Reflex": "reflex",
    "Simulated": "simulated",
    "body_graph": "graph",
    "compare": "effects",
    "from_motions": "records",
    "identify": "identify:identify",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
