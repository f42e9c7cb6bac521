# The vocabulary of people and of CI. `make` or `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup tools check lint types unit model model-nightly power compose-check shell test image web integration demo demo-clean bench soak nightly clean

PYTHON := .venv/bin/python
STAMP := .venv/.installed
SOURCES := fwrkit tests scripts hatch_build.py

# how many tests go on at a time; a scenario that measures waits until no other goes on (the marker `alone`)
SIDES ?= 2

# AGAIN=1, for CI: what failed is tried once more, alone (tests/again.py), but for `model`, where each failure is a finding. By hand every failure is red
AGAIN ?=
PYTEST := $(if $(AGAIN),$(PYTHON) -m tests.again,.venv/bin/pytest)

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: tools ## engine, compose plugin, .venv and images; starts no node, can be repeated
	.venv/bin/fwrkit images build

tools: ## engine, compose plugin and .venv only
	scripts/bootstrap.sh
	@$(MAKE) --no-print-directory $(STAMP)

# the environment, not the sources: an editable install sees every change of these by itself
$(STAMP): pyproject.toml hatch_build.py fwrkit/__init__.py
	test -x $(PYTHON) || python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

check: lint types unit compose-check shell ## all gates that need no container: ruff, mypy, layers, unit, property and golden tests, shellcheck

lint: $(STAMP)
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/ruff format --check $(SOURCES)

types: $(STAMP)
	.venv/bin/mypy

unit: $(STAMP)
	$(PYTEST) --numprocesses $(SIDES) tests/unit

model: $(STAMP) ## nothing is lost, in process: hub and engines step by step, by some hundred random schedules and all that ever failed
	.venv/bin/pytest --numprocesses $(SIDES) tests/model

COUNT ?= 20000
SEED ?= $(shell date +%s)
model-nightly: $(STAMP) ## the same by COUNT schedules from SEED on; what fails is made smaller and printed
	$(PYTHON) -m tests.model.nightly $(COUNT) $(SEED)
	$(PYTHON) -m tests.model.nightly $(COUNT) $(SEED) republic

power: $(STAMP) ## what was announced survives power cuts: on disks in files, which only root may mount
	$(PYTEST) tests/power

compose-check: $(STAMP)
	@for file in tests/golden/compose/*.yaml; do echo "docker compose config -q  $$file"; docker compose -f "$$file" config -q; done

shell:
	@command -v shellcheck >/dev/null || { echo "shellcheck is missing: install it (apt-get install shellcheck), then try again." >&2; exit 1; }
	@git ls-files -z | xargs -0 awk 'FNR == 1 { if (/^#!\/bin\/(ba)?sh/) print FILENAME; nextfile }' | xargs shellcheck -x

test: setup ## everything: setup, the gates, then the web and the scenarios on real containers
	@$(MAKE) --no-print-directory check model
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target power image web
	@$(MAKE) --no-print-directory integration

image: $(STAMP) ## the agent's unit tests inside the image: with Debian's Python and libraries
	AGAIN=$(AGAIN) tests/image/run.sh

web: $(STAMP) ## what Apache and PHP serve, on containers of the images alone
	$(PYTEST) tests/web

integration: $(STAMP) ## the scenarios: a server and its clients, through the command line, SIDES=2 at a time
	$(PYTEST) --numprocesses $(SIDES) --dist loadfile --no-loadscope-reorder tests/integration

demo: setup ## a server and two clients with a wiki; a page saved at one is read at the others
	$(PYTHON) scripts/demo.py

demo-clean: $(STAMP) ## remove what `make demo` made
	$(PYTHON) scripts/demo.py clean

bench: setup ## latency, throughput, memory and CPU, each beside its baseline
	$(PYTHON) -m tests.bench

MINUTES := 30

soak: setup ## edits and faults without a pause for MINUTES=30, the invariants again and again; the report is in artifacts/
	$(PYTHON) -m tests.soak --minutes $(MINUTES)

nightly: ## what takes long: everything, scenarios in full, property tests with many more cases, the benchmark
	FWRKIT_NIGHTLY=1 $(MAKE) test
	HYPOTHESIS_PROFILE=nightly .venv/bin/pytest --numprocesses $(SIDES) tests/unit
	$(MAKE) model-nightly
	$(MAKE) bench

clean: ## remove what builds and tests leave in the checkout (not .venv, no node)
	rm -rf build dist artifacts .pytest_cache .mypy_cache .ruff_cache .hypothesis
