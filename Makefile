# The two commands of the README: `make run` shows a secure call and messages on a fresh host, `make test` runs the tests.
# Everything is made inside the checkout (.venv); nothing needs root.

PYTHON ?= python3
VENV   := .venv
INTO   := $(VENV)/bin/python

export PIP_DISABLE_PIP_VERSION_CHECK = 1

BENCHES := relay idle attach messages calls xdp

# More workers than two cores, for most tests wait most of the time. A file's tests run in one worker: they share a host.
WORKERS := 3
TESTS   := $(INTO) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

CHECKED := crs demo bench test bin setup.py doc

.PHONY: run test test-unit coverage check format fuzz venv clean bench $(BENCHES:%=bench-%)

run: venv
	$(INTO) -m demo.tour

test: venv
	$(TESTS) --durations=10 test

# Those that start no process of a host: in less than a minute.
test-unit: venv
	$(TESTS) -m "not processes" test

# Lines and branches per room, also of the processes that tests start; fails below the floor in pyproject.toml.
coverage: venv
	rm -rf .coverage
	@$(VENV)/bin/coverage run $(TESTS:$(INTO)%=%) test; tests=$$?; \
	  $(VENV)/bin/coverage combine --quiet && $(INTO) -m test.coverage_by_room && exit $$tests

# Lint, form and types; clean before each commit.
check: venv
	$(VENV)/bin/ruff check $(CHECKED)
	$(VENV)/bin/ruff format --check $(CHECKED)
	$(VENV)/bin/mypy

format: venv
	$(VENV)/bin/ruff check --fix-only $(CHECKED)
	$(VENV)/bin/ruff format $(CHECKED)

# The C part of the relay under the sanitizers: a minute or so, 20 times as many packets as in the tests.
fuzz: venv
	$(INTO) -m test.relay.fuzz

# All benchmarks, or one; BENCH has their options (see bench/README.md).
bench: venv
	$(INTO) -m bench $(BENCH)

$(BENCHES:%=bench-%): bench-%: venv
	$(INTO) -m bench.$* $(BENCH)

venv: $(VENV)/stamp

# The stamp is written last: an interrupted installation is simply done again.
$(VENV)/stamp: setup.py crs/__init__.py $(wildcard crs/*/*_build.py) crs/relay/fast.c crs/relay/xdp.bpf.c crs/relay/fast_table.h
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed, and $(PYTHON) is not: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INTO) -m pip install --quiet --editable '.[client,test,check]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .hypothesis .coverage
	find crs test -name __pycache__ -prune -exec rm -rf {} +
	find crs -name '*.so' -delete
	rm -f crs/relay/xdp.bpf.o
