"""Signals at any moment: one line, the status that shells expect, and never a traceback."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the state of a process from /proc"
)
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
COMMANDS = {
    "predict": "--images {data}/images --limit 3",
    "evaluate": "--data {data}",
    "submit": "--images {data}/images --limit 3",
    "explore": "--data {data} --recipe smoke",
    "prepare": "--data {data} --imgsz 64 --workers 2 --out copy",
}


@pytest.fixture
def command(sample_folder, tmp_path):
    """command(verb) -> a running command in a folder of its own."""
    started = []
    data = shutil.copytree(sample_folder, tmp_path / "data")
    (data / "label_descriptions.json").unlink()  # the official list is that of the shipped model

    def start(verb):
        process = subprocess.Popen(
            [sys.executable, "-m", "fashion", verb, *COMMANDS[verb].format(data=data).split()],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        wait_for_handlers(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_handlers(process):
    """Waits until the process handles SIGTERM: before that, Python itself is starting."""
    for _ in range(2000):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        caught = next((line.split()[1] for line in lines if line.startswith("SigCgt")), "0")
        if process.poll() is not None or int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.01)


def processor_time(process):
    """Seconds that a process has computed; None once it has ended."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None
    if fields[0] == "Z":
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stop(process, number, after):
    """Sends a signal when the process has computed for `after` seconds more."""
    begun = processor_time(process)
    while begun is not None:
        now = processor_time(process)
        if now is None or now - begun >= after:
            break
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def check(verb, number, status, err):
    last = err.replace("\r", "\n").rstrip().splitlines()[-1]
    assert "Traceback" not in err and "Exception ignored" not in err, err
    assert status == STATUS[number], (status, err)
    assert last.startswith(f"fashion {verb}: {WORDS[number]}"), err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "number", "after"),
    [
        ("predict", signal.SIGINT, 0.0),
        ("submit", signal.SIGTERM, 0.5),
        ("evaluate", signal.SIGINT, 1.5),
        ("explore", signal.SIGTERM, 0.6),
        ("prepare", signal.SIGINT, 0.05),
    ],
)
def test_a_signal_ends_a_command_with_one_line(verb, number, after, command):
    status, _, err = stop(command(verb), number, after)
    check(verb, number, status, err)


@pytest.mark.slow
def test_the_line_says_how_to_resume_once_there_is_something_to_resume(command, tmp_path):
    process = command("prepare")
    while not list(tmp_path.glob("copy/images/*.jpg")) and process.poll() is None:
        time.sleep(0.005)
    status, _, err = stop(process, signal.SIGINT, 0)
    if status:  # the copy may have ended before
        check("prepare", signal.SIGINT, status, err)
        resume = err.rstrip().rpartition("To resume, run: ")[2]
        assert resume == (
            f"python -m fashion prepare --data {tmp_path}/data --imgsz 64 --workers 2 --out copy"
        )


def test_a_script_handles_signals_before_numpy_is_imported(tmp_path):
    (tmp_path / "numpy.py").write_text(
        "import os, signal\n"
        "handled = callable(signal.getsignal(signal.SIGTERM))\n"
        "os.write(1, b'handled' if handled else b'not handled')\n"
        "os._exit(0)\n"
    )
    script = [sys.executable, str(ROOT / "fashion" / "train.py"), "--help"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    printed = subprocess.run(script, env=environment, capture_output=True, timeout=300).stdout
    assert printed == b"handled"


def run_python(code):
    """The end of a process that runs some code."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )


def test_an_interrupted_process_with_jax_does_not_wait_for_its_threads():
    """Python itself would wait for a thread that is not a daemon, as it does for those of JAX."""
    child = (
        "import sys, threading, types\n"
        "from fashion.cli.interrupts import TERMINATED, leave\n"
        "sys.modules['jax'] = types.ModuleType('jax')\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "print('kept')\n"
        "leave(TERMINATED)\n"
    )
    ended = run_python(child)
    assert (ended.returncode, ended.stdout) == (143, b"kept\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_end_of_a_command_keeps_its_status(number):
    """Python sets its handlers back before libraries end, which is when this signal comes."""
    child = (
        "import atexit, os\n"
        "from fashion.cli.interrupts import leave\n"
        f"atexit.register(os.kill, os.getpid(), {int(number)})\n"
        "raise SystemExit(leave(3))\n"
    )
    ended = run_python(child)
    assert (ended.returncode, ended.stderr) == (3, b"")


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("verb", COMMANDS)
def test_signals_at_random_moments(verb, seed, command):
    rng = random.Random(f"{verb}{seed}")
    number = rng.choice([signal.SIGINT, signal.SIGTERM])
    longest = {"explore": 4.0, "prepare": 1.5}.get(verb, 14.0)
    status, _, err = stop(command(verb), number, rng.uniform(0, longest))
    if status != 0:  # it may have ended before
        check(verb, number, status, err)
