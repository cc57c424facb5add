# Two commands do everything on a fresh machine: `make demo` and `make test`. Both install the versions that the suite was
# run with, from locks/, which `make lock` makes anew. `make demo MODEL=smollm2` fetches that model (94 MB, Apache-2.0), and
# has it read and answer instead of the embedded one.
#
# PyTorch stands in no lock, since which build fits is a matter of the machine. On Linux without an NVIDIA GPU the CPU build
# is taken, so that nothing pulls gigabytes of CUDA packages; elsewhere the registry's default. To decide yourself:
#   make demo TORCH="torch==2.13.0"

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH_VERSION := 2.13.0
CPU_INDEX := https://download.pytorch.org/whl/cpu
HAS_GPU := $(shell nvidia-smi -L >/dev/null 2>&1 && echo yes)
TORCH ?= torch==$(TORCH_VERSION)$(if $(HAS_GPU),,$(if $(filter Linux,$(shell uname)),+cpu))
INSTALL := -m pip install --quiet --disable-pip-version-check
LOCKED := $(INSTALL) --require-hashes --no-deps -r
# no isolation: the backend is locked too
EDITABLE := $(INSTALL) --no-deps --no-build-isolation --editable .
export OMP_WAIT_POLICY ?= passive
# As many tests at a time as there are cores, so one thread each. A core that has nothing left to do takes from the other's end.
# What tests write goes into memory where there is room for it: much of it is written through to the disk, and then thrown away.
ROOM := $(shell df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 >= 4096 {print "TMPDIR=/dev/shm"}')
PYTEST := $(ROOM) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

# $(call torch,python): from wherever pip is set up to look, or else from PyTorch's own index
torch = $(1) $(INSTALL) $(TORCH) 2>/dev/null || $(1) $(INSTALL) $(TORCH) --extra-index-url $(CPU_INDEX)

.PHONY: demo test check lint fmt bench docs lock test-newest test-oldest suite dist dist-check clean

demo: $(VENV)/installed $(if $(MODEL),$(VENV)/installed-gguf) ## install, read sample_corpora, ask, print a cited answer
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && export TITANS_HOME="$$home" TITANS_CONFIG="$$home/config.toml" && \
	: > "$$TITANS_CONFIG" && \
	if [ -n "$(MODEL)" ]; then $(BIN)/titans model pull "$(MODEL)" && $(BIN)/titans config set model "$(MODEL)"; fi && \
	$(BIN)/titans ingest sample_corpora/papers && \
	printf '\n$$ titans ask "summarize trends"\n' && $(BIN)/titans ask "summarize trends" && \
	printf '\n$$ titans ask "What is the true optimum salinity for Halotexa velans?"\n' && \
	$(BIN)/titans ask "What is the true optimum salinity for Halotexa velans?"
	@printf '\nNow with documents of your own:  . $(BIN)/activate && titans ingest FOLDER && titans ask "summarize trends"\n'

test: $(VENV)/installed-dev lint ## lint, types and the whole suite
	$(PYTEST)

check: $(VENV)/installed-dev lint ## what to run between two edits: lint, types, and the tests that are quick
	$(PYTEST) -q -m "not slow"

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fmt: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed-dev ## every benchmark, short form
	$(BIN)/python -m benchmarks.ingest --quick
	$(BIN)/python -m benchmarks.recall --quick
	$(BIN)/python -m benchmarks.answers --quick
	$(BIN)/python -m benchmarks.chaos --quick

docs: $(VENV)/installed-docs ## the documentation as a site, into site/; a link that leads nowhere fails
	$(BIN)/titans help --markdown > docs/commands.md
	$(BIN)/zensical build --clean --strict

# ---- versions

UV := .venv-uv/bin/uv
COMPILE := $(UV) pip compile pyproject.toml --quiet --no-emit-package torch
UNIVERSAL := --universal --python-version 3.11 --custom-compile-command "make lock"
LOCK := $(COMPILE) $(UNIVERSAL) --generate-hashes --group build
# for titans doctor, which says what is newer
DIRECT := $(UV) pip compile pyproject.toml --quiet $(UNIVERSAL) --no-deps --no-annotate

lock: $(UV) ## the newest versions that the ranges of pyproject.toml allow, into locks/; make test then has to pass
	$(LOCK) --upgrade --extra dev -o locks/dev.txt
	$(LOCK) -c locks/dev.txt -o locks/run.txt
	$(DIRECT) -c locks/dev.txt -o titans_cli/sessions/tested.txt

# In environments of their own, with the newest and with the lowest releases that the ranges allow
test-newest: $(UV)
	$(call versions,newest,highest)

test-oldest: $(UV)
	$(call versions,oldest,lowest-direct)

define versions
	rm -rf .venv-$(1) && $(PYTHON) -m venv .venv-$(1)
	$(call torch,.venv-$(1)/bin/python)
	$(COMPILE) --python .venv-$(1)/bin/python --upgrade --resolution $(2) --group build --extra dev -o .venv-$(1)/versions.txt
	.venv-$(1)/bin/python $(INSTALL) --no-deps -r .venv-$(1)/versions.txt
	.venv-$(1)/bin/python $(EDITABLE)
	grep '^[a-z]' .venv-$(1)/versions.txt
	$(MAKE) --no-print-directory suite VENV=.venv-$(1)
endef

suite:
	$(PYTEST) -q

$(UV):
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python $(INSTALL) 'uv>=0.8,<1'
	@touch $@

dist: $(VENV)/installed-dev ## sdist and wheel, into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

dist-check: dist ## install the wheel in an environment of its own, as a user does, and use it there
	@there=$$(mktemp -d) && trap 'rm -rf "$$there"' EXIT && \
	$(PYTHON) -m venv "$$there/venv" && \
	{ $(call torch,"$$there/venv/bin/python"); } && \
	"$$there/venv/bin/python" $(INSTALL) dist/*.whl && \
	cp -r sample_corpora/papers "$$there/papers" && cd "$$there" && \
	export TITANS_HOME="$$there/home" PATH="$$there/venv/bin:$$PATH" && \
	titans --version && titans ingest papers && \
	titans ask "What is the true optimum salinity for Halotexa velans?" && titans doctor

$(VENV)/torch:
	@echo "Installing into $(VENV): once, some minutes, most of them for PyTorch."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "titans needs Python 3.11 or newer, $(PYTHON) is older. Run: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(call torch,$(BIN)/python)
	@touch $@

$(VENV)/installed: $(VENV)/torch pyproject.toml locks/run.txt
	$(BIN)/python $(LOCKED) locks/run.txt
	$(BIN)/python $(EDITABLE)
	@touch $@

$(VENV)/installed-gguf: $(VENV)/installed pyproject.toml
	$(BIN)/python $(INSTALL) --editable '.[gguf]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed pyproject.toml
	$(BIN)/python $(INSTALL) --editable '.[docs]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/torch pyproject.toml locks/dev.txt
	$(BIN)/python $(LOCKED) locks/dev.txt
	$(BIN)/python $(EDITABLE)
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) .venv-newest .venv-oldest .venv-uv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
