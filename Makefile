# The vocabulary of people and of CI. `make` or `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup tools check lint types unit compose-check shell test integration clean

PYTHON := .venv/bin/python
STAMP := .venv/.installed

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: tools ## engine, compose plugin, .venv and images; starts no node, can be repeated
	.venv/bin/fwrkit images build

tools: ## engine, compose plugin and .venv only
	scripts/bootstrap.sh
	@$(MAKE) --no-print-directory $(STAMP)

$(STAMP): pyproject.toml fwrkit/__init__.py
	test -x $(PYTHON) || python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

check: lint types unit compose-check shell ## all gates that need no container: ruff, mypy, layers, unit, property and golden tests, shellcheck

lint: $(STAMP)
	.venv/bin/ruff check fwrkit tests
	.venv/bin/ruff format --check fwrkit tests

types: $(STAMP)
	.venv/bin/mypy

unit: $(STAMP)
	.venv/bin/pytest tests/unit

compose-check: $(STAMP)
	@for file in tests/golden/compose/*.yaml; do echo "docker compose config -q  $$file"; docker compose -f "$$file" config -q; done

shell:
	@git ls-files -z | xargs -0 grep -lIE '^#!/bin/(ba)?sh' | grep -v '^Makefile$$' | xargs shellcheck -x

test: setup check integration ## everything: setup, the gates, then the scenarios on real containers

integration: $(STAMP)
	.venv/bin/pytest tests/integration

clean: ## remove what builds and tests leave in the checkout (not .venv, no node)
	rm -rf build dist artifacts .pytest_cache .mypy_cache .ruff_cache .hypothesis
