# Everything installs into .venv; nothing else is needed but Python 3.11 and, for calls on a real
# Asterisk, a Debian on which this runs as root.
PY := .venv/bin/python
CONFIG ?= /etc/pbxbilling/pbxbilling.toml

.PHONY: help run serve test test-fast check soak bench clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

.venv/installed: pyproject.toml
	test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip install --quiet --editable '.[dev]'
	@touch $@

run: .venv/installed ## The main job on embedded defaults: calls of two tenants, one beyond its limit
	$(PY) -m rig.demo

serve: .venv/installed ## The plain daemon: make serve CONFIG=/etc/pbxbilling/pbxbilling.toml
	.venv/bin/pbxbilling serve -c $(CONFIG)

check: .venv/installed ## Style, types and the floors of the house
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports

test: check provision ## Everything that CI checks
	$(PY) -m pytest

test-fast: .venv/installed ## What one runs while working: no real counterpart, no processes
	$(PY) -m pytest tests/unit tests/contract tests/replay tests/fuzz -q

.PHONY: provision
provision: .venv/installed
	$(PY) -m rig.provision

soak: .venv/installed provision ## Long rounds
	$(PY) -m pytest -m soak

bench: .venv/installed ## Ratios against a null server, a raw writer and the like
	$(PY) -m bench

clean: ## Forget what was built here
	rm -rf .venv build dist var .mypy_cache .ruff_cache .pytest_cache .hypothesis
