# Two commands do everything on a fresh machine with Python 3.10 or newer:
#   make demo    environment, package, and the main job on bundled clips
#   make test    environment, package, and the tests
# make check is the gate: formatter, linter, type checker, import contracts, tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint check format system-libraries clean

demo: $(INSTALLED)
	$(BIN)/page4d infer examples/clips/*/rgb --out demo/network --weights tiny --overwrite
	$(BIN)/page4d infer examples/clips/*/rgb --out demo/refined --weights tiny --overwrite --refine
	$(BIN)/page4d eval-depth --dataset synthetic --root examples/clips --preds demo/network --align median --out demo/depth
	$(BIN)/page4d eval-pose --dataset synthetic --root examples/clips --preds demo/network --out demo/pose
	$(BIN)/page4d eval-pose --dataset synthetic --root examples/clips --preds demo/refined --out demo/pose-refined
	$(BIN)/python examples/04_compare_with_truth.py examples/clips/scene_2000000 demo/network/scene_2000000_rgb demo/refined/scene_2000000_rgb --picture demo/truth.png
	@echo "Look at demo/truth.png, and at preview.mp4, trajectory.png and cloud.ply in demo/refined/scene_2000000_rgb."

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Brought up to date whenever pyproject.toml changes.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); page4d needs Python 3.10 or newer:"; \
	  echo "  make $(or $(MAKECMDGOALS),test) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@$(MAKE) --no-print-directory system-libraries
	@touch $@

# open3d's wheel needs libraries that a bare Debian or Ubuntu lacks. Nothing that `infer` does
# needs open3d, so their absence is said and does not stop anything.
APT_PACKAGES := libegl1 libgl1 libusb-1.0-0
system-libraries:
	@$(BIN)/python -c 'import open3d' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "open3d lacks system libraries; installing $(APT_PACKAGES)"; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	      apt-get install -qq -y $(APT_PACKAGES) >/dev/null; } || true; \
	  fi; \
	  $(BIN)/python -c 'import open3d' 2>/dev/null || { \
	    echo "open3d does not import here; on Debian or Ubuntu:"; \
	    echo "  sudo apt-get install $(APT_PACKAGES)"; }; }

clean:
	rm -rf $(VENV) demo .mypy_cache .pytest_cache .ruff_cache
