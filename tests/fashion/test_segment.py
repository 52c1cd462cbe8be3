"""segment: every run once, the best ones larger, killed and resumed, and what it leaves behind."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from fashion import segment
from fashion.commands import segment as body
from fashion.studies import segmentation_runs
from fashion.studies.segmentation import Variant
from mrcnn.training.progress import BatchBar


@pytest.fixture
def tiny_networks(monkeypatch):
    """Every network is one convolution; those that were asked for are returned."""
    import keras

    asked = []

    def build(name, size, num_classes, width, weights):
        asked.append((name, size, width, weights))
        image = keras.Input((size, size, 3), name="image")
        return keras.Model(
            image,
            keras.layers.Conv2D(num_classes, 3, padding="same", name="logits")(image),
            name=name,
        )

    monkeypatch.setattr(segmentation_runs, "build_network", build)
    return asked


def words(sample_folder, out, *more):
    return [
        "--quick",
        "--data",
        str(sample_folder),
        "--out",
        str(out),
        "--size",
        "32",
        "--batch",
        "4",
        *more,
    ]


TWO = ["--only", "unet-ce-adam", "--only", "segnet-focal-sgd"]


@pytest.mark.slow
def test_runs_are_trained_scored_and_written_down(tiny_networks, sample_folder, tmp_path, capsys):
    from fashion import evaluate

    results = segment.main(words(sample_folder, tmp_path, *TWO, "--large", "64"))
    assert tiny_networks == [
        ("unet", 32, 8, "none"),
        ("segnet", 32, 8, "none"),
        ("unet", 64, 8, "none"),
        ("segnet", 64, 8, "none"),
    ]
    run = tmp_path / "32" / "unet-ce-adam" / "seed1"
    record = json.loads((run / "metrics.json").read_text())
    assert results[Variant("unet", "ce", "adam", 32)] == [record]
    assert (record["loss"], record["epochs"], len(record["history"])) == ("ce", 2, 2) and not (
        run / "last.h5"
    ).exists()
    assert (
        record["validation"]["pixels"] == 4 * 32 * 24 and record["train"]["pixels"] == 8 * 32 * 24
    )  # photos of 128 x 96
    assert np.sum(record["confusion"]) == 4 * 32 * 24
    assert record["history"][-1]["val_pixel_accuracy"] == record["validation"]["pixel_accuracy"]
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [(row["network"], row["size"]) for row in rows] == [
        ("unet", "32"),
        ("segnet", "32"),
        ("unet", "64"),
        ("segnet", "64"),
    ]
    assert float(rows[0]["validation mean iou"]) == pytest.approx(record["validation"]["mean_iou"])
    assert len(json.loads((tmp_path / "results.json").read_text())) == 4
    page = (tmp_path / "index.html").read_text()
    assert (
        "nothing but background" in page
        and page.count("<img") == 4
        and "page: " in capsys.readouterr().out
    )
    scores = evaluate.main(
        [
            *("--gt", str(tmp_path / "truth.json")),
            *("--predictions", str(run / "predictions.json")),
            *("--out", str(tmp_path / "scores")),
        ]
    )
    assert scores["coco"]["segm"]["AP"] == pytest.approx(record["mask_ap"]["AP"])
    tiny_networks.clear()
    assert (
        segment.main(words(sample_folder, tmp_path, *TWO, "--large", "64")) == results
        and not tiny_networks
    )


@pytest.mark.slow
def test_what_was_killed_goes_on_as_if_it_had_not_been(
    tiny_networks, sample_folder, tmp_path, monkeypatch
):
    one = ["--only", "unet-focal-adam", "--large", "0", "--epochs", "3"]
    ((whole,),) = segment.main(words(sample_folder, tmp_path / "whole", *one)).values()
    save, saved = segmentation_runs.save_weights, []

    def killed(model, path, **more):
        saved.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(
        segmentation_runs, "save_weights", killed
    )  # when all epochs are done and the scores are not yet written
    with pytest.raises(KeyboardInterrupt):
        segment.main(words(sample_folder, tmp_path / "broken", *one))
    monkeypatch.setattr(segmentation_runs, "save_weights", save)
    ticks = SimpleNamespace(left=4)

    def after_two_batches(self, batch, logs=None):
        ticks.left -= 1
        if not ticks.left:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # in the middle of the second epoch
        patch.setattr(BatchBar, "on_train_batch_end", after_two_batches)
        with pytest.raises(KeyboardInterrupt):
            segment.main(words(sample_folder, tmp_path / "early", *one))
    for folder in ("broken", "early"):
        ((resumed,),) = segment.main(words(sample_folder, tmp_path / folder, *one)).values()
        for row in (*whole["history"], *resumed["history"]):
            row["seconds"] = whole["minutes"] = resumed["minutes"] = 0
        assert resumed == whole


def test_twelve_runs_and_four_more_if_they_are_wanted():
    assert [v.name for v in segment.parse(["--out", "x"])[1]][::4] == [
        "unet-ce-adam",
        "segnet-ce-adam",
        "fcn-ce-adam",
    ]
    assert (
        len(segment.parse(["--out", "x"])[1]) == 12
        and len(segment.parse(["--out", "x", "--pretrained"])[1]) == 16
    )
    args, chosen = segment.parse(["--out", "x", "--only", "unet_lite0-ce-sgd", "--size", "96"])
    assert chosen == [Variant("unet_lite0", "ce", "sgd", 96)] and (
        args.large,
        args.epochs,
        args.width,
    ) == (512, 20, 64)


def test_losses_and_schedules_multiply_the_runs():
    words = ["--out", "x", "--losses", "ce", "dice", "lovasz", "--schedules", "constant", "cosine"]
    names = [variant.name for variant in segment.parse(words)[1]]
    assert len(names) == len(set(names)) == 3 * 3 * 2 * 2
    assert names[:3] == ["unet-ce-adam", "unet-ce-adam-cosine", "unet-ce-sgd"]
    assert "fcn-lovasz-sgd-cosine" in names and not any("focal" in name for name in names)


@pytest.mark.slow
def test_a_loss_of_regions_and_a_schedule_are_trained(tiny_networks, sample_folder, tmp_path):
    name = "unet-lovasz-adam-cosine"
    one = ["--only", name, "--large", "0", "--epochs", "1"]
    ((record,),) = segment.main(words(sample_folder, tmp_path, *one)).values()
    assert (record["loss"], record["schedule"]) == ("lovasz", "cosine")
    assert 0 < record["training_loss"] < 5
    (row,) = csv.DictReader((tmp_path / "table.csv").open())
    assert row["schedule"] == "cosine"


def test_quick_is_small_unless_other_is_said():
    args, chosen = segment.parse(["--out", "x", "--quick", "--epochs", "5"])
    assert (args.imgsz, args.width, args.epochs, args.weights) == (64, 8, 5, "none")
    assert tuple(variant.name for variant in chosen) == segment.QUICK_RUNS
    assert {variant.network for variant in chosen} == {"unet", "segnet", "fcn"}
    assert len(segment.parse(["--out", "x", "--quick", "--losses", "ce", "focal"])[1]) == 12


def test_a_folder_holds_runs_of_one_kind(tmp_path):
    def note(*options):
        args, _ = segment.parse(["--out", str(tmp_path), *options])
        noted = {key: getattr(args, name) for key, name in body.COMMON.items()}
        body.note_run_arguments(tmp_path, noted)

    note("--epochs", "3")
    note("--epochs", "3", "--seeds", "2", "--size", "64")
    with pytest.raises(
        ValueError, match="with other arguments .epochs 3 there, 20 here.. Give another folder"
    ):
        note()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--only", "unet-dise-adam"], "Got unet-dise-adam. Did you mean unet-dice-adam?"),
        (["--losses", "iou"], "--losses must be one of ce, focal, dice, lovasz. Got iou."),
        (
            ["--only", "unet-ce-adam", "--losses", "dice"],
            "--only names whole runs, so --losses and --schedules go without it",
        ),
        (["--epochs", "0"], "at least 1"),
        (["--gamma", "-1"], "at least 0"),
        (["--size", "100"], "an image five times). Got 100"),
        (["--large", "500"], "an image five times). Got 500"),
    ],
)
def test_what_cannot_be_done_is_said(more, message, capsys):
    with pytest.raises(SystemExit):
        segment.parse(["--out", "x", *more])
    assert message in capsys.readouterr().err


def test_the_titles_are_those_of_all_networks():
    from fashion.semantic.names import NETWORK_TITLES
    from fashion.semantic.networks import NETWORKS

    assert {name: network.title for name, network in NETWORKS.items()} == NETWORK_TITLES
