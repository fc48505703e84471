"""A population in one batch: every row is the person's own body, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioenv import models
from bioenv.envs.catalog import walk
from bioenv.envs.mirror import mirror_map
from bioenv.envs.people import People, population
from bioenv.envs.simulation import Simulation
from bioenv.envs.single import BioEnv
from bioenv.envs.task import task
from bioenv.envs.vector import BioVectorEnv
from bioenv.errors import BioenvError
from bioenv.models import Subject

TASK = task("bioenv/WalkPeople-v0")
THREE = (
    Subject(50.0, 1.55, strength=0.8),
    Subject(95.0, 1.90, strength=1.2),
    Subject(72.0, 1.70, {"femur": 0.45}, {"soleus": 0.7}),
)


@pytest.fixture(scope="module")
def few():
    """The task with three people who differ in more than size."""
    return replace(TASK, people=THREE, randomize={"friction": (0.7, 1.2), "mass": (0.9, 1.1)})


def test_rows_of_a_mixed_batch_are_the_environments_of_their_subjects(few):
    """Two episodes in a row, so that environments also change their person."""
    num, seed = 6, 3
    rng = np.random.default_rng(0)
    actions = rng.uniform(0, 0.6, (2, 12, num, 18))
    batch = BioVectorEnv(few, num, threads=2, autoreset_mode="Disabled")
    for episode in range(2):
        rows = [batch.reset(seed=seed + 10 * episode)[0]]
        who = batch.simulation.parameters.person.copy()
        rows += [batch.step(a)[:2] for a in actions[episode]]
        assert len(set(who)) > 1
        for i in range(num):
            one = BioEnv(few, subject=THREE[who[i]])
            obs, _ = one.reset(seed=seed + 10 * episode + i)
            np.testing.assert_array_equal(obs, rows[0][i])
            for a, (wanted, reward) in zip(actions[episode], rows[1:], strict=True):
                obs, found, *_ = one.step(a[i])
                np.testing.assert_array_equal(obs, wanted[i])
                assert found == reward[i]


def test_quantities_follow_the_person(few):
    env = BioVectorEnv(replace(few, randomize={}), 8, threads=1, autoreset_mode="Disabled")
    env.reset(seed=0)
    for _ in range(5):
        env.step(np.full((8, 18), 0.3))
    s, who = env.state, env.simulation.parameters.person
    bodies = [models.load(walk.MODEL, one) for one in THREE]
    own = models.load(walk.MODEL).subject
    for i, k in enumerate(who):
        body = bodies[k]
        assert s.body_weight[i] == body.body_weight
        np.testing.assert_array_equal(s.home[i], body.home)
        length = (s.muscle_length[i] - body.muscle.tendon_slack_length) / body.muscle.element_length
        np.testing.assert_allclose(s.fiber_length[i], length, rtol=1e-12)
        assert s.body[i, 0] == pytest.approx(THREE[k].mass / own.mass)
        assert s.body[i, 1] == pytest.approx(THREE[k].height / own.height)
        # a tall person's stride lasts longer at the same speed: (H / V)^0.58
        ratio = env.episode.cycle_s[i] / TASK.cycle_s(s.goal[[i]])[0]
        assert ratio == pytest.approx((THREE[k].height / own.height) ** 0.58)
    assert s.body[who == 2, 2] == pytest.approx(1.0, abs=0.4)


def test_metabolic_rate_is_the_persons(few):
    rate = {}
    for subject in (None, *THREE[:2]):
        env = BioVectorEnv(
            replace(few, randomize={}), 1, threads=1, subject=subject, autoreset_mode="Disabled"
        )
        env.reset(seed=1)
        rate[subject] = env.state.metabolic_rate.sum()
    batch = BioVectorEnv(replace(few, randomize={}), 12, threads=1)
    batch.reset(seed=1)
    assert batch.state.metabolic_rate.sum(axis=1)[0] == pytest.approx(
        {i: rate[s] for i, s in enumerate(THREE[:2])}.get(
            batch.simulation.parameters.person[0], batch.state.metabolic_rate[0].sum()
        )
    )
    assert rate[THREE[1]] > 1.2 * rate[THREE[0]]


def test_a_person_stays_through_snapshot_and_restore(few):
    envs = [BioVectorEnv(few, 4, threads=1, autoreset_mode="SameStep") for _ in range(2)]
    envs[0].reset(seed=0)
    action = np.zeros((4, 18))
    for _ in range(60):  # without muscles all fall, and other people come
        obs = envs[0].step(action)[0]
    np.testing.assert_array_equal(envs[1].restore(envs[0].snapshot()), obs)
    for _ in range(60):
        a, b = (env.step(action) for env in envs)
        np.testing.assert_array_equal(a[0], b[0])


def test_all_fields_are_the_compiled_persons():
    people = People(models.load(walk.MODEL), lambda one: models.load(walk.MODEL, one), THREE)
    sim = Simulation(models.load(walk.MODEL), 3, threads=1, people=people)
    sim.parameters.set_person(np.arange(3), np.array([2, 0, 1]))
    for row, k in enumerate([2, 0, 1]):
        wanted = models.load(walk.MODEL, THREE[k]).mj
        found = sim.batch.get_model(row)
        for name in people.fields:
            if not name.startswith("opt."):
                np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_without_randomization_it_is_the_models_own_body():
    env = BioVectorEnv("bioenv/WalkPeople-v0", 2, threads=1, randomize=False)
    env.reset(seed=0)
    np.testing.assert_array_equal(env.state.body, 1.0)
    np.testing.assert_array_equal(env.state.body_weight, env.model.body_weight)
    mirror = mirror_map("bioenv/WalkPeople-v0")
    n = len(mirror.obs_index)
    np.testing.assert_array_equal(mirror.obs_index[n - 3 :], [n - 3, n - 2, n - 1])


def test_the_population_fills_its_ranges_evenly():
    people = population(32)
    height = np.array([one.height for one in people])
    index = np.array([one.mass / one.height**2 for one in people])
    strength = np.array([one.strength for one in people])
    for values, low, high in ((height, 1.5, 1.95), (index, 18.5, 30.0), (strength, 0.8, 1.25)):
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.05 * (high - low))
    assert abs(np.corrcoef(height, strength)[0, 1]) < 0.2
    assert population(32) == people
    with pytest.raises(BioenvError, match="at least one person"):
        population(0)
