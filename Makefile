# What a contributor types. `make test` is all that is needed after a clone.

CARGO ?= cargo
# One process a test where it is installed; the same tests either way.
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
# Libraries whose pages are published; the command has the library's name and no public items.
LIBRARIES := --workspace --exclude chainrule-cli

.PHONY: help test fmt fmt-check lint docs

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

test: ## all tests: units, suite, examples, documentation
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --workspace --no-tests=pass --no-fail-fast
else
	$(CARGO) test --workspace --lib --bins --tests --examples --no-fail-fast
endif
	$(CARGO) test --workspace --doc
	@echo "make test: all passed"

fmt: ## write all files in the house's format
	$(CARGO) fmt --all

fmt-check: ## fail if a file is not in the house's format
	$(CARGO) fmt --all --check

lint: ## clippy over everything (tests and benches too), warnings are errors
	$(CARGO) clippy --workspace --all-targets -- -D warnings

docs: ## the libraries' pages, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps $(LIBRARIES)
