# make repro: Table 2 from nothing; make readings: what each open detail of the paper is worth;
# make test, make lint, make check: the checks; make portable: a small run on emulated processors,
# where qemu-x86_64 is installed; make setup: the environment.
PYTHON ?= python3
JOBS ?= 2  # cells trained side by side; a GPU wants 1
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
unexport PYTHONDONTWRITEBYTECODE  # else every process compiles its imports anew, torch's too

.PHONY: repository setup repro readings test portable lint check

setup: .venv/ready

# --no-compile: Python compiles what is imported, which is a small part of what is installed
.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; set PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/pip install --quiet --no-deps --require-hashes -r .venv/uv.lock
	@$(BIN)/uv pip install --quiet --python .venv --no-deps --require-hashes -r requirements.lock || \
	  { echo "uv could not install all packages; trying with pip, slower" >&2; \
	    $(BIN)/pip install --quiet --no-deps --no-compile --require-hashes -r requirements.lock; }
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# DVC records results beside what git has
repository:
	@git rev-parse --git-dir > /dev/null || { echo "error: git cannot read this folder; clone the" \
	  "repository instead of unpacking a ZIP of it, and do what git says above" >&2; exit 1; }

# dvc repro alone would do; launch trains the cells side by side and records them at once
repro: repository setup
	@dvc repro features
	@python -m harness.launch --jobs $(JOBS)
	@dvc repro

readings: repository repro
	@python -m harness.launch --jobs $(JOBS) --block sensitivity
	@dvc repro sensitivity/dvc.yaml

test: setup
	pytest

portable: setup
	pytest -m emulated -rs tests/test_portable.py

lint: setup
	ruff check . && ruff format --check . && mypy

# the committed results: of this code and params, and what is expected of them?
check: setup
	@python -m harness.cli check
