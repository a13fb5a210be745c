# Everything runs from one virtual environment, made from the hashed lock file on first use.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
TESTS  := $(PY) -m pytest --numprocesses auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test check explore coverage run bench lock clean

help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 12

demo: $(VENV)/ready   ## the real bot with a local Slack, AWS, PagerDuty and GitHub you can break (DEMO_PORT=8090 DEMO_SPEED=1)
	$(PY) -m sandbox.demo

test: $(VENV)/ready   ## the whole test suite, on all cores
	$(TESTS)

check: $(VENV)/ready  ## lint, types, import rules and tests: what CI runs
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(TESTS)

explore: $(VENV)/ready   ## the property tests with new examples each time; what they find is a defect
	HYPOTHESIS_PROFILE=explore $(TESTS) -m hypothesis --timeout 900

coverage: $(VENV)/ready   ## what no test reaches, line by line; in one process, so it takes several times as long
	$(PY) -m coverage run -m pytest
	$(PY) -m coverage report

run: $(VENV)/ready    ## the bot against the workspace named in the environment
	$(PY) -m bot

bench: $(VENV)/ready  ## latency, bursts, memory: printed as tables
	$(PY) -m benchmarks

lock:                 ## renew both lock files (needs uv); names, versions and hashes only
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --upgrade -o requirements.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --upgrade --all-extras -o requirements-dev.lock

clean:           ## remove what the targets above made
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .coverage

$(VENV)/ready: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@
