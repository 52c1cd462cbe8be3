"""Commands that are killed at any moment and started again end as if nobody had killed them.

Every command runs in a process of its own, forked after the imports, which take longer than it
does. It is killed after a random share of its processor time, or before a random change to its
files: renames and removals are rare, so a random time would hardly ever hit them. Processor time
does not depend on what else the machine does. The seeds are fixed.

KILLS=3 pytest -m full tests/test_kills.py
"""

import contextlib
import csv
import gzip
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
KILLS = int(os.environ.get("KILLS", 10))  # of each command
TIMES = re.compile("second|minute|^command$|^resume_commands$")  # what differs from run to run
RUN = re.compile(r"smoke\d{8}T\d{6}[^/\"]*")

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        sys.platform != "linux", reason="processes are forked and killed as on Linux"
    ),
]

RUNNER = textwrap.dedent("""
    # Reads {"arguments", "kill", "log"} as JSON, a line each; runs `fashion` with them; answers
    # {"status", "seconds", "changes"}, the seconds those that a processor worked for it.
    import importlib, json, os, runpy, signal, sys, time
    root = sys.argv[1]
    sys.path.insert(0, root)
    import fashion
    import pytest
    shared = runpy.run_path(root + "/tests/conftest.py")
    shared["register_plain_backbone"]()
    shared["leave_uncompiled"](pytest.MonkeyPatch())
    from fashion.__main__ import VERBS, main
    for verb in VERBS:
        importlib.import_module(f"fashion.{verb}")
    EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.truncate"}

    def child(asked):
        os.setsid()
        with open(asked["log"], "ab") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
        counted, home = [0], os.getcwd() + os.sep

        def audit(event, arguments):
            if event not in EVENTS or not isinstance(arguments[0], (str, os.PathLike)):
                return
            if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
                return
            if os.path.abspath(arguments[0]).startswith(home):
                counted[0] += 1
                if counted[0] == asked["kill"].get("change"):
                    os.killpg(0, signal.SIGKILL)

        sys.addaudithook(audit)
        status = 1
        try:
            status = main(asked["arguments"])
        except BaseException:
            import traceback
            traceback.print_exc()
        with open(asked["log"] + ".changes", "w") as file:
            file.write(str(counted[0]))
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(status)

    def worked(pid):
        # Fields 14 and 15 of proc(5), counted behind the name, which may have spaces.
        with open(f"/proc/{pid}/stat") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        seconds, after = 0.0, asked["kill"].get("after")
        pid = os.fork()
        if not pid:
            child(asked)
        while True:
            seconds = worked(pid)
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            if after is not None and seconds > after:
                try:
                    os.killpg(pid, signal.SIGKILL)
                except ProcessLookupError:          # not yet a group of its own
                    os.kill(pid, signal.SIGKILL)
                after = None
            time.sleep(0.005)
        log = asked["log"] + ".changes"
        changes = open(log).read() if os.path.exists(log) else "0"
        answer = {"status": os.waitstatus_to_exitcode(status), "changes": int(changes)}
        print(json.dumps(answer | {"seconds": seconds}), flush=True)
""")


class Runner:
    """The process from which commands are forked; they run in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        # On one thread sums are added up in the same order.
        threads = dict.fromkeys(
            (
                "TF_NUM_INTRAOP_THREADS",
                "TF_NUM_INTEROP_THREADS",
                "OMP_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
            ),
            "1",
        )
        environment = (
            os.environ
            | threads
            | {
                "KERAS_BACKEND": "tensorflow",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "MPLBACKEND": "Agg",
                "FASHION_CACHE_DIR": str(folder / "cache"),
            }
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(ROOT)],
            cwd=folder,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout.readline() == "ready\n"

    def __call__(self, arguments, **kill):
        """Runs `fashion` with these arguments; kill: after=seconds of a processor, or
        change=number. Returns exit status, seconds, changes of files.
        """
        (self.folder / "log").write_text("")
        self.process.stdin.write(
            json.dumps({"arguments": arguments, "kill": kill, "log": str(self.folder / "log")})
            + "\n"
        )
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def log(self):
        """The end of what the last command said."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def material(tmp_path_factory, tiny_settings):
    """A folder with data of eight photos and four, an untrained model, and ten small pictures of
    noise in Fashion-MNIST's layout.
    """
    import keras

    from fashion.commands.train import recipe_config
    from fashion.datasets.files import find_data
    from fashion.datasets.sample import make_sample
    from fashion.model import FashionModel
    from mrcnn.weights.layer_files import save_weights

    folder = tmp_path_factory.mktemp("kills")
    data = make_sample(folder / "data", train=8, val=4, size_hw=(128, 96))
    keras.utils.set_random_seed(0)
    ontology = find_data(data).ontology()
    model = FashionModel(
        recipe_config("smoke", ontology, tiny_settings | {"DETECTION_MIN_CONFIDENCE": 0.03}),
        ontology,
    )
    save_weights(model.detector, folder / "model.h5", metadata=model.metadata())
    rng = np.random.default_rng(0)
    (folder / "mnist").mkdir()
    for part, count in (("train", 60), ("t10k", 20)):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (count, 28, 28), np.uint8)),
            ("labels-idx1", rng.integers(0, 10, count).astype(np.uint8)),
        ):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(
                n.to_bytes(4, "big") for n in array.shape
            )
            (folder / "mnist" / f"{part}-{kind}-ubyte.gz").write_bytes(
                gzip.compress(head + array.tobytes())
            )
    return folder


@pytest.fixture(scope="module")
def runner(material):
    runner = Runner(material)
    yield runner
    runner.close()


def settings(values):
    """A dict as --set arguments."""
    return [
        word for key, value in values.items() for word in ("--set", f"{key}={json.dumps(value)}")
    ]


