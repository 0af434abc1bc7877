# make demo and make test are all a newcomer types: each makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test run bench eval train-statements lint check test-faults kafka kafka-stop lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tocsin: expected Python 3.11 or later, found " + sys.version.split()[0] + "; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# Installed once for each state of the lock file; hashes are checked.
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "tocsin: installing (once, about half a minute)"
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "tocsin: installing the tools of the tests"
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.run  ## the pipeline on the bundled live blog, then its alerts
	@$(BIN)/tocsin demo

run: $(VENV)/.run  ## the pipeline on ./tocsin-data until Ctrl-C
	@$(BIN)/tocsin run

lint: $(VENV)/.dev  ## ruff, mypy, import contracts, compose schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

check: $(VENV)/.dev  ## the tests without the linters
	$(BIN)/pytest -q -m "not faults" --cov --cov-report=term $(ARGS)

test: lint check  ## everything CI runs

test-faults: $(VENV)/.dev  ## the long fault runs on real Kafka and the embedded log
	$(BIN)/pytest -q -m faults -p no:randomly $(ARGS)

eval: $(VENV)/.dev  ## detection quality, where the corpora are present; writes docs/quality.md
	@$(BIN)/python benchmarks/quality.py

train-statements: $(VENV)/.dev  ## train the statement tagger (needs the articles in ../shared/data)
	$(BIN)/python -m pip install -q 'jax[cpu]==0.10.2' 'scipy==1.17.1'
	$(BIN)/python benchmarks/train_statement_vectors.py .venv/vectors.npz
	$(BIN)/python benchmarks/train_statements.py --vectors .venv/vectors.npz
	$(BIN)/python benchmarks/compare_statements.py

bench: $(VENV)/.dev  ## ratios against peers; writes benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

kafka: $(VENV)/bin/python  ## start a real Apache Kafka on loopback (needs Java 17 and Maven)
	@$(BIN)/python deploy/kafka/kafka.py start

kafka-stop: $(VENV)/bin/python  ## stop it
	@$(BIN)/python deploy/kafka/kafka.py stop

lock:  ## write the lock files again (needs uv)
	uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock
	uv pip compile -q pyproject.toml --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements-dev.lock

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage .hypothesis .import_linter_cache
