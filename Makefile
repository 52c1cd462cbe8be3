# Each target sets up what it needs, in $(VENV), and again only after setup.py or pyproject.toml changed.
#
#   make demo    a small model, from the built-in photos to masks with attributes
#   make test    the test suite, in two processes
#   make test-full   the same, then test-rest
#   make test-rest   what takes long: whole trainings, commands that are killed, inputs that once were handled badly, and
#                    made-up files for each reader. FUZZ_EXAMPLES=1000 and KILLS=4 make it shorter.
#   make serve   the shipped model at http://localhost:8000
#   make browser Chromium and its driver, where apt-get can install them; without them, tests of the web page are skipped
#   make lint    formatting, docstrings and types: ruff, mypy
#   make format  format the code
#   make bench   what the parts of a small network cost beside each other on this machine, in two minutes

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/installed-by-make

export MPLBACKEND ?= Agg
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo serve test test-full test-rest browser lint format bench setup

demo: $(INSTALLED)
	$(PY) -m fashion demo

serve: $(INSTALLED)
	$(PY) -m fashion serve

# One thread for each of the two processes: with more they wait for each other.
test test-rest: export OMP_NUM_THREADS = 1
test test-rest: export OPENBLAS_NUM_THREADS = 1
test test-rest: export TF_NUM_INTRAOP_THREADS = 1
# Examples that tests of the marker fuzz try of each reader (200 without it), and kills of each command.
test-rest: export FUZZ_EXAMPLES ?= 5000
test-rest: export KILLS ?= 10
test: $(INSTALLED)
	$(PY) -m pytest -n 2 --dist loadfile --durations=25 -m "not full"

# One after the other, also with make -j: both take two processes.
test-full: test
	$(MAKE) test-rest

# A file is one long test after another, so tests are handed out, not files; those of a group together.
test-rest: $(INSTALLED)
	$(PY) -m pytest -n 2 --dist loadgroup --durations=25 -m "full or fuzz"

browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then \
		echo "chromium is installed"; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		{ apt-get update --quiet && DEBIAN_FRONTEND=noninteractive \
			apt-get install --quiet --yes --no-install-recommends chromium chromium-driver; } >/dev/null \
			|| echo "chromium could not be installed: tests of the web page are skipped"; \
	else \
		echo "chromium is not installed: tests of the web page are skipped"; \
	fi

lint: $(INSTALLED)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy mrcnn fashion

format: $(INSTALLED)
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(INSTALLED)
	$(PY) benchmarks/run.py --quick

setup: $(INSTALLED)

# imgaug asks for opencv-python, which needs libGL and so a desktop; its headless twin is the same module without windows.
# Both put their files into one folder, so the twin goes in after the other has gone.
$(INSTALLED): setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, but PYTHON=$(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --editable ".[test,imagenet]"
	if $(PY) -m pip show --quiet opencv-python 2>/dev/null; then \
		$(PY) -m pip uninstall --quiet --yes opencv-python opencv-python-headless && \
		$(PY) -m pip install --quiet --no-deps --force-reinstall "opencv-python-headless>=4.10,<6"; \
	fi
	$(PY) -c "import cv2"
	touch $@
