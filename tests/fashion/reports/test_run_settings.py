"""Settings of a run in words: only what applies."""

import pytest

from fashion.reports.run_settings import (
    layers_in_words,
    settings_in_words,
    split_in_words,
    start_weights_in_words,
)

SPLIT = {
    "kind": "stratified",
    "fold": None,
    "val_fraction": 0.1,
    "seed": 3,
    "near_duplicates": True,
    "test_fraction": 0.0,
}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"kind": "val.csv"}, "the validation data that the data set has"),
        (
            {},
            "10 % of the images, with a share of every label, seed 3; near-duplicates stay "
            "together",
        ),
        ({"kind": "random"}, "10 % of the images, chosen at random, seed 3"),
        (
            {"fold": [2, 5], "near_duplicates": False},
            "fold 2 of 5, with a share of every label, seed 3",
        ),
        (
            {"kind": "random", "test_fraction": 0.125},
            "10 % of the images, chosen at random, seed 3; 12.5 % are kept for a test",
        ),
    ],
)
def test_a_split_says_what_applies_to_it(changes, words):
    assert split_in_words({"split": SPLIT | changes}) == words


def test_validation_data_that_were_named_are_named():
    arguments = {"split": SPLIT | {"kind": "val.csv"}, "val": "photos/val.json"}
    assert split_in_words(arguments) == "the images of photos/val.json"
    assert split_in_words({}) == ""


def test_what_was_not_asked_for_has_no_value():
    plain = dict(settings_in_words({"seed": 7, "limit": None, "patience": None}))
    assert plain["Training images"] == plain["Patience"] == "" and plain["Seed"] == "7"
    asked = dict(settings_in_words({"limit": 1000, "patience": 3, "rebalance": ["classes"]}))
    assert asked["Training images"] == "at most 1,000, by --limit"
    assert asked["Patience"] == "3 epochs without a better score"
    assert asked["Rebalancing"] == "classes" and plain["Rebalancing"] == "none"


def test_names_of_weights_and_layers_are_words_and_paths_stay():
    assert start_weights_in_words({"weights": "imagenet"}) == "ImageNet"
    assert start_weights_in_words({"weights": "runs/a/best.h5"}) == "runs/a/best.h5"
    assert layers_in_words("heads") == "all layers but the backbone"
    assert layers_in_words("fpn_p2") == "fpn_p2"
