"""The verb: a folder of idx files in, runs and a page out."""

import dataclasses
import gzip
import json

import numpy as np
import pytest

from fashion import mnist
from fashion.classify.names import NETWORK_NAMES, RECIPE_NAMES
from fashion.commands import mnist as body


@pytest.fixture
def folder(tmp_path):
    """60 and 20 pictures of noise."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 20)):
        for kind, array in (
            ("images-idx3", rng.integers(0, 256, (count, 28, 28), np.uint8)),
            ("labels-idx1", rng.integers(0, 10, count).astype(np.uint8)),
        ):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(
                n.to_bytes(4, "big") for n in array.shape
            )
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(
                gzip.compress(head + array.tobytes())
            )
    return tmp_path


@pytest.fixture
def trained(monkeypatch):
    """No network is trained; what would be is noted, with the share of the bar's work that it
    announced.
    """
    asked = []

    def train(folder, network, recipe, seed, train_images, test_images, *, on_batch, on_epoch):
        asked.append(
            (folder.relative_to(folder.parents[1]).as_posix(), network, seed, recipe.epochs)
        )
        for epoch in range(1, recipe.epochs[-1] + 1):
            on_epoch(epoch)
            on_batch(len(train_images) - round(recipe.held_out * len(train_images)))

    monkeypatch.setattr(body, "train", train)
    monkeypatch.setattr(body, "write_page", lambda path, results, test: None)
    return asked


def test_every_network_is_trained_with_every_seed_and_one_bar_shows_it(
    folder, trained, tmp_path, capsys
):
    mnist.main(
        [
            "--data",
            str(folder),
            "--out",
            str(tmp_path / "out"),
            "--seeds",
            "2",
            "--epochs",
            "3",
            "1",
        ]
    )
    assert [run[0] for run in trained] == [
        f"report-{network}/seed{seed}" for seed in (1, 2) for network in ("one", "two", "three")
    ]
    assert {run[3] for run in trained} == {(1, 3)}
    bar = capsys.readouterr().err
    assert "100.0%" in bar and "three, seed 2, epoch 3/3" in bar


def test_the_recipe_says_how_long_unless_told(folder, trained, tmp_path):
    for words in (["--recipe", "best"], []):
        mnist.main(
            ["--data", str(folder), "--out", str(tmp_path / "out"), "--only", "three", *words]
        )
    assert trained == [
        ("best-three/seed1", "three", 1, (100,)),
        ("report-three/seed1", "three", 1, (10, 50)),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seeds", "0"], "--seeds must be a whole number of at least 1. Got 0."),
        (["--epochs", "0"], "--epochs must be a whole number of at least 1. Got 0."),
        (["--only", "four"], "--only must be one of one, two, three. Got four."),
    ],
)
def test_what_cannot_be_is_told(words, told, capsys):
    with pytest.raises(SystemExit):
        mnist.main(["--out", "out", *words])
    assert told in capsys.readouterr().err


def test_a_cosine_cannot_end_twice(folder, tmp_path):
    with pytest.raises(ValueError, match="give one number of epochs"):
        mnist.main(
            [
                "--data",
                str(folder),
                "--out",
                str(tmp_path / "out"),
                "--recipe",
                "best",
                "--epochs",
                "1",
                "2",
            ]
        )


@pytest.mark.slow
def test_the_whole_chain(folder, tmp_path, monkeypatch, capsys):
    """Two recipes into one folder: the page and the metrics hold both."""
    monkeypatch.setitem(
        body.RECIPES, "best", dataclasses.replace(body.RECIPES["best"], epochs=(1,))
    )
    words = ["--data", str(folder), "--out", str(tmp_path / "out"), "--only", "one"]
    mnist.main([*words, "--epochs", "1"])
    page = mnist.main([*words, "--recipe", "best"])
    html, found = page.read_text(), json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert "One convolution, report" in html and "One convolution, best" in html
    assert [
        (
            row["network"],
            row["seed"],
            row["epoch"],
            row["test"]["per_class"]["Coat"].keys() >= {"f1"},
        )
        for row in found
    ] == [("one", 1, 1, True)] * 2
    history = (tmp_path / "out" / "best-one" / "seed1" / "history.csv").read_text()
    assert history.startswith("epoch,loss,accuracy,seconds,val_accuracy,val_loss\n1,")
    assert "page: " in capsys.readouterr().out


def test_the_parser_knows_all_networks_and_recipes():
    assert NETWORK_NAMES == tuple(body.NETWORKS) and RECIPE_NAMES == tuple(body.RECIPES)


def test_restart_trains_the_asked_networks_from_scratch(folder, trained, tmp_path):
    for name in ("report-one", "report-two"):
        (tmp_path / "out" / name / "seed1").mkdir(parents=True)
    words = ["--data", str(folder), "--out", str(tmp_path / "out"), "--only", "one"]
    mnist.main([*words, "--epochs", "1", "--restart"])
    assert sorted(path.name for path in (tmp_path / "out").glob("report-*")) == ["report-two"]
