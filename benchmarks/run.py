"""How fast a network is on this device.        python benchmarks/run.py [--quick] [--out benchmarks/RESULTS.md]

Measures training steps and predictions of the cases in benchmarks/cases.py, each in a process of its own, in float32 and in bfloat16,
sets them against the multiply-adds they need and, where torch and torchvision are installed, against torchvision's Mask R-CNN at the
same work. --quick compares parts of one small network with each other, for a CPU. --train RECIPE trains instead, and takes the time.
KERAS_BACKEND=jax works without TensorFlow.
"""
if not __package__:                 # run as a script: the repository, not this folder, belongs on the import path
    import sys
    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from datetime import datetime
from importlib import metadata as packages
from pathlib import Path

from benchmarks.cases import CASES

ROOT = Path(__file__).parents[1]
DTYPES = ("float32", "mixed_bfloat16")
VERSIONS = ("keras", "jax", "tensorflow", "torch", "torchvision", "numpy")
RESULT = "measured: "               # starts the line on which a case's process hands over its numbers
COLUMNS = (("case", "case"), ("input", "input"), ("batch", "batch"), ("arithmetic", "dtype"), ("GMAC train / predict", "gmac"),
           ("train", "train"), ("forward", "forward"), ("predict, ≤8 found", "predict_few"), ("predict, 100 found", "predict_all"),
           ("of roof: train", "share_train"), ("of roof: predict, 100", "share_predict_all"), ("peak GB", "peak"))


def main(argv=None):
    """Measure as the arguments say."""
    args = parse(argv)
    if args.measure:
        print(RESULT + json.dumps(measure_here(**json.loads(args.measure))))
    elif args.train:
        report(train(args), args.out)
    elif args.quick:
        print(ratios(measure_here("smoke", "float32", steps=3, batch=None, jit="auto", parts=True)))
    else:
        report(measure_cases(args), args.out)


def parse(argv):
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ratios between parts of a small network, for a CPU")
    parser.add_argument("--cases", nargs="+", choices=sorted(CASES), default=list(CASES), help="default: all")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES), help="default: both")
    parser.add_argument("--batch", type=int, help="images a step (default: the case's)")
    parser.add_argument("--steps", type=int, default=20, help="timed steps of each kind (default: %(default)s)")
    parser.add_argument("--jit", choices=("on", "off", "auto"), default="on", help="compile with XLA (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="start no further case after this time (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="append the table to this Markdown file")
    parser.add_argument("--train", metavar="RECIPE", help="train this recipe of fashion/config.py and take the time")
    parser.add_argument("--data", metavar="DIR", help="with --train: the data folder")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="RUNS", help="with --train: folder of run folders")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="with --train: override a setting")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def measure_cases(args):
    """Every case in every arithmetic, each in a process of its own: memory is then the case's, and a failure costs one row."""
    rows, start = [], time.monotonic()
    for name in args.cases:
        if CASES[name].peer and not (importlib.util.find_spec("torch") and importlib.util.find_spec("torchvision")):
            print(f"{name}: left out, torch and torchvision are not installed")
            continue
        for dtype in args.dtypes:
            row = describe(name, dtype, args.batch)
            if time.monotonic() - start > 60 * args.minutes:
                row["error"] = f"not started, the {args.minutes:g} minutes were over"
            else:
                row |= run_apart({"name": name, "dtype": dtype, "steps": args.steps, "batch": args.batch, "jit": args.jit})
            print(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()), flush=True)
            rows.append(row)
    return f"{table(rows)}\n\n{comparison(rows)}".strip()


def run_apart(arguments):
    """`measure_here` in a process of its own -> its numbers, or {"error": the last line it wrote}."""
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"})
    lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if done.returncode == 0 and lines:
        return json.loads(lines[-1].removeprefix(RESULT))
    return {"error": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1][:300]}


def measure_here(name, dtype, steps, batch, jit, parts=False):
    """The numbers of one case, measured in this process."""
    case = with_batch(CASES[name], batch)
    if case.peer:
        from benchmarks.torchvision_peer import measure
    else:
        from benchmarks.network import measure
    return measure(case.config(dtype), steps=steps, xla={"on": True, "off": False, "auto": None}[jit], parts=parts)


def with_batch(case, batch):
    return type(case)(case.name, case.recipe, batch, case.settings, case.peer) if batch else case


def describe(name, dtype, batch):
    """The columns of a row that are known before measuring."""
    config = with_batch(CASES[name], batch).config(dtype)
    return {"case": name, "input": "×".join(map(str, config.image_hw)), "batch": config.BATCH_SIZE, "dtype": dtype.removeprefix("mixed_")}


