# Everything runs in a virtual environment of its own, .venv, made from constraints.txt.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DATA   := data/mini-earth
RUN    := runs/demo
# What our own regression check asks: a Mini Earth of its own, and the baseline that is committed.
CHECK_DATA := data/regression
CHECK_RUN  := runs/regression
BASELINE   := regression/baseline.json.gz
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: all demo test test-slow regression bless lint format docs bench clean

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

$(CHECK_DATA): | $(VENV)/.model
	$(BIN)/geopix earth make $(CHECK_DATA) --seed 23 --images 24 --splits test

# Never goes on with an earlier run: the checkpoint may be another by now.
$(CHECK_RUN): $(VENV)/.model $(CHECK_DATA) FORCE
	rm -rf $(CHECK_RUN)
	$(BIN)/geopix-eval --tasks rsvqa_hr,rrsis --model geopix-mini --data-dir $(CHECK_DATA) --output $(CHECK_RUN) --previews 0

# Fails when geopix-mini or a metric has become worse than the committed baseline.
regression: $(CHECK_RUN)
	$(BIN)/geopix-eval compare $(BASELINE) $(CHECK_RUN) --gates regression/gates.yaml --junit runs/regression.xml --markdown runs/regression.md

# Makes what geopix-mini answers today the baseline. Commit it when a change is meant.
bless: $(CHECK_RUN)
	$(BIN)/geopix-eval bless $(CHECK_RUN) --output $(BASELINE)

FORCE:

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) data runs build dist .pytest_cache .mypy_cache .ruff_cache
