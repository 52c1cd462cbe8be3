"""From settings to heads."""

import numpy as np
import pytest

from fashion.attributes.bodies import MLP
from fashion.attributes.build import attribute_head, groups_of, head_of
from fashion.attributes.head import BODIES
from fashion.attributes.losses import EMPTY, KINDS, ROIS
from fashion.config import CHOICES, FashionConfig
from fashion.labels.ontology import Ontology
from mrcnn.config import Config

ONTOLOGY = Ontology(
    (0, 5),
    ("shirt", "shoe"),
    ("", ""),
    (1, 2, 9),
    ("long", "red", "short"),
    ("length", "colour", "length"),
    (0,),
)


def config(**settings):
    return FashionConfig.from_dict(settings | {"NUM_CLASSES": 3, "NUM_ATTRIBUTES": 3})


def test_the_default_is_a_linear_head_for_all_classes():
    head = attribute_head(config(), ONTOLOGY)
    assert (type(head.body).__name__, head.outputs, head.num_classes, head.positives_only) == (
        "Linear",
        3,
        None,
        True,
    )


def test_settings_reach_the_head():
    head = attribute_head(
        config(
            ATTRIBUTE_HEAD="mlp",
            ATTRIBUTE_PER_CLASS=True,
            ATTRIBUTE_LOSS="focal",
            ATTRIBUTE_FOCAL=(0.5, 1.0),
            ATTRIBUTE_ROIS="all",
            ATTRIBUTE_EMPTY="background",
            ATTRIBUTE_HIDDEN=7,
        ),
        ONTOLOGY,
    )
    assert isinstance(head.body, MLP) and head.body.fc[0].units == 7
    assert (head.outputs, head.num_classes, head.positives_only) == (4, 3, False)
    assert (head.loss.kind, head.loss.alpha, head.loss.gamma) == ("focal", 0.5, 1.0)


def test_weights_come_from_the_categories_that_carry_attributes():
    counts = np.array([[100, 50, 10, 0], [1000, 0, 0, 0]])
    head = attribute_head(config(ATTRIBUTE_POSITIVE_WEIGHT=1.0), ONTOLOGY, counts)
    assert head.loss.positive_weight == pytest.approx((1, 9, 100))
    assert (
        attribute_head(config(ATTRIBUTE_POSITIVE_WEIGHT=1.0), ONTOLOGY).loss.positive_weight == ()
    )  # to predict they are not needed


def test_attributes_of_a_supercategory_are_a_group():
    assert groups_of(ONTOLOGY) == [0, 1, 0]


def test_unknown_settings_are_refused():
    with pytest.raises(
        ValueError,
        match="ATTRIBUTE_HEAD must be one of linear, mlp, conv, attention. Got 'transformer'",
    ):
        config(ATTRIBUTE_HEAD="transformer")


def test_the_settings_choose_among_all_that_there_is():
    assert CHOICES == {
        "ATTRIBUTE_HEAD": BODIES,
        "ATTRIBUTE_LOSS": KINDS,
        "ATTRIBUTE_ROIS": ROIS,
        "ATTRIBUTE_EMPTY": EMPTY,
    }


def test_any_config_may_ask_for_a_head():
    """One of Matterport's forks, which knows none of the settings, gets the linear one."""
    head = head_of(Config(), 5, 2)
    assert (type(head.body).__name__, head.outputs, head.loss.kind) == ("Linear", 5, "bce")
    head = head_of(
        Config.from_dict(
            {"ATTRIBUTE_HEAD": "attention", "ATTRIBUTE_PER_CLASS": True, "ATTRIBUTE_LOSS": "focal"}
        ),
        5,
        2,
    )
    assert (type(head.body).__name__, head.num_classes, head.loss.kind, set(head.groups)) == (
        "Attention",
        2,
        "focal",
        {0},
    )
