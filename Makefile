# What a contributor types. `make test` is all that is needed after a clone.

CARGO ?= cargo
# One process a test where it is installed; the same tests either way.
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
# Libraries whose pages are published; the programs have no public items.
LIBRARIES := --workspace --exclude chainrule-cli --exclude chainrule-bench

# What the tests see besides the defaults; a database server is asked for by CHAINRULE_POSTGRES.
FEATURES := --features chainrule-cli/postgres

# What the tests ask other programs with; made by itself when it is absent or out of date.
VENV := .venv
PYTHON_PACKAGES := tests/python/requirements.txt
export CHAINRULE_PYTHON ?= $(CURDIR)/$(VENV)/bin/python

# The libraries that `make bench` measures beside ours; large, so apart from those of the tests.
BENCH_VENV := bench/.venv
BENCH_PACKAGES := bench/requirements.txt
ARGS ?=

.PHONY: help test pdf fuzz fmt fmt-check lint docs bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: $(VENV)/made ## all tests: units, suite, examples, documentation, exports in Python
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --workspace $(FEATURES) --no-tests=pass --no-fail-fast
else
	$(CARGO) test --workspace $(FEATURES) --lib --bins --tests --examples --no-fail-fast
endif
	$(CARGO) test --workspace $(FEATURES) --doc
	@echo "make test: all passed"

# Three hundred crates more; apart from the rest, so that nobody waits for them who needs no PDF.
PDF := -p chainrule -p chainrule-cli --features chainrule/pdf,chainrule-cli/pdf
pdf: ## tests of a build that writes PDF; builds Typst, some minutes the first time
	$(CARGO) test $(PDF) --test it --test cli pdf

# Each target for so long, one after the other; TARGET=csv runs one of them.
SECONDS ?= 60
fuzz: ## broken files for SECONDS a target (60), or one TARGET
	CHAINRULE_FUZZ_SECONDS=$(SECONDS) $(CARGO) test -p chainrule --test fuzz -- \
	  --test-threads=1 --nocapture $(if $(TARGET),targets::$(TARGET),targets)

# Without Python or network the tests that need it skip and say so, or fail with CHAINRULE_NO_SKIP=1.
$(VENV)/made: $(PYTHON_PACKAGES)
	@rm -rf $(VENV)
	@python3 -m venv $(VENV) \
	  && $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< \
	  && touch $@ \
	  || { rm -rf $(VENV); echo "make: no Python packages for the tests (see above)"; }

fmt: ## write all files in the house's format
	$(CARGO) fmt --all

fmt-check: ## fail if a file is not in the house's format
	$(CARGO) fmt --all --check

lint: ## clippy over everything (tests and benches too), warnings are errors
	$(CARGO) clippy --workspace $(FEATURES) --all-targets -- -D warnings

docs: ## the libraries' pages, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps $(LIBRARIES)

bench: $(BENCH_VENV)/made ## chainrule beside other libraries, with ratios; options: ARGS=--help, ARGS=--quick
	@$(BENCH_VENV)/bin/python bench/run.py $(ARGS)

# Several gigabytes, once; without network or disk nothing is left behind.
$(BENCH_VENV)/made: $(BENCH_PACKAGES)
	@rm -rf $(BENCH_VENV)
	@python3 -m venv $(BENCH_VENV) \
	  && $(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< \
	  && touch $@ \
	  || { rm -rf $(BENCH_VENV); echo "make: the packages of bench/requirements.txt are not there (see above)"; exit 1; }
