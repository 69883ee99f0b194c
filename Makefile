# Needs Python 3.11 or later and, for calls on a real Asterisk, a Debian on which this runs as root.
# All else is installed: packages of Python into .venv, those of Debian where this runs as root.
# What then is missing, one line names.
PYTHON ?= python3
PY := .venv/bin/python
COMPILED := PYTHONPATH="$(CURDIR)/build/compiled"
WORKERS ?= 4
# A worker that ends is not replaced: the tests that it had would be waited for, for ever.
PARALLEL = --numprocesses=$(WORKERS) --dist=loadscope --max-worker-restart=0
FAST := tests/unit tests/contract tests/replay tests/fuzz
CONFIG ?= /etc/pbxbilling/pbxbilling.toml

.PHONY: help run serve wheel deb test test-fast check soak bench openapi clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

.PHONY: environment compiler
environment: # .venv, whole and with what the lock holds
	@$(PYTHON) -m rig.environment

compiler: environment # gcc and Python's headers
	@$(PY) -m rig.provision compiler

run: environment ## The main job on embedded defaults: calls of two tenants, one beyond its limit
	$(PY) -m rig.demo

serve: environment ## The plain daemon: make serve CONFIG=/etc/pbxbilling/pbxbilling.toml
	.venv/bin/pbxbilling serve -c $(CONFIG)

# The compiled core (docs/decisions/0011-a-compiled-core.md) in front of the sources: what operators
# install is what is tested and measured.
build/compiled/installed: pyproject.toml deploy/lock/development.txt $(shell find src -type f ! -name '*.pyc') | compiler
	rm -rf build/compiled dist
	HATCH_BUILD_HOOKS_ENABLE=1 $(PY) -m rig.quietly build/wheel.log $(PY) -m build --no-isolation
	$(PY) -m rig.sbom deploy/lock/runtime.txt dist/pbxbilling.cdx.json dist/*.whl
	$(PY) -m pip install --quiet --no-index --no-deps --target build/compiled dist/*.whl
	@touch $@

wheel: build/compiled/installed ## dist/*.whl with a compiled core, and what is in it (*.cdx.json)

deb: environment ## dist/*.deb for Debian 12 and 13, each built in a chroot of it, as root
	$(PY) -m rig.packages

# As deploy/systemd/pbxbilling.service has it.
PREFIX := /opt/pbxbilling
.PHONY: install
install: ## Into /opt/pbxbilling with command, unit and user, as root; WHEEL=dist/*.whl installs that
	$(PYTHON) -m rig.installation $(PREFIX) $(WHEEL)
	ln -sf $(PREFIX)/bin/pbxbilling /usr/local/bin/pbxbilling
	install -D -m 644 -t /etc/systemd/system deploy/systemd/pbxbilling.service deploy/systemd/pbxbilling-web.service
	install -D -m 644 deploy/systemd/pbxbilling.sysusers.conf /usr/lib/sysusers.d/pbxbilling.conf
	systemd-sysusers
	systemctl daemon-reload

check: environment ## Style, types and the floors of the house
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports

test: environment ## Everything that CI checks; at the end it says how long that took
	@$(PY) -m rig.timed $(MAKE) --no-print-directory checked-and-tested

.PHONY: checked-and-tested
checked-and-tested:
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=recurse package installable
	$(COMPILED) $(PY) -m pytest $(PARALLEL)

# Compilers are busy for minutes on one core each: before the tests, and beside what needs none. The
# sources themselves are tested by Debian's own Pythons (tests/system/test_bare.py).
.PHONY: installable package
installable: provision build/compiled/installed

package: check
	$(PY) -m rig.packages --ahead

test-fast: environment ## What one runs while working: no real counterpart, no processes
	$(PY) -m pytest $(FAST) -q

.PHONY: provision
provision: environment
	$(PY) -m rig.provision

soak: provision build/compiled/installed ## Long rounds
	$(COMPILED) $(PY) -m pytest -m soak

bench: build/compiled/installed ## Ratios against a null server, a raw writer and the like
	$(COMPILED) $(PY) -m bench

openapi: environment ## docs/reference/openapi.json, from the routes
	$(PY) -m rig.openapi

.PHONY: lock lowest audit
lock: environment ## deploy/lock, from pyproject.toml; UPGRADE=1 takes new releases
	$(PY) -m rig.lock $(if $(UPGRADE),--upgrade)

lowest: environment ## The fast suite on the lowest releases that pyproject.toml allows
	$(PY) -m rig.lowest --numprocesses=2 --dist=loadscope $(FAST)

audit: environment ## Known vulnerabilities in what is locked; status 3 where no service answers
	@$(PY) -m rig.audit deploy/lock/development.txt

clean: ## Forget what was built here
	rm -rf .venv build dist var .mypy_cache .ruff_cache .pytest_cache .hypothesis
