# make repro: Table 2 from nothing; make family F=readings: the table of another family of rows.yaml;
# make all: the tables of every family that params.yaml names; make test, make lint, make check: the
# checks; make portable: a small run on emulated processors, where qemu-x86_64 is installed;
# make slurm: cells as jobs of a Slurm on this machine, where its daemons are installed;
# make setup: the environment.
PYTHON ?= python3
JOBS ?= 2  # cells trained side by side; where there are GPUs, as many as these
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
# by force: DVC cannot know which families a profile has results of
REPORT := dvc repro --force --single-item report
unexport PYTHONDONTWRITEBYTECODE  # else every process compiles its imports anew, torch's too

.PHONY: repository named setup repro family all test portable slurm lint check

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

# a family other than Table 2, which comes first because the family's rows are compared with its rows
family: repository named repro
	@python -m harness.launch --jobs $(JOBS) --family $(F)
	@dvc repro $$(python -c 'from harness.config.rows import read_family; \
	  print(*read_family("$(F)").stages)')
	@$(REPORT)

named:
	@test -n "$(F)" || { echo "error: name a family of params.yaml: make family F=readings" >&2; exit 1; }

all: repository repro
	@python -m harness.launch --jobs $(JOBS) --family all
	@dvc repro $$(python -c 'from harness.config.rows import families, read_family; \
	  print(*[stage for name in families()[1:] for stage in read_family(name).stages])')
	@$(REPORT)

test: setup
	pytest -n auto --dist loadfile  # a file is one process's, whose fixtures it shares

portable: setup
	pytest -m emulated -rs tests/test_portable.py

slurm: setup
	pytest -m slurm -rs tests/test_cluster.py

lint: setup
	ruff check . && ruff format --check . && mypy

# the committed results: of this code and params, and what is expected of them?
check: setup
	@python -m harness.cli check
