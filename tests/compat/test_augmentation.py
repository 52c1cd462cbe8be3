"""Augmentation: any augmenter that scripts make with imgaug moves image and masks alike, and some
sources are left as they are."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn import utils

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from imgaug import augmenters as iaa

    AUGMENTERS = {
        "flips": iaa.Sequential([iaa.Fliplr(0.5), iaa.Flipud(0.5)]),
        "turn": iaa.Affine(rotate=(-10, 10)),
        "affine": iaa.Affine(
            scale={"x": (0.8, 1.2), "y": (0.8, 1.2)},
            translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)},
            rotate=(-25, 25),
            shear=(-4, 4),
        ),
        "some": iaa.SomeOf(
            (0, 2),
            [
                iaa.Fliplr(0.5),
                iaa.OneOf([iaa.Affine(rotate=90), iaa.Affine(rotate=180), iaa.Affine(rotate=270)]),
                iaa.Multiply((0.9, 1.1)),
                iaa.GaussianBlur(sigma=(0.0, 0.5)),
            ],
        ),
        "sometimes": iaa.Sequential(
            [
                iaa.Sometimes(0.5, iaa.Crop(percent=(0, 0.1))),
                iaa.ContrastNormalization((0.9, 1.1)),
                iaa.AdditiveGaussianNoise(loc=0, scale=(0.0, 0.02 * 255), per_channel=0.5),
                iaa.Multiply((0.9, 1.1), per_channel=0.2),
                iaa.Sharpen(alpha=(0.0, 0.3)),
            ],
            random_order=True,
        ),
        "kept_size": iaa.KeepSizeByResize(iaa.Crop(percent=(0, 0.1), keep_size=False)),
        "linear_contrast": iaa.OneOf([iaa.LinearContrast((0.9, 1.1)), iaa.Noop()]),
    }


@pytest.mark.slow
def test_imgaug_is_imported_as_usual_after_anything_of_mrcnn():
    code = (
        "from mrcnn.config import Config\nimport imgaug\nfrom imgaug import "
        "augmenters as iaa\niaa.Fliplr(0.5)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("augmentation", AUGMENTERS.values(), ids=AUGMENTERS)
def test_masks_move_with_the_image(shapes_config, shapes, augmentation):
    class FullMasks(shapes_config):
        USE_MINI_MASK = False

    dataset, looks = shapes(6), {1: (200, 30, 60), 2: (20, 90, 220)}
    for image_id in dataset.image_ids:
        image, _, class_ids, boxes, masks = modellib.load_image_gt(
            dataset, FullMasks(), image_id, augmentation=augmentation
        )
        assert image.shape == (64, 64, 3) and image.dtype == np.uint8 and len(class_ids)
        np.testing.assert_array_equal(utils.extract_bboxes(masks), boxes)
        for mask, class_id in zip(masks.transpose(2, 0, 1), class_ids):
            hidden = masks[:, :, class_ids > class_id].any(
                axis=-1
            )  # the bar lies on top of the square
            inside = np.median(image[mask & ~hidden], axis=0)
            assert np.abs(inside - looks[class_id]).max() < 45


@pytest.mark.parametrize(
    ("augmentation", "name"),
    [
        (iaa.Crop(percent=(0, 0.1), keep_size=False), "Crop"),
        (iaa.Resize(32), "Resize"),
        (iaa.Sequential([iaa.Affine(rotate=9, fit_output=True)]), "Affine"),
    ],
)
def test_what_changes_the_size_is_refused_by_its_name(
    shapes_config, shapes, made, augmentation, name
):
    with pytest.raises(ValueError, match=f"{name}.*changes the canvas size"):
        made(shapes_config()).train(
            shapes(2),
            shapes(2),
            learning_rate=1e-3,
            epochs=1,
            layers="heads",
            augmentation=augmentation,
        )


@pytest.mark.slow
def test_a_training_is_augmented(shapes_config, shapes, made):
    augmentation = iaa.Sequential(
        [iaa.Fliplr(0.5), iaa.Affine(rotate=(-5, 5)), iaa.GaussianBlur(sigma=(0, 0.5))]
    )
    model = made(shapes_config())
    model.train(
        shapes(4), shapes(2), learning_rate=1e-3, epochs=1, layers="all", augmentation=augmentation
    )
    assert np.isfinite(model.keras_model.history.history["loss"]).all()


class TwoSources(utils.Dataset):
    """Two photos each of a bright and of a dark source."""

    def __init__(self):
        super().__init__(self)
        for source in ("bright", "dark"):
            self.add_class(source, 1, source)
            for i in range(2):
                self.add_image(source, image_id=i, path=None)
        self.prepare()

    def load_image(self, image_id):
        return np.full(
            (64, 64, 3), 200 if self.image_info[image_id]["source"] == "bright" else 40, np.uint8
        )

    def load_mask(self, image_id):
        masks = np.zeros((64, 64, 1), bool)
        masks[10:40, 10:40] = True
        return masks, np.array([1 if self.image_info[image_id]["source"] == "bright" else 2])


@pytest.mark.slow
def test_named_sources_are_left_as_they_are(shapes_config, made):
    class EveryImage(shapes_config):
        STEPS_PER_EPOCH = 2

    seen = []

    def note(image, masks, rng):
        seen.append(int(image.max()))
        return image, masks

    made(EveryImage()).train(
        TwoSources(),
        TwoSources(),
        learning_rate=1e-3,
        epochs=1,
        layers="heads",
        augmentation=note,
        no_augmentation_sources=["dark"],
    )
    assert seen and set(seen) == {200}


@pytest.mark.slow
def test_validation_is_not_augmented(shapes_config, shapes, made):
    seen = []

    def note(image, masks, rng):
        seen.append(int(image.max()))
        return image, masks

    made(shapes_config()).train(
        TwoSources(), shapes(2), learning_rate=1e-3, epochs=1, layers="heads", augmentation=note
    )
    assert seen and 220 not in seen  # as blue as the shapes' bars


def test_augmented_images_can_be_looked_at(shapes):
    grid = AUGMENTERS["flips"].draw_grid(shapes(1).load_image(0), cols=3, rows=2)
    assert grid.shape == (140, 150, 3)
