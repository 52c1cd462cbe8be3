r"""How fast a network is on this device.

    python benchmarks/run.py [--quick] [--out benchmarks/RESULTS.md]

Measures training steps and predictions of the cases in benchmarks/cases.py, each in its own
process, in float32 and in bfloat16. Compares them with the multiply-adds they need and, where torch
and torchvision are installed, with torchvision's Mask R-CNN at the same work. On a CPU, --rounds
measures ours with and without oneDNN and torchvision in turn, and prints the medians:

    python benchmarks/run.py --cases r50-512-same-work torchvision-512 --dtypes float32 \
        --batch 2 --jit off --steps 5 --rounds 3

--quick compares parts of one small network with each other, for a CPU. --train RECIPE trains
instead, and takes the time. KERAS_BACKEND=jax works without TensorFlow.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import importlib.util
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import time
from datetime import datetime
from importlib import metadata as packages
from pathlib import Path

from benchmarks.cases import CASES
from benchmarks.roof import FLOP, cpu, matrix_product_flops
from mrcnn.process import prefer_fast_kernels

ROOT = Path(__file__).parents[1]
DTYPES = ("float32", "mixed_bfloat16")
VERSIONS = ("keras", "jax", "tensorflow", "torch", "torchvision", "numpy")
OBJECTS = 8  # in each made-up image
ROOF = {}  # of each library, as far as it was measured
RESULT = "measured: "  # starts the line on which a case's process hands over its numbers
COLUMNS = (
    ("case", "case"),
    ("input", "input"),
    ("batch", "batch"),
    ("arithmetic", "dtype"),
    ("GMAC train / predict", "gmac"),
    ("train", "train"),
    ("forward", "forward"),
    ("predict, ≤8 found", "predict_few"),
    ("predict, 100 found", "predict_all"),
    ("of roof: train", "share_train"),
    ("of roof: predict, 100", "share_predict_all"),
    ("peak GB", "peak"),
)


def main(argv=None):
    """Measure as the arguments say."""
    args = parse(argv)
    if args.measure:
        print(RESULT + json.dumps(measure_here(**json.loads(args.measure))))
    elif args.train:
        report(train(args), args.out)
    elif args.quick:
        found = measure_here("smoke", "float32", steps=3, batch=None, jit="auto", parts=True)
        print(ratios(found | shares(found, roof_of(found))))
    else:
        report(measure_cases(args), args.out, onednn=args.rounds == 1)


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="ratios between parts of a small network, for a CPU"
    )
    parser.add_argument(
        "--cases", nargs="+", choices=sorted(CASES), default=list(CASES), help="default: all"
    )
    parser.add_argument(
        "--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES), help="default: both"
    )
    parser.add_argument("--batch", type=int, help="images a step (default: the case's)")
    parser.add_argument(
        "--steps", type=int, default=20, help="timed steps of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--jit",
        choices=("on", "off", "auto"),
        default="on",
        help="compile with XLA (default: %(default)s)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=1,
        metavar="N",
        help="on a CPU: measure every case N times, ours with and without oneDNN, in turn "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=60,
        help="start no further case after this time (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="append the table to this Markdown file"
    )
    add_training_arguments(parser)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def add_training_arguments(parser):
    """Add what --train needs."""
    parser.add_argument(
        "--train", metavar="RECIPE", help="train this recipe of fashion/config.py and take the time"
    )
    parser.add_argument("--data", metavar="DIR", help="with --train: the data folder")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="RUNS",
        help="with --train: folder of run folders",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="with --train: override a setting",
    )


def measure_cases(args):
    """Measures every case in every arithmetic, each in its own process.

    So memory is that of the case, and a failure costs one row.
    """
    start, found, roof = time.monotonic(), {}, None
    for turn in range(args.rounds):
        for key in measured(args):
            row = describe(key[0], key[1], args.batch, key[2])
            if time.monotonic() - start > 60 * args.minutes:
                row["error"] = f"not started, the {args.minutes:g} minutes were over"
            else:
                row |= run_apart(
                    {
                        "name": key[0],
                        "dtype": key[1],
                        "steps": args.steps,
                        "batch": args.batch,
                        "jit": args.jit,
                    },
                    key[2],
                )
            if "macs_step" in row and "roof_flops" not in row and roof is None:
                roof = roof_here()
            row |= shares(row, row.get("roof_flops") or roof)
            print(
                f"{turn + 1}: "
                + " ".join(
                    f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()
                ),
                flush=True,
            )
            found.setdefault(key, []).append(row)
    rows = [median(turns) for turns in found.values()]
    return "\n\n".join(text for text in (table(rows), comparison(rows), roof_text(roof)) if text)


def measured(args):
    """(case, arithmetic, oneDNN) of each row.

    In rounds on a CPU ours is measured both ways. Else oneDNN is None: as the environment says,
    which the application sets to "1" on x86-64.
    """
    both = args.rounds > 1 and os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    for name in args.cases:
        if CASES[name].peer and not (
            importlib.util.find_spec("torch") and importlib.util.find_spec("torchvision")
        ):
            print(f"{name}: left out, torch and torchvision are not installed")
            continue
        for dtype in args.dtypes:
            for onednn in ("1", "0") if both and not CASES[name].peer else (None,):
                yield name, dtype, onednn


def median(turns):
    """The medians of several measurements of a row; the error, if every turn failed."""
    sound = [row for row in turns if "error" not in row]
    if not sound:
        return turns[-1]
    return {
        name: statistics.median(row[name] for row in sound) if isinstance(value, float) else value
        for name, value in sound[0].items()
    }


def shares(row, roof):
    """Shares of the roof, FLOP/s, by the multiply-adds of a row; {} where one is unknown."""
    if not roof or "macs_step" not in row:
        return {}
    found = {
        f"share_predict_{kind}": FLOP * row[f"macs_predict_{kind}"] * row[f"predict_{kind}"] / roof
        for kind in ("few", "all")
        if f"predict_{kind}" in row
    }
    return found | (
        {"share_train": FLOP * row["macs_step"] * row["train"] / roof} if "train" in row else {}
    )


def roof_here():
    """FLOP/s of the fastest matrix product on this CPU; measured once, for `roof_text` too."""
    ROOF.update(matrix_product_flops())
    return max(ROOF.values(), default=0.0)


def roof_of(found):
    return found.get("roof_flops") or roof_here()


def roof_text(roof):
    """A line that tells the roof, "" where none was measured."""
    told = ", ".join(f"{name} {flops / 1e9:.0f}" for name, flops in ROOF.items())
    return (
        f"Roof, GFLOP/s of a 2048 x 2048 float32 product: {told}. Shares are of the fastest."
        if roof
        else ""
    )


def run_apart(arguments, onednn=None):
    """The numbers of one case, measured in a process of its own, or {"error": what stopped it}."""
    environment = (
        os.environ
        | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        | ({} if onednn is None else {"TF_ENABLE_ONEDNN_OPTS": onednn})
    )
    done = subprocess.run(
        command_of(arguments), capture_output=True, text=True, cwd=ROOT, env=environment
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if done.returncode == 0 and lines:
        return json.loads(lines[-1].removeprefix(RESULT))
    return {"error": reason(done.returncode, done.stderr)}


def command_of(arguments):
    """What to run. A peer is measured by a script that imports its own framework alone."""
    case = CASES[arguments["name"]] if arguments["name"] in CASES else None
    if case is None or not case.peer:
        return [sys.executable, str(Path(__file__).resolve()), "--measure", json.dumps(arguments)]
    config = with_batch(case, arguments["batch"]).config(arguments["dtype"])
    asked = {
        "config": config.to_dict(),
        "image_hw": config.image_hw,
        "objects": OBJECTS,
        "steps": arguments["steps"],
    }
    return [
        sys.executable,
        str(Path(__file__).with_name("torchvision_peer.py").resolve()),
        json.dumps(asked),
    ]


def reason(status, stderr):
    """Why a process failed: its exception, its signal, or its last line that is not a warning."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    if status < 0:
        known = -status in {int(one) for one in signal.Signals}
        name = signal.Signals(-status).name if known else f"signal {-status}"
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    told = [
        line
        for line in lines
        if "warning" not in line.lower() and not re.match(r"[IWE]\d{4} ", line)
    ]
    return (errors or told or [f"exit status {status}"])[-1][:300]


