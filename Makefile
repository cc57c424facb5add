# Two commands do everything on a fresh machine: `make demo` and `make test`. `make demo MODEL=smollm2` fetches that model
# (94 MB, Apache-2.0), and has it read and answer instead of the embedded one.
#
# PyTorch. Without an NVIDIA GPU the CPU build is installed first, so that nothing pulls gigabytes of CUDA packages;
# with one (nvidia-smi answers) the registry's default build is taken. To decide yourself:
#   make demo TORCH="torch --index-url https://download.pytorch.org/whl/cpu"     PyTorch's own CPU index
#   make demo TORCH="torch"                                                      the registry's default (CUDA on Linux)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# 2.13.0 is the release the suite is run with; the range that is supported stands in pyproject.toml.
HAS_GPU := $(shell nvidia-smi -L >/dev/null 2>&1 && echo yes)
TORCH ?= $(if $(HAS_GPU),torch,torch==2.13.0)
export OMP_WAIT_POLICY ?= passive

.PHONY: demo test lint fmt bench dist dist-check clean

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
	$(BIN)/python -m pytest

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

dist: $(VENV)/installed-dev ## sdist and wheel, into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

dist-check: dist ## install the wheel in an environment of its own, as a user does, and use it there
	@there=$$(mktemp -d) && trap 'rm -rf "$$there"' EXIT && \
	$(PYTHON) -m venv "$$there/venv" && \
	"$$there/venv/bin/python" -m pip install --quiet --disable-pip-version-check $(TORCH) && \
	"$$there/venv/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl && \
	cp -r sample_corpora/papers "$$there/papers" && cd "$$there" && \
	export TITANS_HOME="$$there/home" PATH="$$there/venv/bin:$$PATH" && \
	titans --version && titans ingest papers && \
	titans ask "What is the true optimum salinity for Halotexa velans?" && titans doctor

$(VENV)/torch:
	@echo "Installing into $(VENV): once, some minutes, most of them for PyTorch."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "titans needs Python 3.11 or newer, $(PYTHON) is older. Run: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@touch $@

$(VENV)/installed: $(VENV)/torch pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-gguf: $(VENV)/installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[gguf]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/torch pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
