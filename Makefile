# Needs Python >= 3.11, git and make; everything else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The first of these that runs and is new enough makes the environment; `make PYTHON=...` overrides.
PYTHON ?= python3 python3.13 python3.12 python3.11

# Installed first and pinned: the same numbers for everybody, and no silent download of another build.
TORCH ?= torch==2.13.0

PACKAGES := -p slowturn.envs -p slowturn.agents -p slowturn.monitors -p slowturn.experiments

.PHONY: help demo test check wheel zoo clean

help:
	@echo "make demo    grow a treacherous agent and its honest twin, and watch them (runs/demo)"
	@echo "make test    run the tests on two cores"
	@echo "make check   lint, format, types and links"
	@echo "make wheel   build the package, install it elsewhere and try it"
	@echo "make zoo     grow the packaged organisms that are missing (all: over an hour)"
	@echo "make clean   remove the environment and what tools left behind; keeps runs/"

demo: $(INSTALLED)
	$(BIN)/slowturn demo --out runs/demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/md-dead-link-check

wheel: $(INSTALLED)
	$(BIN)/python tests/check_wheel.py "$(TORCH)"

zoo: $(INSTALLED)
	$(BIN)/slowturn zoo build

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find envs agents monitors experiments tests -type d -name __pycache__ -prune -exec rm -rf {} +

# Written last, so that an interrupted installation is repeated.
$(INSTALLED): pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		for python in $(PYTHON); do \
			if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				echo "$$python -m venv $(VENV)"; \
				exec $$python -m venv --clear $(VENV); \
			fi; \
		done; \
		echo "No suitable Python among: $(PYTHON)." >&2; \
		echo "slowturn needs Python >= 3.11 with venv (Debian: apt install python3-venv);" >&2; \
		echo "name yours with: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi
	$(BIN)/pip install --quiet "$(TORCH)"
	$(BIN)/pip install --quiet --editable ".[dev]"
	@touch $@
