# Two commands: 'make book' and 'make test'. Needs Python 3.11 with venv, make and git; all else is in requirements.lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
STUDY ?= book/studies/quick.toml
BIN := .venv/bin

.PHONY: book test lint format notebooks pretrained clean
.DEFAULT_GOAL := book

# One recipe for the environment, made again when what it was made from changes.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info[:2] == (3, 11) else \
	"requirements.lock is for Python 3.11, and $(PYTHON) is " + v + "; install Python 3.11 or say where it is: make PYTHON=PATH")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Compute the study, then render and check the book; prints the path of its first page.
book: .venv/installed
	$(BIN)/lvmass book $(STUDY)

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# After editing a chapter: bring its notebook in line with the percent script, which is the source.
notebooks: .venv/installed
	touch book/*.py
	$(BIN)/jupytext --sync book/[0-9]*.py

# The small model that 'lvmass predict' uses.
pretrained: .venv/installed
	$(BIN)/lvmass run book/studies/pretrained.toml --save-model lvmass/pretrained

clean:
	rm -rf _build book/studies/results book/studies/.lvmass
