# Everything runs in a virtual environment of its own, .venv, made from constraints.txt.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DATA   := data/mini-earth
RUN    := runs/demo
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: all demo test test-slow lint format docs bench clean

all: lint test

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ..")'
	$(PYTHON) -m venv $(VENV)

# torch first and pinned: any range would bring gigabytes of CUDA libraries on Linux.
$(VENV)/.model: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch==$$(sed -n 's/^torch==//p' constraints.txt)
	$(PIP) --editable '.[model]'
	touch $@

$(VENV)/.dev: $(VENV)/.model
	$(PIP) --editable '.[dev]'
	touch $@

# Made beside and renamed by the command itself; the same arguments make the same bytes.
$(DATA): | $(VENV)/.model
	$(BIN)/geopix earth make $(DATA) --seed 7 --images 48 --splits test

demo: $(VENV)/.model $(DATA)
	$(BIN)/geopix-eval --tasks rsvqa_hr,rrsis --model geopix-mini --data-dir $(DATA) --output $(RUN)/geopix-mini
	$(BIN)/geopix-eval --tasks rsvqa_hr,rrsis --model baseline:constant --data-dir $(DATA) --output $(RUN)/baseline
	@$(BIN)/geopix-eval leaderboard $(RUN) --output $(RUN)/leaderboard.html
	@echo "Open $(abspath $(RUN)/leaderboard.html)"

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal -m 'not slow'

test-slow: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist worksteal -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) data runs build dist .pytest_cache .mypy_cache .ruff_cache
