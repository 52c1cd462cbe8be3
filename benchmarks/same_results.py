"""Checks that a change of the code changes no result.

    python benchmarks/same_results.py record  FOLDER --data CCP     before the change
    python benchmarks/same_results.py compare FOLDER --data CCP     after it

`record` runs the commands below and keeps what they write. `compare` runs them again and compares
bit by bit; it also loads the run folder and the checkpoints that `record` left. CCP is a folder in
the Kaggle layout with `val.csv`. About five minutes on two cores. Results depend on the machine, so
record and compare on the same one.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "weights" / "ccp.h5"
IMAGES = 24
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "MPLBACKEND": "Agg",
    # With several threads the order of sums, and so the last bit, may change from run to run.
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_DETERMINISTIC_OPS": "1",
}
# 30 steps: heads for 15, all layers for 15, stopped and resumed within the second stage.
TRAINING = [
    "--set",
    "STEPS_PER_EPOCH=5",
    "--set",
    "VALIDATION_STEPS=1",
    "--set",
    'STAGES=[["heads","heads",3,0.001],["all","all",3,0.001]]',
]
STOP_AFTER_EPOCHS = 4
DETECTIONS = """
import hashlib, json, sys
import numpy as np
from PIL import Image
from fashion.model import load_model
model = load_model(sys.argv[1])
for path in sys.argv[2:]:
    result = model.predict([np.asarray(Image.open(path).convert("RGB"))])[0]
    arrays = {k: v for k, v in sorted(result.items()) if isinstance(v, np.ndarray)}
    print({k: (str(v.dtype), v.shape, hashlib.sha256(np.ascontiguousarray(v)).hexdigest())
           for k, v in arrays.items()})
"""


def fashion(*arguments: str | Path) -> str:
    """Runs a verb to its end and returns what it printed."""
    return python("-m", "fashion", *arguments)


def python(*arguments: str | Path) -> str:
    """Runs Python in the repository and returns what it printed."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | ENVIRONMENT, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(command[:8])} … failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def make_inputs(data: Path, folder: Path) -> Path:
    """Copies the first validation images and their rows into a folder of their own."""
    small = folder / "data"
    if small.exists():
        return small
    (small / "images").mkdir(parents=True)
    rows = list(csv.reader((data / "val.csv").open(newline="")))
    names = list(dict.fromkeys(row[0] for row in rows[1:]))[:IMAGES]
    with (small / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *(row for row in rows[1:] if row[0] in names)])
    shutil.copy(small / "train.csv", small / "val.csv")
    for name in names:
        source = next((data / "images").glob(f"{Path(name).stem}.*"))
        shutil.copy(source, small / "images" / source.name)
    # Category names of the shipped model, whichever file of the data set holds them.
    for labels in data.glob("label_descriptions*.json"):
        shutil.copy(labels, small / labels.name)
    return small


def train_with_a_stop(out: Path) -> None:
    """Trains 30 steps on the built-in data; kills the process in the middle and resumes."""
    command = [sys.executable, "-m", "fashion", "train", "--out", str(out), *TRAINING]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        histories = list(out.glob("*/history.csv"))
        if histories and len(histories[0].read_text().splitlines()) > STOP_AFTER_EPOCHS:
            process.send_signal(signal.SIGKILL)
            process.wait()
            break
        time.sleep(0.2)
    fashion("train", "--out", out, "--resume")


def history_without_times(path: Path) -> list[dict[str, str]]:
    """Reads history.csv without columns that hold durations."""
    rows = list(csv.DictReader(path.open(newline="")))
    return [{k: v for k, v in row.items() if "time" not in k and "second" not in k} for row in rows]


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def results(data: Path, folder: Path, work: Path) -> dict[str, Callable[[], object]]:
    """Returns what is compared: names, and functions that compute JSON-ready values."""
    images = sorted((data / "images").iterdir())
    stored = folder / "stored" / "predictions.json"
    if not stored.exists():
        fashion("evaluate", "--weights", WEIGHTS, "--data", data, "--out", stored.parent)
    return {
        "detections": lambda: python("-c", DETECTIONS, WEIGHTS, *images).splitlines(),
        "metrics": lambda: metrics(data, stored, work / "metrics"),
        "thresholds": lambda: thresholds(data, stored, work / "tuned"),
        "submissions": lambda: submissions(data, work),
        "history": lambda: history(work / "runs"),
        "parity": parity,
    }


def metrics(data: Path, stored: Path, out: Path) -> object:
    """Scores the model and the stored predictions; returns both metrics.json and the table."""
    table = fashion(
        *("evaluate", "--weights", WEIGHTS, "--data", data, "--out", out, "--true-boxes")
    )
    fashion("evaluate", "--gt", data / "val.csv", "--predictions", stored, "--out", out / "gt")
    files = [out / "metrics.json", out / "gt" / "metrics.json"]
    # The table ends with the paths that were written.
    return [json.loads(file.read_text()) for file in files], table.split(str(out))[0]


def thresholds(data: Path, stored: Path, out: Path) -> object:
    """Tunes thresholds on the stored predictions."""
    fashion(
        *("evaluate", "--gt", data / "val.csv", "--predictions", stored),
        *("--out", out, "--tune", "kaggle_2020"),
    )
    return json.loads((out / "thresholds.json").read_text())


def submissions(data: Path, work: Path) -> object:
    """Writes a submission of either contest and returns their digests."""
    digests = []
    for year in ("2019", "2020"):
        out = work / f"{year}.csv"
        fashion(
            *("submit", "--images", data / "images", "--format", year, "--out", out, "--restart")
        )
        digests.append(digest(out))
    return digests


def history(runs: Path) -> object:
    """Trains with a stop and returns the rows of history.csv."""
    train_with_a_stop(runs)
    return history_without_times(next(runs.glob("*/history.csv")))


def parity() -> object:
    """Runs the tests that compare with numbers recorded from Matterport's code."""
    tests = sorted(str(p) for p in (ROOT / "tests").rglob("test*parity.py"))
    python("-m", "pytest", "-q", *tests)
    return "passed"


def loads_old_files(recorded_runs: Path, data: Path, work: Path) -> None:
    """Predicts with a recorded run folder and lets `train --resume` read its settings."""
    run = next(recorded_runs.glob("*/history.csv")).parent
    image = next((data / "images").iterdir())
    fashion("predict", image, "--weights", run, "--out", work / "old_run")
    before = digest(run / "history.csv")
    fashion("train", "--out", run, "--resume")
    if digest(run / "history.csv") != before:
        sys.exit(f"Resuming the finished run {run} changed its history.")


def main() -> None:
    """Records or compares results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="data in the Kaggle layout")
    parser.add_argument("--only", nargs="*", help="names of results to check")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = make_inputs(args.data, folder)
    work = folder / args.what
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    record = folder / "results.json"
    known = json.loads(record.read_text()) if record.exists() else {}
    different = []
    for name, compute in results(data, folder, work).items():
        if args.only and name not in args.only:
            continue
        value = json.loads(json.dumps(compute()))
        if args.what == "record":
            known[name] = value
            record.write_text(json.dumps(known, indent=1))
        elif value != known[name]:
            different.append(name)
        print(f"{name}: {'DIFFERENT' if name in different else 'ok'}", flush=True)
        (work / f"{name}.json").write_text(json.dumps(value, indent=1))
    if args.what == "compare" and not args.only:
        loads_old_files(folder / "record" / "runs", data, work)
        print("old run folder and checkpoints: ok")
    if different:
        sys.exit(f"Different from {record}: {', '.join(different)}. See {work}.")


if __name__ == "__main__":
    main()
