"""Rebalancing: the rules of --rebalance, and what they do to a few photos."""

import csv

import numpy as np
import pytest
from PIL import Image

from fashion.config import FashionConfig
from fashion.datasets.label_counts import LabelCounts
from fashion.datasets.rebalancing import Histogram, agreed_rules, starting_repeats


@pytest.fixture
def labels():
    """100 photos of a dress, one of them of a cape as well, another of a dress in ivory."""
    categories, attributes = np.zeros((100, 3), np.uint16), np.zeros((100, 1), np.uint16)
    categories[:, 0] = categories[0, 1] = attributes[1, 0] = 1
    return LabelCounts(("dress, robe", "cape", "umbrella", "ivory"), categories, attributes)


def config(**settings):
    return FashionConfig.from_dict(settings)


def test_rules_of_old_and_new_runs_and_of_command_lines():
    assert (
        agreed_rules(True) == ["classes", "missed"]
        and agreed_rules(False) == agreed_rules(None) == agreed_rules([]) == []
    )
    assert agreed_rules(["missed", "attributes", "missed"]) == ["attributes", "missed"]
    with pytest.raises(ValueError, match="takes classes, .*, missed. Got rare"):
        agreed_rules(["rare"])
    for words in (["balanced", "classes"], ["effective", "balanced", "missed"]):
        with pytest.raises(ValueError, match="goes with 'missed' only"):
            agreed_rules(words)


@pytest.mark.parametrize(
    ("rules", "first", "second", "others"),
    [
        ([], 1, 1, 1),
        (["missed"], 1, 1, 1),
        (["classes"], 4, 1, 1),
        (["attributes", "missed"], 1, 2, 1),
        (["classes", "attributes"], 4, 2, 1),
        (["balanced"], 50.5, 0.5, 0.5),
    ],
)
def test_rare_photos_are_repeated_as_the_rules_say(labels, rules, first, second, others):
    """The cape and ivory are each in a hundredth of the photos: sqrt(0.16 / 0.01) = 4, sqrt(0.04 /
    0.01) = 2."""
    repeats = starting_repeats(
        labels, rules, config(REBALANCE_THRESHOLD=0.16, REBALANCE_ATTRIBUTE_THRESHOLD=0.04)
    )
    np.testing.assert_allclose(repeats, [first, second, *[others] * 98])


def test_effective_numbers_take_beta_from_the_settings(labels):
    """beta 0.5: 1 photo counts 1 and 100 photos 2, so the dress weighs half of the cape."""
    repeats = starting_repeats(labels, ["effective"], config(REBALANCE_BETA=0.5))
    np.testing.assert_allclose(repeats, np.array([1, *[0.5] * 99]) * 100 / 50.5)


@pytest.mark.parametrize(
    "settings",
    [
        {"REBALANCE_BETA": 1},
        {"REBALANCE_BETA": 1.5},
        {"REBALANCE_THRESHOLD": -0.1},
        {"REBALANCE_ATTRIBUTE_THRESHOLD": "much"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        config(**settings)


def test_the_histogram_by_hand(labels, tmp_path):
    """The cape photo comes four times: in 103 photos there are 103 dresses, 4 capes and one in
    ivory."""
    histogram = Histogram(labels, np.array([4.0, *[1] * 99]))
    np.testing.assert_allclose(histogram.round, [103, 4, 0, 1])
    np.testing.assert_allclose(histogram.before, [1000, 10, 0, 10])
    np.testing.assert_allclose(histogram.after, [1000, 4000 / 103, 0, 1000 / 103])
    assert histogram.summary() == (
        "one pass shows 103 images instead of 100; objects per 1,000 images shown: cape 10 -> 39, "
        "ivory 10 -> 9.7"
    )
    histogram.write(tmp_path)
    rows = list(csv.DictReader((tmp_path / "rebalance.csv").open()))
    assert [row["name"] for row in rows] == ["dress, robe", "cape", "ivory"]
    assert rows[1] == {
        "kind": "category",
        "name": "cape",
        "photos": "1",
        "objects_before": "1",
        "objects_after": "4.0",
        "per_1000_photos_before": "10",
        "per_1000_photos_after": "38.83",
    }
    with Image.open(tmp_path / "rebalance.png") as picture:
        assert min(picture.size) > 150


def test_a_round_may_keep_its_length(labels):
    """As a sampler does when its factors are replaced."""
    histogram = Histogram(labels, np.full(100, 2.0), length=100)
    np.testing.assert_allclose(histogram.round, [100, 1, 0, 1])
    np.testing.assert_allclose(histogram.after, histogram.before)


def test_few_labels_have_their_names_in_the_figure_and_many_have_ranks(labels):
    few, attributes = Histogram(labels, np.ones(100)).figure().axes
    assert [text.get_text() for text in few.get_yticklabels()] == [
        "dress",
        "cape",
    ] and attributes.get_title(loc="left") == "attributes"
    many = LabelCounts(
        tuple(map(str, range(70))), np.ones((2, 70), np.uint16), np.zeros((2, 0), np.uint16)
    )
    (axes,) = Histogram(many, np.ones(2)).figure().axes
    assert axes.get_ylabel() == "rank" and len(axes.lines[0].get_xdata()) == 70