def command(verb, folder, out, tiny):
    """Arguments that start a command in `folder` which writes into `out`, or start it again."""
    model, data = ["--weights", "model.h5", "--min-score", "0.04"], ["--data", "data"]
    small = tiny | {
        "STEPS_PER_EPOCH": 2,
        "VALIDATION_STEPS": 1,
        "EVALUATE_EVERY": 1,
        "EVALUATE_IMAGES": 2,
    }
    if verb == "train" and list((folder / out).glob("*/config.json")):
        return ["train", "--resume", "--out", out]
    return [
        verb,
        *{
            "train": [
                *data,
                "--recipe",
                "smoke",
                "--weights",
                "none",
                "--rebalance",
                "--out",
                out,
                *settings(
                    small
                    | {
                        "STAGES": [["heads", "heads", 1, 2e-3], ["all", "all", 2, 2e-3]],
                        "REBALANCE_THRESHOLD": 0.5,
                    }
                ),
            ],
            "prepare": [*data, "--longest", "64", "--workers", "2", "--out", out],
            "convert": [*data, "--to", "yolo", "--out", out],
            "predict": ["data/images", *model, "--out", out],
            "submit": ["--images", "data/images", *model, "--output", f"{out}/submission.csv"],
            "evaluate": [*data, *model, "--out", out, "--report", f"{out}/report"],
            "rescore": [
                "--weights",
                "model.h5",
                "--min-score",
                "0",
                *data,
                "--backbone",
                "plain",
                "--start",
                "none",
                "--size",
                "32",
                "--epochs",
                "2",
                "--crops",
                "2",
                "--batch",
                "2",
                "--out",
                out,
            ],
            "segment": [
                "--quick",
                *data,
                "--size",
                "32",
                "--large",
                "0",
                "--batch",
                "4",
                "--epochs",
                "3",
                "--only",
                "unet-ce-adam",
                "--out",
                out,
            ],
            "mnist": ["--data", "mnist", "--only", "one", "--epochs", "1", "3", "--out", out],
            "catalogue": ["data/images", *model, "--out", out],
            "compare": [
                "variation",
                *data,
                "--weights",
                "none",
                "--only",
                "plain",
                "--only",
                "not augmented",
                "--seeds",
                "1",
                "--epochs",
                "1",
                "--out",
                out,
                *settings({k: v for k, v in small.items() if k != "EVALUATE_EVERY"}),
            ],
        }[verb],
    ]


def contents(out):
    """{path: content} of the files that a command left in `out`. A run folder counts under a name
    without the time, if it was begun.
    """
    found = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = str(path.relative_to(out))
        run = RUN.search(name)
        if run and not (out / name[: run.end()] / "config.json").exists():
            continue  # killed before it was begun: another one was
        if "tensorboard" not in path.parts and path.suffix != ".index":
            found[RUN.sub("RUN", name)] = content(path, out.name)
    return found


def content(path, out):
    """What two runs must agree on in a file: weights to the bit, tables and JSON without times;
    None: nothing, as in pages and plots.
    """
    if path.suffix == ".h5":
        arrays = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: (
                    arrays.update({name: bits(item[()])})
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
        return arrays
    if path.suffix == ".npz":
        with np.load(path) as file:
            return {name: bits(file[name]) for name in file}
    if path.suffix in (".jpg", ".faiss"):
        return path.read_bytes()
    if path.suffix == ".sqlite":
        return rows_of(path)
    if path.suffix not in (".json", ".csv"):
        return None
    text = RUN.sub("RUN", path.read_text().replace(out, "OUT"))
    if path.suffix == ".json":
        return without_times(json.loads(text))
    return [without_times(row) for row in csv.DictReader(text.splitlines())]


def rows_of(path):
    """{table: rows} of a database, without the time and the command."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {name: database.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}
    tables["meta"] = [row for row in tables["meta"] if row[0] not in ("created", "command")]
    return tables


def bits(array):
    return np.asarray(array).dtype.str, np.asarray(array).tobytes()


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if not TIMES.search(key)}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "verb",
    [
        "train",
        "prepare",
        "convert",
        "predict",
        "submit",
        "evaluate",
        "rescore",
        "segment",
        "mnist",
        "compare",
        "catalogue",
    ],
)
def test_a_killed_command_ends_as_an_unbroken_one(verb, runner, material, tiny_settings):
    rng = random.Random(verb)
    whole = runner(command(verb, material, f"{verb}-whole", tiny_settings))
    assert whole["status"] == 0, runner.log()
    wanted = contents(material / f"{verb}-whole")
    kills = rounds = 0
    while kills < KILLS and rounds < 3 * KILLS:
        rounds += 1
        out, told = f"{verb}-{rounds:05}", []
        for _ in range(min(3, KILLS - kills)):
            kill = (
                {"after": rng.uniform(0, whole["seconds"])}
                if rng.random() < 0.5
                else {"change": rng.randint(1, whole["changes"])}
            )
            ended = runner(command(verb, material, out, tiny_settings), **kill)
            told.append((kill, ended["status"]))
            if ended["status"] == 0:
                break
            assert ended["status"] == -9, f"{told}\n{runner.log()}"
            kills += 1
        else:
            last = runner(command(verb, material, out, tiny_settings))
            assert last["status"] == 0, f"{told}\n{runner.log()}"
        found = contents(material / out)
        assert found.keys() == wanted.keys(), f"{told}: other files {found.keys() ^ wanted.keys()}"
        different = [path for path in wanted if found[path] != wanted[path]]
        assert not different, (
            f"{told}: {different}, {str(found[different[0]])[:500]} "
            f"instead of {str(wanted[different[0]])[:500]}"
        )
    assert kills == KILLS
