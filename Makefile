# Two commands matter: `make demo` and `make test`. Both install what they need into .venv from the hashed locks.
# Without uv on the machine, uv itself is fetched into .tools by pip (works on a Debian Python under PEP 668).
SHELL := /bin/sh
PYTHON ?= python3
UV ?= $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
export UV_PYTHON_DOWNLOADS ?= never
PORT ?= 8000

.PHONY: demo test test-engines check gate serve lock format clean

demo: .venv/.runtime
	@.venv/bin/youli demo

test: .venv/.dev
	@.venv/bin/python -m compileall -q service evals  # tests start many processes: not one of them compiles again
	@.venv/bin/python -m pytest -n 2 --dist loadgroup

# The whole suite with every data folder in PostgreSQL, vectors in a Chroma server and rates in Redis; all real.
test-engines: .venv/.dev
	@.venv/bin/python -m compileall -q service evals
	@YOULI_TEST_ENGINES=on .venv/bin/python -m pytest -n 2 --dist loadgroup $(ONLY)

check: .venv/.dev
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/youli knowledge check

gate: .venv/.runtime
	@.venv/bin/youli eval run --gate

serve: .venv/.runtime
	@YOULI_AUTH=off .venv/bin/youli serve --host 127.0.0.1 --port $(PORT)

format: .venv/.dev
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

lock: $(filter .tools/%,$(UV))
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra build --python-version 3.11 pyproject.toml -o requirements.txt
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra build --extra dev --python-version 3.11 -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:
	rm -rf .venv .tools

.tools/bin/uv:
	@echo "· fetching uv into .tools (once)"
	@$(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .tools uv

.venv/bin/python: | $(filter .tools/%,$(UV))
	@echo "· creating .venv"
	@$(UV) venv -q --allow-existing --python $(PYTHON) .venv

.venv/.runtime: requirements.txt pyproject.toml | .venv/bin/python
	@echo "· installing from requirements.txt (first time: a minute or less)"
	@$(UV) pip install -q --python .venv/bin/python --require-hashes --compile-bytecode -r requirements.txt
	@$(UV) pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.runtime
	@echo "· installing from requirements-dev.txt"
	@$(UV) pip install -q --python .venv/bin/python --require-hashes --compile-bytecode -r requirements-dev.txt
	@touch $@
