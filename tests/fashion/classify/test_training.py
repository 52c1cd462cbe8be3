"""Training: learns, goes on after a kill as if there had been none, and lets no run become another
one.
"""

import dataclasses
import functools
import json

import keras
import numpy as np
import pytest

from fashion.classify import training
from fashion.classify.recipes import RECIPES
from fashion.classify.results import is_measured, read_result
from fashion.classify.training import epochs_done, predict, train
from mrcnn.locks import FolderInUse
from mrcnn.training import callbacks
from mrcnn.training.run_folder import RunFolder

RICH = dataclasses.replace(RECIPES["best"], epochs=(3,), warmup=1.0)
PLAIN = dataclasses.replace(RECIPES["report"], epochs=(1, 2))


class Killed(Exception):
    pass


@pytest.fixture(scope="module", autouse=True)
def small_batches():
    """Of 100 images 80 are trained on: five batches of 16."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "BATCH_SIZE", 16)
        yield


def run(folder, toy, recipe=PLAIN, seed=1, network="one", **settings):
    train(folder, network, recipe, seed, toy(100), toy(30, seed=1), **settings)
    return RunFolder(folder).read_history()


def without_times(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


@pytest.fixture(scope="module", autouse=True)
def not_compiled():
    """Tracing takes longer than the few steps; tests of the verb trace them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            keras.Model, "compile", functools.partialmethod(keras.Model.compile, run_eagerly=True)
        )
        yield


@pytest.fixture(scope="module")
def rich(tmp_path_factory, toy):
    """(folder, history) of an unbroken run of the rich recipe."""
    folder = tmp_path_factory.mktemp("rich") / "run"
    return folder, run(folder, toy, RICH)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["in an epoch", "while measuring", "before the checkpoint"])
def test_a_killed_run_ends_as_an_unbroken_one(where, rich, tmp_path, toy, monkeypatch):
    """With everything that has a state: augmentation, dropout, averages, warm-up, cosine."""
    left = iter(range(7 if where == "in an epoch" else 1))

    def dies(*_, **__):
        if next(left, None) is None:
            raise Killed

    def dies_there(*_, **__):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if where == "while measuring":
            patch.setattr(training, "write_results", dies_there)
        elif where == "before the checkpoint":
            save = callbacks.save_checkpoint
            patch.setattr(callbacks, "save_checkpoint", lambda *a, **k: (dies(), save(*a, **k)))
        run(
            tmp_path / "broken", toy, RICH, **({"on_batch": dies} if where == "in an epoch" else {})
        )
    assert epochs_done(tmp_path / "broken") == (2 if where == "while measuring" else 1)
    keras.utils.set_random_seed(99)  # another process has another state
    folder, unbroken = rich
    assert without_times(run(tmp_path / "broken", toy, RICH)) == without_times(unbroken)
    one, other = (read_result(path, 3) for path in (folder, tmp_path / "broken"))
    assert np.array_equal(one.test, other.test)


@pytest.fixture(scope="module")
def plain(tmp_path_factory, toy):
    """(folder, history, images seen of each epoch) of an unbroken run of the plain recipe."""
    folder, seen = tmp_path_factory.mktemp("plain") / "run", []
    history = run(
        folder,
        toy,
        on_epoch=lambda epoch: seen.append([]),
        on_batch=lambda count: seen[-1].append(count),
    )
    return folder, history, seen


@pytest.mark.slow
def test_it_learns_and_every_image_is_seen_once_an_epoch(plain):
    _, history, seen = plain
    assert seen == [[16] * 5] * 2
    assert history[1]["loss"] < history[0]["loss"] and history[1]["val_accuracy"] > 0.3


@pytest.mark.slow
def test_a_run_leaves_its_files(plain):
    folder, history, _ = plain
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [
            "config.json",
            "history.csv",
            "last.h5",
            *(
                f"{name}_00{i}.{kind}"
                for i in (1, 2)
                for name, kind in (("metrics", "json"), ("predictions", "npz"), ("weights", "h5"))
            ),
        ]
    )
    result = read_result(folder, 1)
    assert result.test.shape == (30, 10) and result.test.sum(axis=1) == pytest.approx(
        np.ones(30), abs=1e-5
    )
    assert len(result.history) == 1 and result.metrics["validation"]["accuracy"] == pytest.approx(
        history[0]["val_accuracy"]
    )
    assert (
        result.metrics["parameters"] == 173_738
        and {"train", "validation", "test"} <= result.metrics.keys()
    )


