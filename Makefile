# Two commands: `make run` starts the program on sample data, `make test` runs all that CI runs.
# Both set up .venv first and do nothing that is already done.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.napari-unet-installed

.PHONY: help setup system run test lint bench clean

help:
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: system $(STAMP) ## make .venv with exact versions

system:
	@bash .ci/system_libraries

$(STAMP): pyproject.toml constraints.txt
	@bash .ci/environment "$(PYTHON)"
	touch "$(STAMP)"

run: setup ## start the program on sample data
	@$(BIN)/python -m napari_unet demo

test: setup ## lint, types and tests, as CI does
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/typos
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/npe2 validate src/napari_unet/napari.yaml
	# one torch thread a test process: they share the cores already
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

bench: setup ## race the peers and write docs/benchmarks.md
	@bash .ci/benchmark_environment "$(PYTHON)"
	for question in deformation weight_map evaluation; do .venv-benchmarks/bin/python "benchmarks/$$question.py"; done

clean: ## remove the environments
	@rm -rf .venv .venv-benchmarks
