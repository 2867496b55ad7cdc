# Needs Python 3.10 or newer and make; everything else is fetched into this folder.
PYTHON ?= python3
ARGS ?=
STAGES ?=

.PHONY: help lab test lint bench wheel generate clean

help: ## tell what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

lab: ## start JupyterLab with the panel open; make lab ARGS="--LccIdle.kernel_timeout_seconds=120"
	@exec $(PYTHON) scripts/lab.py $(ARGS)

test: ## run every check; some of them: make test STAGES="lint python"
	@exec $(PYTHON) scripts/check.py $(STAGES)

lint: ## run the linters and type checkers alone
	@exec $(PYTHON) scripts/check.py lint

bench: ## measure it side by side with what people run instead
	@$(PYTHON) scripts/house.py test
	@exec .venv/bin/python -m benchmarks $(ARGS)

wheel: ## build the wheel into dist/
	@exec $(PYTHON) scripts/wheel.py

generate: ## write openapi.json, the TypeScript types, the Korean catalogue and the tables of the docs anew
	@$(PYTHON) scripts/house.py generate
	@exec .venv/bin/python scripts/generate.py

clean: ## remove everything that was made here
	rm -rf .venv .venvs .make .lab .yarn node_modules floor/node_modules ui-tests/node_modules lib dist build \
		jupyter_lcc/labextension jupyter_lcc/_version.py *.tsbuildinfo .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache .eslintcache .stylelintcache