def measure_here(name, dtype, steps, batch, jit, parts=False):
    """The numbers of one case of ours, measured in this process."""
    prefer_fast_kernels()
    from benchmarks.network import measure

    return measure(
        with_batch(CASES[name], batch).config(dtype),
        steps=steps,
        xla={"on": True, "off": False, "auto": None}[jit],
        parts=parts,
    )


def with_batch(case, batch):
    return type(case)(case.name, case.recipe, batch, case.settings, case.peer) if batch else case


def describe(name, dtype, batch, onednn=None):
    """The columns of a row that are known before measuring."""
    config = with_batch(CASES[name], batch).config(dtype)
    with_onednn = {None: "", "0": ", without oneDNN", "1": ", oneDNN"}[onednn]
    return {
        "case": name + with_onednn,
        "input": "×".join(map(str, config.image_hw)),
        "batch": config.BATCH_SIZE,
        "dtype": dtype.removeprefix("mixed_"),
    }


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
    """Our speed and memory as a multiple of torchvision's, for each pair that did the same work."""
    lines = []
    for peer in rows:
        if not peer["case"].startswith("torchvision-") or "error" in peer:
            continue
        own = f"r50-{peer['case'].removeprefix('torchvision-')}-same-work"
        for row in rows:
            if row["case"].partition(",")[0] != own or row["dtype"] != peer["dtype"]:
                continue
            for kind, title, unit in (
                ("train", "training step", "images/s"),
                ("predict_all", "prediction, 100 found", "images/s"),
                ("peak_bytes", "peak memory", "bytes"),
            ):
                if kind in peer and kind in row:
                    lines.append(
                        f"- {title}, {peer['input']}, batch {peer['batch']}, "
                        f"{peer['dtype']}{row['case'].removeprefix(own)}: "
                        f"{row[kind] / peer[kind]:.2f} times torchvision's {peer[kind]:.3g} {unit}"
                    )
    return "\n".join(lines)


