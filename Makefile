# Everything runs in .venv, which `make setup` makes and every other target reuses.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
RECIPE ?= deepsegment_en

# A shell that forbids bytecode files would have every process of a run and of a test compile all modules.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup bench web accuracy accuracy-all slices soak instrument tf1-stack systems test test-network coverage check lint unit unit-report unit-rest report

help:  ## show the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 16

setup: $(VENV)/installed  ## make .venv and install the pinned requirements

bench: setup  ## run experiments/quick.toml and print the overhead table
	$(BIN)/python -m servecost run experiments/quick.toml

web: setup  ## serve a recipe (RECIPE=deepsegment_en) with Locust's web interface on 127.0.0.1:8089
	$(BIN)/python -m servecost web $(RECIPE)

systems: setup  ## measure every serving system side by side (less than 20 minutes after the installs)
	$(BIN)/python -m servecost run experiments/systems-quick.toml

report: setup  ## write the report of results/quick anew
	$(BIN)/python -m servecost report results/quick

accuracy: setup  ## check the instrument against known delays and against itself; write docs/accuracy.md (15 minutes at most)
	$(BIN)/python -m calibration.accuracy

accuracy-all: setup  ## the same, with deepsegment_en (an hour and a quarter)
	$(BIN)/python -m calibration.accuracy --all

slices: setup  ## see what slices do to a pair, and what they are good for; write docs/slices.md (20 minutes at most)
	$(BIN)/python -m calibration.slices

soak: setup  ## make 200 pairs in a row and see whether anything grows or is left; write docs/soak.md (15 minutes)
	$(BIN)/python -m calibration.soak

instrument: setup  ## compare the client with others on a server that does nothing; write docs/instrument.md (ten minutes)
	calibration/fetch
	$(BIN)/python -m calibration.instrument

tf1-stack:  ## build recipes/deepsegment_en/.venv, the stack of fastDeploy's page: TensorFlow 1.14 on Python 3.7
	recipes/make-stack deepsegment_en 3.7

# Tests start many processes, and also wait for them. Tests that share a server or a model are a group, and in one process.
BESIDE := -n 3 --dist loadgroup --no-loadscope-reorder
# Of the lines of servecost, those that unit and conformance tests run in their own processes, in percent.
FLOOR  := 85

test: setup  ## run the whole test suite
	$(BIN)/python -m pytest -m "alone and not network"
	$(BIN)/python -m pytest $(BESIDE) -m "not alone and not network"

test-network: setup  ## run the tests that need pip and a package index: every serving system, other stacks (half an hour)
	$(BIN)/python -m pytest $(BESIDE) -m network

coverage: setup  ## see whether unit and conformance tests reach the lines that they should
	$(BIN)/python -m pytest $(BESIDE) tests/unit tests/conformance --cov=servecost --cov-report=term:skip-covered --cov-fail-under=$(FLOOR)

check: setup  ## lint, check the formatting and the types, and run the unit tests, all at the same time
	@$(MAKE) --no-print-directory --output-sync=target -j 3 lint unit

lint: setup  ## lint, check the formatting and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy servecost systems calibration baseline locustfiles docker tests

# Two processes, each of which reads half of the tests, take less than two that both read all of them.
# They write thousands of small files: in memory, where there is a folder for that.
unit: export TMPDIR := $(shell test -w /dev/shm && echo /dev/shm || echo $${TMPDIR:-/tmp})
unit: unit-report unit-rest  ## run the unit tests

unit-report: setup  ## run the unit tests of reports
	$(BIN)/python -m pytest -q tests/unit/report

unit-rest: setup  ## run all other unit tests
	$(BIN)/python -m pytest -q tests/unit --ignore tests/unit/report

$(VENV)/installed: requirements.txt constraints.txt pyproject.toml
	@echo "Installing the pinned requirements into $(VENV): 2.6 GB, some minutes …"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	touch $@