@pytest.mark.slow
def test_a_kill_between_the_last_measurement_and_its_checkpoint_loses_nothing(
    plain, tmp_path, toy, monkeypatch
):
    save = callbacks.save_checkpoint

    def dies_at_the_end(*arguments, state, **others):
        if state["epoch"] == 2:
            raise Killed
        save(*arguments, state=state, **others)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(callbacks, "save_checkpoint", dies_at_the_end)
        run(tmp_path, toy)
    assert is_measured(tmp_path, 2) and epochs_done(tmp_path) == 1
    assert without_times(run(tmp_path, toy)) == without_times(plain[1])
    assert epochs_done(tmp_path) == 2


@pytest.mark.slow
def test_a_longer_training_goes_on_from_a_shorter_one(plain, tmp_path, toy):
    run(tmp_path, toy, dataclasses.replace(PLAIN, epochs=(1,)))
    assert epochs_done(tmp_path) == 1
    assert without_times(run(tmp_path, toy)) == without_times(plain[1])


@pytest.mark.slow
def test_what_is_finished_is_not_done_again(plain, toy, monkeypatch):
    folder, history, _ = plain
    monkeypatch.setattr(training, "build", lambda *_: pytest.fail("nothing was left to do"))
    assert (
        run(folder, toy) == history
        and run(folder, toy, dataclasses.replace(PLAIN, epochs=(1,))) == history
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "seed", "told"),
    [
        ({"rate": 0.01}, 1, "rate 0.001 there, 0.01 here"),
        ({}, 2, "seed 1 there, 2 here"),
        ({"shape": "cosine", "epochs": (3,)}, 1, r"epochs \[1, 2\] there, \[3\] here"),
    ],
)
def test_a_run_that_was_journal_differences_is_left_alone(plain, toy, changes, seed, told):
    folder, *_ = plain
    before = json.loads((folder / "config.json").read_text())
    with pytest.raises(ValueError, match=told + r".*another folder with --out"):
        run(folder, toy, dataclasses.replace(PLAIN, **changes), seed)
    assert json.loads((folder / "config.json").read_text()) == before


@pytest.mark.slow
def test_a_measurement_that_was_passed_is_not_made_up(plain, toy):
    folder, *_ = plain
    (folder / "metrics_001.json").rename(folder / "away")
    try:
        with pytest.raises(
            ValueError, match="has 2 complete epochs and was not measured after epoch 1"
        ):
            run(folder, toy)
        assert not is_measured(folder, 1)
    finally:
        (folder / "away").rename(folder / "metrics_001.json")


@pytest.mark.slow
def test_with_all_images_there_is_no_validation(tmp_path, toy):
    history = run(tmp_path, toy, dataclasses.replace(PLAIN, epochs=(1,), held_out=0.0))
    assert history[0].keys() == {"epoch", "loss", "accuracy", "seconds"}
    result = read_result(tmp_path, 1)
    assert "validation" not in result.metrics and result.metrics["best_validation_accuracy"] is None


class Halves:
    """Is sure of class 0 where the left half is light, of class 1 where the right half is."""

    def predict(self, pixels, **_):
        left, right = pixels[:, :, :14].mean(axis=(1, 2)), pixels[:, :, 14:].mean(axis=(1, 2))
        return np.stack([left, right], axis=1) / 255 * np.log(3)


def test_a_prediction_of_both_sides_is_their_mean():
    """One side says 3 to 1, its mirror image 1 to 3."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[:, :, :14] = 255
    assert predict(Halves(), image) == pytest.approx(np.array([[0.75, 0.25]]))
    assert predict(Halves(), image, both_sides=True) == pytest.approx(np.array([[0.5, 0.5]]))


def test_a_second_training_in_the_folder_is_refused(tmp_path, toy, held):
    with held(tmp_path / "run", "a training"), pytest.raises(FolderInUse, match="run is in use by"):
        run(tmp_path / "run", toy)
    assert not (tmp_path / "run" / "config.json").exists()
