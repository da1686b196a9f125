# The commands for developers. `make demo` and `make test` install what they need.

PYTHON ?= python3
VENV ?= .venv
# The version of Django, such as 5.2. By default, the newest one that this Python supports.
DJANGO ?=
BROKER ?= database://
# The commit with which `make compare` compares the last commit.
BASE ?= HEAD~1

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-$(or $(DJANGO),newest)

.PHONY: demo test lint format servers bench peers compare chaos mutants clean help

help:
	@echo "make demo          run the demo site with its workers, and its main job"
	@echo "                   BROKER=redis://localhost:6379/0 uses Redis"
	@echo "                   ONCE=1 ends after the main job"
	@echo "make test          run all tests, on every installed database"
	@echo "                   DATABASES=sqlite ARGS='-k name' runs some of them"
	@echo "make lint          check style, types and the layers of imports"
	@echo "make format        format the code"
	@echo "make servers       start private servers for running pytest by hand"
	@echo "make bench         measure all figures of the docs; takes half an hour"
	@echo "make peers         measure taskhub beside its peers; takes half an hour"
	@echo "                   ARGS='--peers taskhub,huey' measures some of them"
	@echo "make compare       measure the last commit and the one before"
	@echo "                   BASE=v1.0 compares with another commit"
	@echo "make chaos         break servers and processes, and count losses; takes an hour"
	@echo "                   ARGS='--scenarios frozen' runs some of them"
	@echo "make mutants       break the code on purpose, and check that tests fail"
	@echo "                   ARGS='--mutants=backoff-never-grows' runs one of them"
	@echo "make clean         remove what the other commands have made"

demo: $(INSTALLED)
	TASKHUB_BROKER_URL=$(BROKER) $(BIN)/python manage.py demo $(if $(ONCE),--once)

test: $(INSTALLED)
	sh tests/install_servers.sh $(BIN)/python
	$(BIN)/python -m tests.integration.compat.djangos_own fetch
	$(BIN)/python -m tests.suite $(if $(DATABASES),--databases=$(DATABASES)) -- $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/typing/without_plugin.ini
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

servers: $(INSTALLED)
	sh tests/install_servers.sh $(BIN)/python
	$(BIN)/python -m tests.servers

bench: $(INSTALLED)
	sh tests/install_servers.sh $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks --write $(ARGS)

peers: $(INSTALLED)
	sh tests/install_servers.sh $(BIN)/python
	$(BIN)/python -m benchmarks.peers $(ARGS)

compare: $(INSTALLED)
	sh tests/install_servers.sh $(BIN)/python
	$(BIN)/python -m benchmarks.compare $(BASE) $(ARGS)

mutants: $(INSTALLED)
	sh tests/install_servers.sh $(BIN)/python
	$(BIN)/python -m tests.mutants $(ARGS)

chaos: $(INSTALLED)
	sh tests/install_servers.sh $(BIN)/python
	$(BIN)/python -m tests.chaos --scale full --write $(ARGS)

clean:
	rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): requirements.txt
	@echo "Installing the requirements into $(VENV); this takes a minute."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
		$(if $(DJANGO),"django~=$(DJANGO).0" $(if $(filter 5.%,$(DJANGO)),django-tasks))
	rm -f $(VENV)/.installed-*
	touch $@