def ratios(found):
    """The parts of one network as shares of each other, which depend little on the machine."""
    of_prediction = found["predict_few"] / CASES["smoke"].batch
    giga = {kind: found[f"macs_{kind}"] / 1e9 for kind in ("train", "predict_few", "predict_all")}
    return "\n".join(
        [
            "smoke network, float32; no times, only ratios, which differ a little from machine to "
            "machine:",
            "  a prediction with up to 8 objects takes "
            f"{found['predict_all'] / found['predict_few']:.2f} of the time of one with the most",
            f"  suppression takes {found['suppression_seconds'] * of_prediction:.0%} of that "
            "prediction, RoIAlign for the box head "
            f"{found['roi_align_seconds'] * of_prediction:.0%}",
            f"  training a batch takes {found['predict_few'] / found['train']:.1f} times as long "
            "as predicting it; training the heads alone "
            f"takes {found['train'] / found['train_heads']:.2f} of training every layer",
            f"  multiply-adds of an image: {giga['train']:.2f} G forward in training; "
            f"{giga['predict_few']:.2f} G to predict with up to 8 "
            f"objects, {giga['predict_all']:.2f} G with the most",
            "  of the speed of a large matrix product here: "
            f"training {found['share_train']:.0%}, prediction {found['share_predict_few']:.0%}",
        ]
    )


def train(args):
    """Train a recipe on this device; returns a few lines for the report."""
    from fashion.train import main as train_recipe

    start = time.monotonic()
    run = train_recipe(
        [
            "--recipe",
            args.train,
            "--out",
            str(args.runs),
            *(["--data", args.data] if args.data else []),
            *(word for setting in args.set for word in ("--set", setting)),
        ]
    )
    minutes = (time.monotonic() - start) / 60
    history = run.read_history()
    scored = max(
        (row for row in history if "val_mask_ap" in row), key=lambda row: row["val_mask_ap"]
    )
    scores = ", ".join(
        f"{key.removeprefix('val_')} {scored[key]:.3f}"
        for key in scored
        if key.startswith("val_") and "loss" not in key
    )
    data = Path(args.data).name if args.data else "built-in"
    return (
        f"Training `{args.train}` ({' '.join(args.set) or 'no setting changed'}; data: {data}): "
        f"{len(history)} epochs in {minutes:.1f} minutes, evaluation included. "
        f"Best epoch {scored['epoch']:.0f}: {scores}."
    )


def report(text, out, onednn=True):
    """Prints the text; with `out`, appends it to that file under a heading.

    The heading says when, where and with what; also `onednn`, if that holds for all rows.
    """
    heading = f"## {datetime.now():%Y-%m-%d}, {device(onednn)}"
    section = f"{heading}\n\n{versions()}. Rates are images a second.\n\n{text}\n"
    print(f"\n{section}")
    if out:
        before = out.read_text(encoding="utf-8").rstrip() + "\n\n" if out.exists() else ""
        out.write_text(before + section, encoding="utf-8")
        print(f"appended to {out}")


def device(onednn=True):
    """The accelerator's name where there is one, else the CPU, see `benchmarks.roof.cpu`."""
    try:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = (
            subprocess.run(query, capture_output=True, text=True, check=True)
            .stdout.strip()
            .splitlines()
        )
        return f"{len(names)} x {names[0]}"
    except (OSError, subprocess.CalledProcessError, IndexError):
        return f"CPU: {cpu(onednn)}"


def versions():
    """One line: Python, the backend, and the version of what is installed of VERSIONS."""
    found = [
        f"Python {platform.python_version()}",
        f"backend {os.environ.get('KERAS_BACKEND', 'tensorflow')}",
    ]
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
