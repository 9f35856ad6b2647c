# A fresh machine needs python3 (3.11 or newer) and make; everything else is put into .venv.

export UV_PYTHON_DOWNLOADS = never
export VIRTUAL_ENV = $(CURDIR)/.venv

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --require-hashes
LOCK := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"
CODE := src tests $(wildcard bench)
# One more than there are processors: tests also wait, for disks and for other processes.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

.PHONY: demo test check lint types floors quick-test sim bench docs pin lock clean

demo: .venv/ok
	$(BIN)/comity demo $(ARGS)

test: .venv/ok
	$(PYTEST) $(ARGS)

check: lint types floors quick-test

lint: .venv/ok
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: .venv/ok
	$(BIN)/basedpyright --pythonpath $(BIN)/python

floors: .venv/ok
	$(BIN)/lint-imports --no-logo

quick-test: .venv/ok
	$(PYTEST) -m "not slow and not network"

# Play seeds of the simulation: make sim SEEDS=10000, or make sim SEEDS=1 ARGS="--first 4711" to play one again.
sim: .venv/ok
	$(BIN)/python -m comity.testing.simulation --seeds $(or $(SEEDS),1000) $(ARGS)

bench: .venv/bench-ok
	$(BIN)/python -m bench $(ARGS)

docs: .venv/docs-ok
	$(BIN)/zensical build --clean --strict

# Write down what is public, after a change that is meant.
pin: .venv/ok
	$(BIN)/python -m tests.test_public_names

# Take the newest versions that pyproject.toml allows. The files must name no registry: they are installed everywhere.
lock: .venv/ok
	$(LOCK) --upgrade --extra postgres --extra server --extra mcp pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(LOCK) --upgrade --extra bench pyproject.toml -c requirements/dev.txt -o requirements/bench.txt
	$(LOCK) --upgrade requirements/docs.in -c requirements/dev.txt -o requirements/docs.txt

.venv/ok: pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Comity needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(INSTALL) -r requirements/dev.txt
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/bench-ok: .venv/ok requirements/bench.txt
	$(INSTALL) -r requirements/bench.txt
	@touch $@

.venv/docs-ok: .venv/ok requirements/docs.txt
	$(INSTALL) -r requirements/docs.txt
	@touch $@

clean:
	rm -rf .venv build dist site .cache .hypothesis .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
