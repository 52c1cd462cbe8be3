"""Recipes: each is a whole, valid configuration, and stages may come from a command line."""

import json

import pytest

from fashion.config import RECIPES, FashionConfig
from mrcnn.config import parse_setting
from mrcnn.training.stages import Stage


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_valid_and_trains_heads_and_then_all(name):
    config = RECIPES[name]()
    assert [stage.name for stage in config.STAGES] == ["heads", "all"] and all(
        stage.epochs > 0 for stage in config.STAGES
    )
    assert set(config.LOSS_WEIGHTS) == {
        "rpn_class_loss",
        "rpn_bbox_loss",
        "mrcnn_class_loss",
        "mrcnn_bbox_loss",
        "mrcnn_mask_loss",
        "mrcnn_attribute_loss",
    }


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_comes_back_from_a_file(name):
    stored = json.loads(json.dumps(RECIPES[name]().to_dict()))
    again = FashionConfig.from_dict(stored)
    assert again.to_dict() == stored and isinstance(again.STAGES[0], Stage)


def test_the_defaults_are_those_of_iMaterialist_2020():
    config = FashionConfig()
    assert (config.NUM_CLASSES, config.NUM_ATTRIBUTES, config.image_hw) == (47, 294, (512, 512))


def test_stages_may_come_from_a_command_line():
    key, value = parse_setting(
        'STAGES=[["heads", "heads", 1, 0.001], ["late", "4+", 2, 0.0001]]', FashionConfig
    )
    config = FashionConfig.from_dict({key: value})
    assert config.STAGES == (Stage("heads", "heads", 1, 1e-3), Stage("late", "4+", 2, 1e-4))


@pytest.mark.parametrize("stages", [[["heads", 1]], [{"name": "heads"}], [3]])
def test_half_a_stage_is_refused(stages):
    with pytest.raises(ValueError, match=r"A stage is \[name, layers, epochs, learning_rate\]"):
        FashionConfig.from_dict({"STAGES": stages})
