"""A training in a process of its own: followed, stopped, resumed, and what its errors say."""

import contextlib
import sys
import threading

import pytest

from fashion.hyperparameters.training import LOG, Training, TrainingFailed
from mrcnn.locks import locked

# Writes an epoch at a time, the next one when a file `go` is there; --out and --name come last.
SCRIPT = """
import json, os, signal, sys, time
folder = os.path.join(sys.argv[-3], sys.argv[-1])
def stopped(number, frame):
    open(os.path.join(folder, "stopped"), "w").close()
    sys.exit(143)
signal.signal(signal.SIGTERM, stopped)
history = os.path.join(folder, "history.csv")
lines = open(history).read().split() if os.path.exists(history) else ["epoch,val_mask_ap"]
def write(name, text):
    with open(os.path.join(folder, name + ".new"), "w") as file:
        file.write(text)
    os.replace(os.path.join(folder, name + ".new"), os.path.join(folder, name))
config = {"recipe": "smoke", "stages": [{"epochs": 3}], "ended": None}
write("config.json", json.dumps(config))
print("words", *sys.argv[1:-4], flush=True)
while len(lines) < 4:
    lines.append(f"{len(lines)},0.5")
    write("history.csv", "\\n".join([*lines, ""]))
    while not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.01)
write("index.html", "")
write("config.json", json.dumps(config | {"ended": "all epochs"}))
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def training(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py")]
    return Training(tmp_path / "trial-000", ["--lr", "0.1"], command)


def test_a_training_that_is_closed_is_stopped_and_resumes(training):
    with contextlib.closing(training.follow()) as epochs:
        assert next(epochs) == 1
    assert (training.folder / "stopped").exists() and training.epochs() == 1
    assert not training.is_finished()
    (training.folder / "go").touch()
    (training.folder / "stopped").unlink()
    found = list(training.follow())
    assert found[0] == 1 and found[-1] == 3 and training.is_finished()
    assert not (training.folder / "stopped").exists()
    assert (training.folder / LOG).read_text().splitlines() == ["words --lr 0.1"] * 2
    assert list(training.follow()) == [3]  # nothing is started


def test_the_last_words_of_a_training_are_its_error(tmp_path):
    code = "print('fashion train: error: There is no image.\\nbye'); raise SystemExit(2)"
    training = Training(tmp_path / "trial", [], [sys.executable, "-c", code])
    with pytest.raises(TrainingFailed, match=r"^There is no image\. \(exit status 2\)$"):
        list(training.follow())
    training = Training(tmp_path / "other", [], [sys.executable, "-c", "1 / 0"])
    with pytest.raises(TrainingFailed, match=r"^ZeroDivisionError: .* \(exit status 1\)$"):
        list(training.follow())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_training_that_is_always_killed_is_given_up(tmp_path):
    code = "import os; os.kill(os.getpid(), 9)"
    training = Training(tmp_path / "trial", [], [sys.executable, "-c", code])
    with pytest.raises(TrainingFailed, match="killed three times"):
        list(training.follow())


def test_a_training_of_another_process_in_the_folder_is_waited_for(training):
    training.folder.mkdir()
    (training.folder / "go").touch()
    held, end = threading.Event(), threading.Event()

    def other():
        with locked(training.folder, "fashion train"):
            held.set()
            end.wait()

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    found = []
    follower = threading.Thread(target=lambda: found.extend(training.follow()))
    follower.start()
    assert not (training.folder / LOG).exists()
    end.set()
    thread.join()
    follower.join()
    assert found[-1] == 3
