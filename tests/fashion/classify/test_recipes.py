"""Recipes: the report's is plain, the best one changes the training alone."""

import dataclasses

import pytest

from fashion.classify.recipes import RECIPES, Recipe


def test_the_reports_recipe_has_nothing_that_the_report_had_not():
    plain = RECIPES["report"]
    assert (
        plain.epochs == (10, 50)
        and plain.held_out == 0.2
        and plain.rate == 1e-3
        and plain.shape == "constant"
    )
    assert not any(
        (
            plain.smoothing,
            plain.weight_decay,
            plain.mirror,
            plain.shift,
            plain.erase,
            plain.average,
            plain.both_sides,
        )
    )


def test_all_images_are_the_only_difference():
    best, on_all = (dataclasses.asdict(RECIPES[name]) for name in ("best", "best-all"))
    assert {key for key in best if best[key] != on_all[key]} == {"held_out", "summary"}


def test_a_cosine_has_one_end():
    with pytest.raises(ValueError, match="give one number of epochs"):
        Recipe("", epochs=(10, 50), shape="cosine")
