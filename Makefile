# Every verb makes .venv first, unless it is there and up to date. `make` alone lists the verbs.
# Other Python: make test PYTHON=python3.12. Part of the tests: make test ARGS="tests/training -k silu".
# Two processes run the tests: JOBS=4 for more, JOBS=0 for this one alone, which -s and a debugger need.

PYTHON ?= python3
ARGS ?=
JOBS ?= 2
TORCH ?=
REF ?= refs/heads/main
BASE ?= origin/main
PY := .venv/bin/python

export OMP_NUM_THREADS := 1
export NO_MKDOCS_2_WARNING := 1
export DISABLE_MKDOCS_2_WARNING := true

.DEFAULT_GOAL := help
.PHONY: help setup site version changed serve test site-test check bench update lock clean python

help:
	@echo "dlref: the verbs"
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

site: setup ## build the site into site/, strictly
	$(PY) -m mkdocs build --strict $(ARGS)

version: setup ## build the site as a version, latest or REF=refs/tags/v..., onto the branch gh-pages and into public/
	$(PY) -m sitekit.versions $(REF)

changed: setup ## list the pages that changed since BASE=origin/main beside the built site
	$(PY) -m sitekit.changed_pages $(BASE)

serve: setup ## show the site while you write, at the address it prints
	DLREF_LABS=cached $(PY) -m mkdocs serve --livereload --dirty $(ARGS)

test: setup ## run every proof, snippet and example
	$(PY) -m pytest --ignore=tests/site --ignore=tests/bench -n $(JOBS) --dist loadfile $(ARGS)

site-test: setup ## read the built site in a browser
	$(PY) -m tests.site.node
	$(PY) -m pytest tests/site -n $(JOBS) --dist worksteal $(ARGS)

check: setup ## check style, format and types
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m pyright

bench: setup ## measure speed, side by side with torch.nn
	$(PY) -m pytest tests/bench $(ARGS)

update: setup ## rewrite the snippets' output, the verification record and the list of addresses
	$(PY) -m sitekit update $(ARGS)
	$(PY) -m sitekit.inventories
	$(PY) -m sitekit lock
	$(PY) -m pytest tests --ignore=tests/site --ignore=tests/bench --ignore=tests/test_content.py --record -q

lock: python ## refresh constraints.txt
	@$(PYTHON) -m sitekit.pin $(if $(TORCH),--torch $(TORCH))

clean: ## remove everything that the other verbs made, .venv included
	rm -rf .venv .cache site public build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: python ## make .venv, or bring it up to date
	@$(PYTHON) -m sitekit.setup_env

python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	    echo "There is no $(PYTHON) here: install Python 3.11 or newer, or say where it is: make site PYTHON=/path/to/python3" >&2; \
	    exit 1; }
