# Every command of the project. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := langgraph dbos restate

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-campaign test check format bench bench-peers drills docs schema lock clean

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) (about a minute, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

setup: $(STAMP) ## install what is pinned in requirements.lock into .venv

demo: $(STAMP) ## start everything on this machine, audit an account, print the report
	@$(BIN)/army demo

demo-campaign: $(STAMP) ## run a campaign against fake vendors, and ask you before each act; ARGS="--yes"
	@$(BIN)/army demo campaign $(ARGS)

test: $(STAMP) ## run the tests
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

check: $(STAMP) ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure the engine beside a pgbench floor; ARGS="--peers langgraph,dbos --cells audit@8"
	@$(BIN)/python -m bench $(ARGS)

bench-peers: $(PEERS:%=.bench/%/.installed) ## install the engines that bench --peers measures, each into its own .bench/

.bench/%/.installed: bench/peers/requirements-%.txt bench/peers/package.json
	@echo "installing $* into .bench/$*"
	@test -x .bench/$*/bin/python || $(PYTHON) -m venv .bench/$*
	@.bench/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@if test $* = restate; then cp bench/peers/package.json .bench/restate/ && \
		npm install --silent --no-fund --no-audit --ignore-scripts --prefix .bench/restate; fi
	@touch $@

drills: $(STAMP) $(VENV)/.drills ## kill, stop and confuse every process, and compare the books; ARGS="--seed 7 --only F1,F3"
	@$(BIN)/python -W ignore -m tests.drills $(ARGS)

$(VENV)/.drills: tests/drills/requirements.txt $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $< && touch $@ || \
		echo "libfaketime could not be installed (it is compiled: is there a C compiler?); without it F19 breaks"

docs: $(STAMP) ## write the pages that are made from the code again
	@$(BIN)/python -m docs.write

schema: $(STAMP) ## write migrations/schema.sql again, after a migration
	@$(BIN)/python -m migrations.dump

lock: $(STAMP) ## pin the newest versions that pyproject.toml allows
	@$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --extra local --extra dev \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
		-o requirements.lock pyproject.toml

clean: ## remove the virtual environment and the state of the local stack
	@test ! -x $(BIN)/python || $(BIN)/python -m local.clean .army
	@rm -rf $(VENV) .army .bench
