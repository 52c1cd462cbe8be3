"""Holding out: which split a training gets, begun or resumed."""

import pytest

from fashion import train
from fashion.datasets.files import DataFiles
from fashion.datasets.holding_out import (
    agreed_split,
    held_out_by,
    note_of,
    noted_split,
)
from fashion.datasets.splits import Split
from mrcnn.training.run_folder import RunFolder


def files(val=None):
    return DataFiles(*[None] * 2, val, *[None] * 3, 2020)


def split_of(words, order=None, val=None):
    args = train.parse(words.split())
    args.resume = order is not None
    return agreed_split(order or {}, args, files(val))


def test_a_training_gets_the_split_it_asks_for():
    assert split_of("") == Split("stratified") and split_of("", val="val.csv") == Split("val.csv")
    assert (
        split_of("--split random") == split_of("--split random", val="val.csv") == Split("random")
    )
    assert split_of("--fold 2/5 --no-near-duplicates", val="val.csv") == Split(
        "stratified", (2, 5), near_duplicates=False
    )
    assert split_of("--split random --fold 1/3") == Split("random", (1, 3))


def test_a_resumed_training_keeps_its_split():
    order = {"split": Split("stratified", (2, 5)).to_dict() | {"fold": [2, 5]}}  # as JSON has it
    assert (
        split_of("", order)
        == split_of("--fold 2/5", order, val="val.csv")
        == Split("stratified", (2, 5))
    )
    with pytest.raises(
        ValueError, match=r"started with another split \(--fold: 2/5 there, 1/5 here\)"
    ):
        split_of("--fold 1/5", order)


def test_a_training_from_before_there_was_a_choice_keeps_its_own():
    assert split_of("", {"recipe": "ccp"}) == Split("random") and split_of(
        "", {"recipe": "ccp"}, val="val.csv"
    ) == Split("val.csv")


@pytest.mark.parametrize("words", ["--fold 2", "--fold 2/x", "--fold a/b/c", "--split best"])
def test_words_that_are_no_split_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        split_of(words)
    assert "--fold" in capsys.readouterr().err or "--split" in words


def test_a_checkpoint_tells_what_was_held_out(validation, tiny_model, tmp_path):
    from mrcnn.weights.layer_files import save_weights

    run = RunFolder(tmp_path)
    assert held_out_by(None) is held_out_by(run) is None
    note = note_of(Split(), validation)
    assert (
        note["held_out"] == [info["id"] for info in validation.image_info]
        and note["kind"] == "stratified"
    )
    save_weights(tiny_model.detector, run.last, metadata={"split": note})
    assert held_out_by(run) == note["held_out"]
    assert note_of(Split("val.csv"), validation)["held_out"] is None


SOUND = {"kind": "stratified", "fold": [2, 5], "held_out": ["a", "b"]}


@pytest.mark.parametrize("noted", [None, SOUND, SOUND | {"held_out": None}, {}])
def test_a_sound_note_of_a_checkpoint_is_taken_as_it_is(noted):
    assert noted_split("best.h5", {"split": noted}) == noted
    assert noted_split("best.h5", {}) is None


@pytest.mark.parametrize(
    "noted",
    [
        [1],
        "random",
        7,
        {"held_out": 3},
        {"held_out": "abc"},
        {"held_out": [[1]]},
        {"kind": []},
        {"kind": "other"},
        {"fold": 3},
        {"fold": [1, 0]},
        {"fold": ["1", "5"]},
        {"val_fraction": "x"},
        {"seed": None},
        {"other": 1},
    ],
)
def test_a_damaged_note_of_a_checkpoint_is_refused_by_its_name(noted, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="best.h5 is damaged: "):
        noted_split("best.h5", {"split": noted})
    run = RunFolder(tmp_path)
    run.last.write_bytes(b"")
    monkeypatch.setattr("mrcnn.weights.h5_files.read_metadata", lambda path: {"split": noted})
    with pytest.raises(ValueError, match="last.h5 is damaged"):
        held_out_by(run)


def test_a_share_that_would_change_nothing_is_refused():
    with pytest.raises(ValueError, match="--val-fraction would change nothing"):
        split_of("--val-fraction 0.2", val="val.csv")
    assert split_of("--val-fraction 0.2 --split stratified", val="val.csv").val_fraction == 0.2
    assert split_of("--test-fraction 0.2").test_fraction == 0.2
