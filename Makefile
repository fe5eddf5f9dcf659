# The contributor's menu. Every target works from a fresh clone with Python >= 3.11 and make.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_PYTHON_DOWNLOADS ?= never
export UV_PYTHON_DOWNLOADS

ENV := .venv
BIN := $(ENV)/bin
STAMP := $(ENV)/.ready

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv with every extra and tool, and compile the kernels

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(ENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv sync --quiet --locked --all-extras --group dev --compile-bytecode
	$(BIN)/forcedflow warmup
	@touch $@

demo: setup ## a simulated market, live until Ctrl-C; HEADLESS=1 shows it once and writes a picture
	@$(BIN)/forcedflow demo $(if $(HEADLESS),--headless)

test: setup pango lint types ## everything CI runs
	$(BIN)/python -m pytest

# What lays out printed pages is a library of the system: where it is missing, apt gets it if it may,
# else the tests that print pages are skipped by name.
pango: setup
	@$(BIN)/forcedflow doctor | grep -q '✓ Pango' || { as=$$(test "$$(id -u)" = 0 || echo "sudo -n"); \
	  $$as apt-get -qq update && $$as apt-get -qq install -y libpango-1.0-0 libpangoft2-1.0-0; } || \
	  echo "no Pango here: tests that print pages are skipped"

lint: setup ## style, spelling and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell src tests docs benchmarks examples *.md
	$(BIN)/lint-imports

types: setup ## mypy --strict
	$(BIN)/mypy

docs: setup ## regenerate the generated reference pages
	$(BIN)/python docs/generate.py

bench: setup ## how fast, against whom
	$(BIN)/python -m benchmarks

.PHONY: help setup demo test pango lint types docs bench
