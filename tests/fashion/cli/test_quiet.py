"""TensorFlow's lines at the command line: noise is dropped, errors of a driver are not."""

import os
import subprocess
import sys
import types

import pytest

from fashion.cli import quiet

NOISE = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1796058755.526473   10467 port.cc:153] oneDNN custom operations are on.",
    "W0000 00:00:1796058755.526473   10467 gpu.cc:1] no XLA devices",
    "E0000 00:00:1.5   1 cuda_fft.cc:467] Unable to register cuFFT factory: Attempting to register",
    "E0000 00:00:1.5   1 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed "
    "call to cuInit: UNKNOWN ERROR (303)",
    "E0000 00:00:1.5   1 cuda.cc:1] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable "
    "device is detected",
]
KEPT = [
    "E0000 00:00:1.5   1 cuda.cc:1] failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
    "E0000 00:00:1.5   1 cuda_dnn.cc:1] Loaded runtime CuDNN library: 9.1.0 but source was "
    "compiled with: 9.3.0",
    "Traceback (most recent call last):",
]


def test_noise_is_dropped_and_errors_stay(capfd):
    def load(module):
        for line in [*NOISE, *KEPT]:
            os.write(2, f"{line}\n".encode())

    quiet._load_quietly(load, types.ModuleType("tensorflow"))
    assert capfd.readouterr().err.splitlines() == KEPT


@pytest.mark.parametrize(
    ("asked", "gpu", "level"),
    [
        (None, False, "3"),
        (None, True, "2"),
        ("2", False, "3"),
        ("2", True, "2"),
        ("0", False, "0"),
        ("1", False, "1"),
        ("3", True, "3"),
    ],
)
def test_errors_are_silent_only_where_there_is_no_gpu(asked, gpu, level, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if asked:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", asked)
    monkeypatch.setattr(quiet, "has_nvidia_driver", lambda: gpu)
    registered = []
    monkeypatch.setattr(quiet._QuietTensorFlow, "register", lambda: registered.append(True))
    quiet.quiet_tensorflow()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == level and bool(registered) == (asked != "0")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")


def test_a_driver_is_found_by_its_files_or_its_program(tmp_path, monkeypatch):
    monkeypatch.setattr(quiet, "_NVIDIA", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not quiet.has_nvidia_driver()
    (tmp_path / "nvidiactl").touch()
    assert quiet.has_nvidia_driver()
    (tmp_path / "nvidiactl").unlink()
    (tmp_path / "nvidia-smi").touch(0o755)
    assert quiet.has_nvidia_driver() == (os.name == "posix")


def test_other_packages_report_warnings_only():
    code = (
        "import logging\n"
        "from fashion.cli.errors import run_verb\n"
        "def main(argv=None):\n"
        "    logging.getLogger('faiss.loader').info('loading')\n"
        "    logging.getLogger('faiss.loader').warning('missing')\n"
        "    logging.getLogger('mrcnn.training.fit').info('resumed')\n"
        "    logging.getLogger('fashion.model').info('loaded')\n"
        "raise SystemExit(run_verb(main, []))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stderr.split() == ["missing", "resumed", "loaded"]
