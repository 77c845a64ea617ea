# Only Python >= 3.11, git, make and the system's package manager are assumed; the rest is installed here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test setup setup-test setup-bench check fix lint types seed screenshots clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: setup ## set up, start the control room, and survey this checkout
	$(BIN)/clawgroups up --survey .

test: setup-test lint types ## set up, then format, lint, strict types and every test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 $(PYTEST_ARGS)

setup: $(VENV)/.ready ## the virtual environment with what the program needs
	@sh scripts/system-packages.sh --optional bwrap

setup-test: $(VENV)/.ready-dev ## the same with what the tests need, system packages too
	@sh scripts/system-packages.sh bwrap chromium postgres curl g++

setup-bench: $(VENV)/.ready-bench ## the same with the peers that the benchmarks compare with

$(VENV)/bin/python:
	@PYTHON=$(PYTHON) sh scripts/make-venv.sh $(VENV)

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml
	$(PIP) install -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(PIP) install -e '.[dev,engine]'
	@touch $@

$(VENV)/.ready-bench: $(VENV)/.ready-dev
	$(PIP) install -e '.[bench]'
	@touch $@

check: setup-test lint types ## format, lint and strict types, without the tests

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.ready-dev
	$(BIN)/mypy

fix: $(VENV)/.ready-dev ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

seed: setup ## fill a home with groups in every state: make seed HOME_FOLDER=/path
	@test -n "$(HOME_FOLDER)" || { echo "Name a folder: make seed HOME_FOLDER=/path/to/a/new/home" >&2; exit 2; }
	$(BIN)/python -m clawgroups.testing.seed --home $(HOME_FOLDER) $(SEED_ARGS)

screenshots: setup-test ## make the pictures of the documentation anew, and one of every state to look at
	$(BIN)/python scripts/screenshot.py

clean: ## remove what was built, the virtual environment too
	rm -rf $(VENV) .venv-sglang build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