def table(rows):
    """The rows as a Markdown table; rates in images a second."""
    lines = ["| " + " | ".join(title for title, _ in COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = dict(row)
        if "macs_train" in row:
            cells["gmac"] = f"{row['macs_train'] / 1e9:.1f} / {row['macs_predict_all'] / 1e9:.1f}"
        if "peak_bytes" in row:
            cells["peak"] = row["peak_bytes"] / 1e9
        for share in ("share_train", "share_predict_all"):
            if share in row:
                cells[share] = f"{row[share]:.1%}"
        if "error" in row:
            cells["gmac"] = f"failed: {row['error']}".replace("|", "/")
        lines.append("| " + " | ".join(_cell(cells.get(key, "–")) for _, key in COLUMNS) + " |")
    return "\n".join(lines)


def comparison(rows):
    """Our speed as a multiple of torchvision's, for each pair that did the same work."""
    found = {(row["case"], row["dtype"]): row for row in rows}
    lines = []
    for (name, dtype), peer in found.items():
        ours = found.get((f"r50-{name.removeprefix('torchvision-')}-same-work", dtype), {}) if name.startswith("torchvision-") else {}
        for kind, title in (("train", "training step"), ("predict_all", "prediction, 100 found")):
            if kind in peer and kind in ours:
                lines.append(f"- {title}, {peer['input']}, batch {peer['batch']}, {dtype}: {ours[kind] / peer[kind]:.2f} times "
                             f"torchvision's {peer[kind]:.1f} images/s")
    return "\n".join(lines)


def ratios(found):
    """The parts of one network as shares of each other: facts that a slower or faster machine leaves about as they are."""
    of_prediction = found["predict_few"] / CASES["smoke"].batch
    giga = {kind: found[f"macs_{kind}"] / 1e9 for kind in ("train", "predict_few", "predict_all")}
    return "\n".join([
        "smoke network, float32; no times, only ratios, which differ a little from machine to machine:",
        f"  a prediction with up to 8 objects takes {found['predict_all'] / found['predict_few']:.2f} of the time of one with the most",
        f"  suppression takes {found['suppression_seconds'] * of_prediction:.0%} of that prediction, RoIAlign for the box head "
        f"{found['roi_align_seconds'] * of_prediction:.0%}",
        f"  training a batch takes {found['predict_few'] / found['train']:.1f} times as long as predicting it; training the heads alone "
        f"takes {found['train'] / found['train_heads']:.2f} of training every layer",
        f"  multiply-adds of an image: {giga['train']:.2f} G forward in training; {giga['predict_few']:.2f} G to predict with up to 8 "
        f"objects, {giga['predict_all']:.2f} G with the most",
        f"  of the speed of a large matrix product here: training {found['share_train']:.0%}, prediction {found['share_predict_few']:.0%}"])


def train(args):
    """Train a recipe on this device; returns a few lines for the report."""
    from fashion.train import main as train_recipe
    start = time.monotonic()
    run = train_recipe(["--recipe", args.train, "--out", str(args.runs), *(["--data", args.data] if args.data else []),
                        *(word for setting in args.set for word in ("--set", setting))])
    minutes = (time.monotonic() - start) / 60
    history = run.read_history()
    scored = max((row for row in history if "val_mask_ap" in row), key=lambda row: row["val_mask_ap"])
    scores = ", ".join(f"{key.removeprefix('val_')} {scored[key]:.3f}" for key in scored if key.startswith("val_") and "loss" not in key)
    data = Path(args.data).name if args.data else "built-in"
    return (f"Training `{args.train}` ({' '.join(args.set) or 'no setting changed'}; data: {data}): "
            f"{len(history)} epochs in {minutes:.1f} minutes, evaluation included. Best epoch {scored['epoch']:.0f}: {scores}.")


def report(text, out):
    """Print the text; with `out`, append it to that file under a heading that says when, where and with what."""
    section = f"## {datetime.now():%Y-%m-%d}, {device()}\n\n{versions()}. Rates are images a second.\n\n{text}\n"
    print(f"\n{section}")
    if out:
        before = out.read_text(encoding="utf-8").rstrip() + "\n\n" if out.exists() else ""
        out.write_text(before + section, encoding="utf-8")
        print(f"appended to {out}")


def device():
    """The accelerator's name where there is one, else the CPU's architecture and number of cores."""
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().splitlines()
        return f"{len(names)} x {names[0]}"
    except (OSError, subprocess.CalledProcessError, IndexError):
        return f"CPU, {platform.machine()}, {os.cpu_count()} cores"


def versions():
    """One line: Python, the backend, and the version of what is installed of VERSIONS."""
    found = [f"Python {platform.python_version()}", f"backend {os.environ.get('KERAS_BACKEND', 'tensorflow')}"]
    for name in VERSIONS:
        try:
            found.append(f"{name} {packages.version(name)}")
        except packages.PackageNotFoundError:
            pass
    return ", ".join(found)


def _cell(value):
    return f"{value:.1f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
