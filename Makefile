# Everything sets itself up: a virtual environment, the packages, the third-party pose model.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.PHONY: run test test-pi lint bench soak clean

run: $(VENV)/device
	$(BIN)/squatlight demo

test: $(VENV)/test
	$(BIN)/squatlight models fetch
	$(BIN)/python -m pytest

test-pi: $(VENV)/device
	$(BIN)/python tests/pi

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/test
	$(BIN)/squatlight models fetch
	$(BIN)/python -m convert bench

soak: $(VENV)/test
	$(BIN)/squatlight models fetch
	$(BIN)/python -m convert soak

clean:
	rm -rf $(VENV) .venv-* build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/device: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test,synth,dask]'
	$(BIN)/python -m pip install --quiet --editable '.[convert]' || echo "no training tools: their tests will skip"
	touch $@ $(VENV)/device
