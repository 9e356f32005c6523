# make repro: Table 2 from nothing; make family F=readings: the table of another family of rows.yaml;
# make all: the tables of every family that params.yaml names; make test, make lint, make check: the
# checks; make long: the tests that kill runs many times; make portable: a small run on emulated
# processors, where qemu-x86_64 is installed; make slurm: cells as jobs of a Slurm on this machine,
# where its daemons are installed; make setup: the environment. What is interrupted or killed goes on
# when it is called again.
PYTHON ?= python3
JOBS ?= 2  # cells trained side by side; where there are GPUs, as many as these
KEEP_GOING ?=  # 1: when a cell fails the others are trained, and its row is MISSING in the table
KILLS ?= 30  # of each kind, in make long
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
unexport PYTHONDONTWRITEBYTECODE  # else every process compiles its imports anew, torch's too

.PHONY: repository named setup repro family all test long portable slurm lint check

setup: .venv/ready

# --no-compile: Python compiles what is imported, which is a small part of what is installed
.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; set PYTHON=…" >&2; exit 1; }
	@if kill -0 "$$(cat .venv/unfinished 2> /dev/null)" 2> /dev/null; then \
	  echo "error: process $$(cat .venv/unfinished) makes .venv; wait for it, or remove .venv" >&2; exit 1; \
	elif test -e .venv/unfinished; then rm -r .venv; fi  # half a package would pass for a whole one
	@mkdir -p .venv && echo $$PPID > .venv/unfinished
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	.venv/bin/python -m pip install --quiet --no-deps --require-hashes -r .venv/uv.lock
	@.venv/bin/uv pip install --quiet --python .venv --no-deps --require-hashes -r requirements.lock || \
	  { echo "uv could not install all packages; trying with pip, slower" >&2; \
	    .venv/bin/python -m pip install --quiet --no-deps --no-compile --require-hashes -r requirements.lock; }
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@rm .venv/unfinished
	@touch $@

# DVC records results beside what git has
repository:
	@git rev-parse --git-dir > /dev/null || { echo "error: git cannot read this folder; clone the" \
	  "repository instead of unpacking a ZIP of it, and do what git says above" >&2; exit 1; }

REPRO = python -m harness.repro --jobs $(JOBS) $(if $(filter 1,$(KEEP_GOING)),--keep-going)

repro: repository setup
	@$(REPRO)

# a family other than Table 2, which comes first because the family's rows are compared with its rows
family: repository named setup
	@$(REPRO) --family $(F)

named:
	@test -n "$(F)" || { echo "error: name a family of params.yaml: make family F=readings" >&2; exit 1; }

all: repository setup
	@$(REPRO) --family all

test: setup
	pytest -n auto --dist loadfile  # a file is one process's, whose fixtures it shares

long: setup
	KILLS=$(KILLS) pytest -n auto --dist loadfile -m long  # as above

portable: setup
	pytest -m emulated -rs tests/test_portable.py

slurm: setup
	pytest -m slurm -rs tests/test_cluster.py

lint: setup
	ruff check . && ruff format --check . && mypy

# the committed results: of this code and params, and what is expected of them?
check: setup
	@python -m harness.cli check
