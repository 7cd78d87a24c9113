# `make demo` and `make test` do all the set-up that they need: a virtual environment in .venv, the package in it.
PYTHON ?= python3
CC ?= cc
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types unit bench clean tools

demo: tools $(VENV)/.installed
	$(BIN)/aic demo --out demo-out

test: tools lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/pyright

unit: tools $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -p no:cacheprovider

tools:
	@command -v $(CC) >/dev/null || { \
	  echo "error: no C compiler '$(CC)': install gcc (Debian: apt install gcc; Fedora: dnf install gcc) or set CC"; exit 6; }

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: aic needs Python 3.11 or newer, found: $$($(PYTHON) --version)"; exit 6; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist *.egg-info demo-out
