# P-KAI's commands. Nothing outside this folder is written; VENVS=DIR puts the environments elsewhere,
# for a checkout that cannot be written to.
.DEFAULT_GOAL := help
SHELL := /bin/sh

VENVS ?= .
SCORE_VENV := $(VENVS)/.venv-score
DEV_VENV := $(VENVS)/.venv
CHECKOV_VENV := $(VENVS)/.venv-checkov
PORT ?= 9000

# Found by running it: a name on the PATH may be a stub that runs no Python.
# 3.11 comes first because CPU builds of torch that are laid ready are often for one version only.
FIND_PYTHON = for python in $(PYTHON) python3.11 python3.12 python3 python; do \
	"$$python" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
		>/dev/null 2>&1 && break; python=; done; \
	if [ -z "$$python" ]; then echo "P-KAI needs Python 3.11 or 3.12 with its venv module (on Debian: apt-get install \
	python3 python3-venv); none was found. Name one: make $@ PYTHON=/path/to/python3.11" >&2; exit 1; fi
PIP = -m pip --disable-pip-version-check --no-input install --no-cache-dir --quiet --quiet

.PHONY: help
help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-10s %s\n", $$1, $$2 }'

.PHONY: score
score: score-venv ## rate the bundled recordings, or your own: make score AUDIO=path
	@set --; \
	if [ -n "$$AUDIO" ]; then set -- "$$AUDIO"; else \
		for file in events/audio/*; do \
			case "$$file" in *.mp3|*.m4a|*.opus|*.ogg|*.webm|*.flac|*.wav) set -- "$$@" "$$file";; esac; \
		done; \
	fi; \
	PYTHONPATH=lambda "$(SCORE_VENV)/bin/python" -m pkai score "$$@"

# Side by side but for the images, which share one engine; with one thread each, for processes that compute with two
# on the same two cores wait for each other most of the time. A process that crashes ends the run: xdist's replacement
# of it may wait for ever.
.PHONY: test
test: lint checkov-venv ## run every check: lint and all tests
	@export PKAI_CHECKOV="$(abspath $(CHECKOV_VENV))/bin/checkov"; \
	OMP_NUM_THREADS=1 "$(DEV_VENV)/bin/python" -m pytest --ignore=tests/container \
		--numprocesses=logical --maxprocesses=4 --max-worker-restart=0 --dist=loadfile && \
	"$(DEV_VENV)/bin/python" -m pytest tests/container

.PHONY: lint
lint: dev-venv ## ruff and mypy
	@"$(DEV_VENV)/bin/ruff" check .
	@"$(DEV_VENV)/bin/ruff" format --check .
	@"$(DEV_VENV)/bin/mypy"

.PHONY: emulate
emulate: dev-venv ## answer as AWS Lambda does, on http://localhost:$(PORT) (PORT=9000)
	@"$(DEV_VENV)/bin/python" tests/container/emulator.py --port $(PORT)

.PHONY: benchmark
benchmark: dev-venv ## speed, memory and size, beside the reference design, into the documents
	@"$(DEV_VENV)/bin/python" -m benchmarks.run && "$(DEV_VENV)/bin/python" -m benchmarks.publish

.PHONY: page
page: ## build the page anew from page/ into lambda/page; needs node and npm
	@cd page && npm ci --ignore-scripts --no-audit --no-fund && npm run types && npm run build

.PHONY: notebook
notebook: dev-venv ## run the notebook anew and keep what it shows
	@cd notebooks && PATH="$(abspath $(DEV_VENV))/bin:$$PATH" PYTHONPATH="$(CURDIR)/lambda:$(CURDIR)" \
		python -m nbconvert --to notebook --execute --inplace pkai_colab.ipynb
	@"$(DEV_VENV)/bin/python" notebooks/without_progress.py

.PHONY: pictures
pictures: dev-venv ## make the pictures of the README anew; needs chromium
	@"$(DEV_VENV)/bin/python" docs/make_pictures.py >/dev/null

.PHONY: lock
lock: dev-venv ## choose the versions in requirements/*.lock anew
	@PATH="$(DEV_VENV)/bin:$$PATH" sh requirements/lock.sh

.PHONY: clean
clean: ## remove the environments and all caches
	rm -rf "$(SCORE_VENV)" "$(DEV_VENV)" "$(CHECKOV_VENV)"
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist lambda/*.egg-info
	find lambda training tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# An environment is ready when the lock file that it was made from is this checkout's, byte for byte.
.PHONY: score-venv
score-venv:
	@cmp -s requirements/score.lock "$(SCORE_VENV)/made-from.lock" || { \
		$(FIND_PYTHON); \
		echo "setting up $(SCORE_VENV) with $$("$$python" -V): numpy, PyAV, onnxruntime" >&2; \
		"$$python" -m venv --clear "$(SCORE_VENV)" && \
		"$(SCORE_VENV)/bin/python" $(PIP) --no-deps --require-hashes -r requirements/score.lock && \
		cp requirements/score.lock "$(SCORE_VENV)/made-from.lock"; }

# The lock is complete, so nothing is resolved but what a CUDA build of torch needs besides.
# torchaudio's wheel carries an extension linked to CUDA, which fails to load beside a CPU torch. Its loader
# accepts that there is none, and all that training uses is plain Python on torch: so the extension goes.
.PHONY: dev-venv
dev-venv:
	@cmp -s requirements/dev.lock "$(DEV_VENV)/made-from.lock" || { \
		$(FIND_PYTHON); \
		echo "setting up $(DEV_VENV) with $$("$$python" -V): everything for training and tests; this takes minutes" >&2; \
		"$$python" -m venv --clear "$(DEV_VENV)" && \
		"$(DEV_VENV)/bin/python" $(PIP) --no-deps --no-compile -r requirements/dev.lock && \
		"$(DEV_VENV)/bin/python" $(PIP) -c requirements/dev.lock torch && \
		"$(DEV_VENV)/bin/python" $(PIP) --no-deps --no-build-isolation --editable . && \
		rm -f "$(DEV_VENV)"/lib/python3.*/site-packages/torchaudio/lib/*.so && \
		cp requirements/dev.lock "$(DEV_VENV)/made-from.lock"; }

# Apart, as it pins older versions than ours of what both use.
.PHONY: checkov-venv
checkov-venv:
	@cmp -s requirements/checkov.lock "$(CHECKOV_VENV)/made-from.lock" || { \
		$(FIND_PYTHON); \
		echo "setting up $(CHECKOV_VENV) with $$("$$python" -V): checkov, which reads the AWS templates" >&2; \
		"$$python" -m venv --clear "$(CHECKOV_VENV)" && \
		"$(CHECKOV_VENV)/bin/python" $(PIP) --no-deps -r requirements/checkov.lock && \
		cp requirements/checkov.lock "$(CHECKOV_VENV)/made-from.lock"; }
