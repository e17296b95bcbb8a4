# Tradewarden. `make` alone says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo run test check lint types layers fmt bench fuzz chaos redteam

# Sums must not depend on how many threads made them, and idle threads must not spin on a small machine.
export OMP_NUM_THREADS := 1
export OMP_WAIT_POLICY := PASSIVE
# What was compiled once is kept, also where the environment says otherwise: a desk then starts in a tenth of the time.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/.ready
ARGS ?=
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## make .venv from requirements.lock (again only when it or pyproject.toml changed)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "found no Python 3.11 or newer; name one: make setup PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setup: .venv with $$($(PYTHON) --version)" && $(PYTHON) -m venv .venv; }
	@if $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check uv; then \
		echo "setup: installing $$(grep -c == requirements.lock) packages with uv"; \
		export UV_FIND_LINKS="$${PIP_FIND_LINKS:-}"; \
		$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock && \
		$(BIN)/uv pip install --quiet --python $(BIN)/python -e . --no-deps; \
	else \
		echo "setup: uv cannot be had here; installing $$(grep -c == requirements.lock) packages with pip, slower"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . --no-deps; \
	fi
	@touch $@
	@echo "setup: done"

demo: setup ## one decision cycle on the built-in market, in a fresh home: no key, no network
	@rm -rf .demo
	@TRADEWARDEN_HOME=.demo $(BIN)/warden demo $(ARGS)

run: setup ## warden run, with ARGS="--market recorded --candles ..."
	@$(BIN)/warden run $(ARGS)

# Thousands of these tests drive real sockets, processes and clocks beside each other. One that fails is run once more
# and named as RERUN at the end: an odd pause of the machine is not a red tree, and a name seen twice there is a defect.
test: setup ## every test, on two cores; ARGS goes to pytest
	@$(BIN)/python -m pytest -n 2 --reruns 1 --reruns-delay 1 -r fER $(ARGS)

check: lint types layers test ## all that CI runs

lint: setup ## ruff: lint and format, changing nothing
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check . && echo "lint: clean"

types: setup ## mypy, strict
	@$(BIN)/mypy

layers: setup ## the five import contracts
	@$(BIN)/lint-imports --no-logo

fmt: setup ## ruff: fix and format
	@$(BIN)/ruff check --quiet --fix . && $(BIN)/ruff format .

bench: setup ## how long a cycle takes, by stage, and what the books cost
	@for file in $$(grep -l '^if __name__' bench/*.py | grep -v -e mutation -e study -e models_ -e results); do \
		$(BIN)/python -m bench.$$(basename $$file .py) || exit 1; echo; done

fuzz: setup ## a million adversarial proposals against the gate; ARGS="--proposals N --seed S --workers N"
	@$(BIN)/python -m fuzz.campaign $(ARGS)

chaos: setup ## 2,000 order lives at a broken venue, processes killed; ARGS="--lives N --seed S --workers N", or ARGS="day"
	@$(BIN)/python -m chaos $(ARGS)

redteam: setup ## hostile words in news, tools, documents, memory and the model; ARGS="--cases N", or ARGS="--only N"
	@$(BIN)/python -m redteam $(ARGS)
