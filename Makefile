# `make demo` and `make test` are all that a fresh Debian or Ubuntu needs (root, or sudo); they say what they install.
.PHONY: demo test fuzz faults bench lint format types check clean

VENV := .venv
RUN := $(VENV)/bin
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist worksteal

demo: ## Run the main job: a Go package and an OCaml package, written, mended and handed over as branches.
	@sh .ci/prepare demo
	@$(RUN)/python examples/demo.py

test: ## Install what is missing, start a Docker engine where root has none, run every check and test.
	@sh .ci/prepare test
	@$(MAKE) --no-print-directory lint types
	@$(RUN)/pytest $(SIDE_BY_SIDE)

fuzz: ## Try ten times as many inputs on what reads untrusted bytes as the tests do, never the same ones.
	@sh .ci/prepare test
	@BACTRIAN_FUZZ=$${BACTRIAN_FUZZ:-10} $(RUN)/pytest tests/fuzz --timeout 7200

faults: ## Kill sessions at every event and strike them in every way there is; say what that lost and leaked.
	@sh .ci/prepare test
	@BACTRIAN_FAULTS=all $(RUN)/pytest tests/faults --timeout 7200

bench: ## Print the figures.
	@sh .ci/prepare test
	@$(RUN)/python -m benchmarks

check: lint types
	@$(RUN)/pytest $(SIDE_BY_SIDE)

lint:
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/lint-imports --no-cache --no-logo

format:
	@$(RUN)/ruff check --fix .
	@$(RUN)/ruff format .

types:
	@$(RUN)/pyright

clean:
	rm -rf $(VENV) dist .pytest_cache .ruff_cache
