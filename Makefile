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
.PHONY: help install course test unit style lab lessons build freeze nbval lock newest clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: | $(BIN)/python
	command -v uv >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check $(LOCKED_UV)

# Compiled once: imports are several times faster where Python may not write bytecode itself.
$(INSTALLED): requirements.txt pyproject.toml | $(BIN)/uv
	$(UV) pip install --python $(BIN)/python --quiet --compile-bytecode --requirement requirements.txt
	$(UV) pip install --python $(BIN)/python --quiet --no-deps --editable .
	$(BIN)/course setup
	touch $@

install: $(INSTALLED) ## make .venv with the locked packages, and do the one-off set-up

course: $(INSTALLED) ## run all lessons, and print what each took, the ledger and the history
	$(BIN)/course run

test: style unit-first ## everything that must be green; ends with pytest's count
