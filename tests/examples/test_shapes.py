"""The shapes example: its drawings, and the whole way from an untrained network to a picture."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def drawing(example):
    """drawing(*shapes) -> a data set of one drawing on black; a shape is (kind, colour, (x, y),
    radius)."""
    module = example("shapes")

    def draw(*shapes):
        dataset = module.ShapesDataset()
        dataset.load_shapes(1, seed=0)
        dataset.image_info[0] |= {
            "background": (0, 0, 0),
            "shapes": [dict(zip(("kind", "color", "center", "radius"), s)) for s in shapes],
        }
        dataset.prepare()
        return dataset

    return draw


def test_a_mask_is_the_pixels_of_its_shape(drawing):
    dataset = drawing(
        ("square", (9, 0, 0), (30, 40), 10),
        ("circle", (0, 9, 0), (90, 40), 12),
        ("triangle", (0, 0, 9), (60, 100), 14),
    )
    image, (masks, class_ids) = dataset.load_image(0), dataset.load_mask(0)
    assert sorted(class_ids) == [1, 2, 3] and masks.shape == (128, 128, 3)
    for mask, class_id in zip(masks.transpose(2, 0, 1), class_ids):
        assert np.array_equal(mask, image[:, :, class_id - 1] == 9)
    assert (
        masks[30:51, 20:41, list(class_ids).index(1)].all()
        and masks[:, :, list(class_ids).index(1)].sum() == 21 * 21
    )


def test_what_lies_on_top_hides_what_is_below(drawing):
    masks, class_ids = drawing(
        ("square", (9, 0, 0), (40, 40), 20), ("circle", (0, 9, 0), (60, 60), 12)
    ).load_mask(0)
    assert list(class_ids) == [2, 1] and not masks.all(axis=-1).any()


def test_what_is_hidden_for_the_most_part_is_left_out(drawing):
    assert list(
        drawing(("circle", (0, 9, 0), (60, 60), 12), ("square", (9, 0, 0), (60, 60), 20)).load_mask(
            0
        )[1]
    ) == [1]


def test_a_seed_makes_the_same_drawings_again(example):
    module = example("shapes")
    first, second, other = (module.prepared(3, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.load_image(2), second.load_image(2)) and not np.array_equal(
        first.load_image(2), other.load_image(2)
    )
    assert first.class_names == ["BG", "square", "circle", "triangle"] and first.image_reference(0)


@pytest.mark.slow
def test_it_runs_from_start_to_end(example, tmp_path, capsys):
    module = example("shapes", DETECTION_MIN_CONFIDENCE=0.0, DETECTION_ALL_CLASSES=True)
    score = module.main(
        [
            "--quick",
            "--weights",
            "none",
            "--logs",
            str(tmp_path),
            "--picture",
            str(tmp_path / "shapes.png"),
        ]
    )
    assert 0 <= score <= 1 and f"{score:.3f}" in capsys.readouterr().out
    assert Image.open(tmp_path / "shapes.png").size[0] > 1000
    assert sorted(p.name for p in tmp_path.glob("shapes2*/*.h5"))[-1] == "mask_rcnn_shapes_0002.h5"
