"""Facts about the benchmark's report: what it writes for measured, failed and compared cases,
without measuring anything.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.cases import CASES

OURS = {
    "case": "r50-512-same-work",
    "input": "512×512",
    "batch": 16,
    "dtype": "bfloat16",
    "train": 300.0,
    "predict_all": 90.0,
    "macs_train": 80e9,
    "macs_predict_all": 110e9,
    "peak_bytes": 12.3e9,
    "share_train": 0.25,
    "share_predict_all": 0.125,
}
PEER = {
    "case": "torchvision-512",
    "input": "512×512",
    "batch": 16,
    "dtype": "bfloat16",
    "train": 200.0,
    "predict_all": 120.0,
}


def test_keras_is_not_imported_before_the_kernels_are_chosen():
    """TensorFlow reads the choice once, as it is imported: `prefer_fast_kernels`."""
    check = "import sys, benchmarks.run; sys.exit('keras' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", check], cwd=root).returncode == 0


def test_the_table_has_a_cell_for_every_column():
    lines = run.table([OURS, PEER, {**PEER, "error": "out of | memory"}]).splitlines()
    assert {line.count("|") for line in lines} == {len(run.COLUMNS) + 1}
    assert "80.0 / 110.0" in lines[2] and "25.0%" in lines[2] and "12.3" in lines[2]
    assert "failed: out of / memory" in lines[4]


def test_speeds_are_compared_at_the_same_work_and_arithmetic_only():
    lines = run.comparison(
        [OURS, PEER, {**OURS, "case": "r50-512"}, {**PEER, "dtype": "float32"}]
    ).splitlines()
    assert len(lines) == 2
    assert "1.50 times" in lines[0] and "0.75 times" in lines[1]


def test_a_section_is_appended_and_names_date_device_and_versions(tmp_path):
    out = tmp_path / "RESULTS.md"
    out.write_text("# Results\n")
    run.report("the former", out)
    run.report("the latter", out)
    text = out.read_text()
    assert (
        text.startswith("# Results\n\n## ")
        and text.count("\n## ") == 2
        and text.index("the former") < text.index("the latter")
    )
    assert run.device() in text and "keras " in text


@pytest.mark.parametrize("name", CASES)
def test_every_case_is_a_valid_config_in_both_arithmetics(name):
    for dtype in run.DTYPES:
        config = CASES[name].config(dtype)
        assert config.BATCH_SIZE == CASES[name].batch and config.MIXED_PRECISION == (
            dtype != "float32"
        )


def test_a_case_and_its_peer_do_the_same_work():
    for size in (512, 1024):
        assert (
            CASES[f"r50-{size}-same-work"].config("float32").to_dict()
            == CASES[f"torchvision-{size}"].config("float32").to_dict()
        )


def test_a_case_that_fails_costs_one_row(monkeypatch):
    monkeypatch.setattr(run, "__file__", run.__file__ + ".missing")
    assert "missing" in run.run_apart({"name": "smoke"})["error"]


@pytest.mark.parametrize(
    ("status", "stderr", "told"),
    [
        (
            1,
            "Traceback\n  File x\nValueError: no such size\nWARNING: something else\n",
            "ValueError: no such size",
        ),
        (
            1,
            "I0000 00:00 port.cc:153] oneDNN is on\nUserWarning: old\ncould not start\n",
            "could not start",
        ),
        (-9, "", "ended by SIGKILL (out of memory?)"),
        (-11, "warning: x", "ended by SIGSEGV"),
        (-99, "", "ended by signal 99"),
        (3, "", "exit status 3"),
    ],
)
def test_a_failure_is_told_by_its_error_or_its_signal(status, stderr, told):
    assert run.reason(status, stderr) == told


def test_a_peer_is_measured_without_keras(tmp_path):
    """Its script imports NumPy and, when it measures, torch: with TensorFlow in the same process
    some builds of both do not start.
    """
    command = run.command_of(
        {"name": "torchvision-512", "dtype": "float32", "batch": 2, "steps": 1}
    )
    asked = json.loads(command[2])
    assert (
        Path(command[1]).name == "torchvision_peer.py"
        and asked["config"]["BATCH_SIZE"] == 2
        and asked["image_hw"] == [512, 512]
    )
    code = (
        f"import runpy, sys; runpy.run_path({command[1]!r}, run_name='peer'); "
        "print(sorted({'keras', 'tensorflow', 'jax'} & set(sys.modules)))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_of_several_rounds_the_median_counts():
    rows = [OURS | {"train": value} for value in (1.0, 9.0, 2.0)]
    assert run.median([rows[0], {"error": "killed"}, *rows[1:]]) == OURS | {"train": 2.0}
    assert run.median([{"error": "a"}, {"error": "b"}]) == {"error": "b"}


def test_shares_count_the_multiply_adds_of_a_whole_step():
    row = {"macs_step": 10e9, "train": 3.0, "macs_predict_all": 20e9, "predict_all": 2.0}
    assert run.shares(row, 120e9) == {"share_train": 0.5, "share_predict_all": pytest.approx(2 / 3)}
    assert run.shares({"train": 3.0}, 120e9) == {} and run.shares(row, None) == {}
