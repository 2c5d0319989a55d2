# Each target is one line that calls a tool; the README gives the same lines for a shell.
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3 python,$(shell command -v $(name))))
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTED ?= workspace-test
LOCKED_UV = $(shell grep '^uv==' requirements.txt)
UV = $$(command -v uv || echo $(BIN)/uv)

.DEFAULT_GOAL := help
.PHONY: help install course test unit bench drills style lab lessons build freeze nbval lock newest clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c "import sys; (3, 11) <= sys.version_info[:2] <= (3, 12) or sys.exit('First Flight needs Python 3.11 or 3.12: name one with make PYTHON=...')"
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: | $(BIN)/python
	command -v uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check $(LOCKED_UV)

# Compiled once: imports are several times faster where Python may not write bytecode itself.
$(INSTALLED): requirements.txt pyproject.toml | $(BIN)/uv
	$(UV) pip install --python $(BIN)/python --compile-bytecode --requirement requirements.txt
	$(UV) pip install --python $(BIN)/python --no-deps --editable .
	$(BIN)/course setup
	touch $@

install: $(INSTALLED) ## make .venv with the locked packages, and do the one-off set-up

course: $(INSTALLED) ## run all lessons, and print what each took, the ledger and the history
	$(BIN)/course run

test: style $(INSTALLED) ## everything that must be green; ends with pytest's count
	$(BIN)/python -m pytest tests solutions --replay workspace-test/solutions/executed/solutions

drills: $(INSTALLED) ## kill, race and damage the path by the thousand; one table (long)
	$(BIN)/python -m drills

again: $(INSTALLED) ## do each lesson twice, and once more after half of it: the same state (half an hour)
	$(BIN)/python -m drills.again

bench: $(INSTALLED) ## measure the service beside others, and how the path grows (10 minutes)
	$(BIN)/python -m benchmarks

style: $(INSTALLED) ## formatting, lint, types, and notebooks that match their source
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/course build --check

unit: $(INSTALLED) ## the tests that do not run the course
	$(BIN)/python -m pytest tests -m "not slow" --ignore tests/course/test_course_runs.py

nbval: $(INSTALLED) ## run the solutions, and compare their outputs with the committed ones
	$(BIN)/course run --solutions --workspace workspace-test/solutions
	$(BIN)/python -m pytest solutions --replay workspace-test/solutions/executed/solutions

lab: $(INSTALLED) ## copy the notebooks to my-notebooks/, and open them in JupyterLab
	$(BIN)/course copy
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter lab --LabApp.default_url=/lab/tree/my-notebooks

build: $(INSTALLED) ## write notebooks/ and solutions/ from lessons/
	$(BIN)/course build

lessons: build ## the same as build

freeze: $(INSTALLED) ## run the solutions, and copy their outputs into solutions/
	$(BIN)/course run --solutions --workspace workspace-test/solutions
	$(BIN)/course freeze --workspace workspace-test/solutions

lock: | $(BIN)/uv ## solve pyproject.toml anew into requirements.txt and environment.yml
	$(UV) pip compile pyproject.toml --all-extras --python-version 3.11 --upgrade --no-header --no-annotate --output-file requirements.txt
	$(BIN)/course environment

newest: | $(BIN)/uv ## install the newest versions that pyproject.toml allows, to find what breaks
	$(UV) pip install --python $(BIN)/python --compile-bytecode --upgrade --editable '.[course,dev]'
	$(BIN)/course setup
	touch $(INSTALLED)

clean: ## remove what make made, and leave workspace/ (course reset deletes that)
	rm -rf $(VENV) .setup workspace-test .pytest_cache .mypy_cache .ruff_cache
