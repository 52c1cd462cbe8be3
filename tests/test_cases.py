"""Inputs that once were handled badly, kept beside the repository in ../shared/cases: every script
says OK.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "cases"
SCRIPTS = sorted(str(path.relative_to(CASES)) for path in CASES.glob("*/*.py"))
SECONDS = 600  # of one script; the longest starts a program for each of 34 files
BUDGET = 15 * 60  # of all in one process; on a slow machine the rest is skipped
BEGAN = []
NEEDED = ["benchmarks", "docs", "examples", "fashion", "mrcnn", "setup.py", "weights"]

# What we do not promise.
EXEMPT = {
    "reports/export_saved_model.py": "Keras exports a model that has been called, and this one has "
    "two paths"
}
# What is not right yet. Whoever mends one removes it here: it fails as soon as it passes.
PENDING = set()

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not CASES.is_dir(), reason="there is no folder ../shared/cases"),
]


def cases(names):
    """The names as parameters, those that are not right yet as failures that are expected."""
    expected = pytest.mark.xfail(strict=True, reason="not right yet")
    return [
        pytest.param(name, marks=[expected] if name in PENDING else [])
        for name in names
        if name not in EXEMPT
    ] or [pytest.param("", marks=pytest.mark.skip(reason="there is no folder ../shared/cases"))]


def folder_like_the_repository(folder):
    """A folder with links to what git keeps at the top of the repository.

    Cases import from the current folder, and commands write their default output there. In the
    repository itself, two cases at the same time would write to the same folder.
    """
    folder.mkdir()
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    # A copy without git: what cases import, and the images that they predict.
    names = listed.stdout.splitlines() or NEEDED
    for name in names:
        (folder / name).symlink_to(ROOT / name)
    return folder


def run(arguments, folder):
    """(exit status, output) of Python with these arguments, in a session that ends with it."""
    place = folder_like_the_repository(folder / "repository")
    BEGAN.append(time.monotonic())
    if BEGAN[-1] - BEGAN[0] > BUDGET:
        pytest.skip(f"the cases before took more than {BUDGET // 60} minutes")
    environment = os.environ | {
        "PYTHONPATH": str(place),
        "TMPDIR": str(folder),
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "FASHION_CACHE_DIR": str(folder),
        # Cases use old import paths, and some read the last line that was printed.
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }
    child = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = child.communicate(timeout=SECONDS)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    return child.returncode, output


@pytest.mark.parametrize("name", cases(SCRIPTS))
def test_a_case_is_handled(name, tmp_path):
    status, output = run([CASES / name], tmp_path)
    lines = output.strip().splitlines()[-3:]
    said = any(line.startswith("OK") or line.endswith("are handled well") for line in lines)
    assert status == 0 and said, output[-3000:]


@pytest.mark.parametrize(
    "name", cases(sorted(str(path.relative_to(CASES)) for path in CASES.glob("thresholds/*.json")))
)
def test_thresholds_are_used_or_refused_by_name(name, tmp_path):
    """With a file that says more than thresholds, `submit` does not fail after the model was
    loaded.
    """
    status, output = run(
        [
            "-m",
            "fashion",
            "submit",
            "--images",
            "docs",
            "--thresholds",
            CASES / name,
            "--output",
            tmp_path / "s.csv",
        ],
        tmp_path,
    )
    last = (output.strip().splitlines() or [""])[-1]
    assert "Traceback" not in output and (status == 0 or status == 2 and Path(name).name in last), (
        output[-3000:]
    )


def test_the_lists_name_cases_that_exist():
    known = {*SCRIPTS, *(str(path.relative_to(CASES)) for path in CASES.glob("thresholds/*.json"))}
    assert not (PENDING | set(EXEMPT)) - known
