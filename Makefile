# Everything here works from a fresh clone: the environment is made when it is missing.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.bioenv-installed

# One thread for the linear algebra: the physics has the cores.
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test lint typecheck clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(INSTALLED)  ## .venv with bioenv (editable) and the pinned dependencies

$(INSTALLED): pyproject.toml .ci/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable '.[dev,sb3,video]'
	touch $@

demo: $(INSTALLED)  ## a trained walker, judged against a measured person, in one HTML file
	$(BIN)/bioenv rollout WalkImitate-v0 --seed 1 --seconds 20 --out out/demo/walk.nc --opensim out/demo/opensim
	$(BIN)/bioenv evaluate out/demo/walk.nc --against falisse2019 --out out/demo --json out/demo/scores.json

test: $(INSTALLED)  ## the whole test suite
	$(BIN)/python -m pytest

lint: $(INSTALLED)  ## ruff: style and mistakes
	$(BIN)/ruff check .

typecheck: $(INSTALLED)  ## mypy
	$(BIN)/mypy

clean:  ## forget what was built (not .venv)
	rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache
