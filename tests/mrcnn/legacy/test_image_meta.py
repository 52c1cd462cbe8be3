"""Image metas: one row of numbers an image, and back."""

import numpy as np

from mrcnn.legacy.image_meta import FIELDS, compose_image_meta, parse_image_meta


def test_a_row_holds_the_image_in_matterports_order():
    meta = compose_image_meta(5, (30, 40, 3), (64, 64, 3), (8, 0, 56, 64), 1.6, [1, 0, 1])
    assert (
        meta.tolist() == [5, 30, 40, 3, 64, 64, 3, 8, 0, 56, 64, 1.6, 1, 0, 1]
        and len(meta) == 12 + 3
    )


def test_parsing_undoes_composing():
    given = {
        "image_id": 5,
        "original_image_shape": [30, 40, 3],
        "image_shape": [64, 64, 3],
        "window": [8, 0, 56, 64],
        "scale": 1.5,
        "active_class_ids": [1, 0, 1],
    }
    row = compose_image_meta(**given)
    assert {name: value.tolist() for name, value in parse_image_meta(row).items()} == given
    batch = parse_image_meta(np.stack([row, row]))
    assert (
        batch["window"].shape == (2, 4)
        and batch["window"].dtype == np.int32
        and batch["scale"].dtype == np.float32
    )


def test_every_number_has_one_place():
    columns = np.concatenate([np.atleast_1d(np.arange(15)[where]) for where in FIELDS.values()])
    assert columns.tolist() == list(range(15))
