"""Facts about what is refused: the message names the augmenter and what to use instead."""

import numpy as np
import pytest

from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.augmentation.imgaug_import import import_imgaug

iaa = import_imgaug().augmenters


class ShiftImageOnly(iaa.Augmenter):
    """What a hurried user writes: the image moves, the masks stay."""

    def _augment_batch_(self, batch, random_state, parents, hooks):
        batch.images = [np.roll(image, 8, axis=1) for image in batch.images]
        return batch

    def get_parameters(self):
        return []


class ShiftBoth(ShiftImageOnly):
    def _augment_batch_(self, batch, random_state, parents, hooks):
        for segmap in batch.segmentation_maps:
            segmap.arr = np.roll(segmap.arr, 8, axis=1)
        return super()._augment_batch_(batch, random_state, parents, hooks)


class Noise(ShiftImageOnly):
    """No movement, but nothing of the image remains to see that."""

    def _augment_batch_(self, batch, random_state, parents, hooks):
        batch.images = [
            random_state.integers(0, 256, image.shape).astype(np.uint8) for image in batch.images
        ]
        return batch


class Crash(ShiftImageOnly):
    def _augment_batch_(self, batch, random_state, parents, hooks):
        raise RuntimeError("not today")


def roll_images(images, random_state, parents, hooks):
    return [np.roll(image, 8, axis=1) for image in images]


def roll_maps(maps, random_state, parents, hooks):
    for segmap in maps:
        segmap.arr = np.roll(segmap.arr, 8, axis=1)
    return maps


def keep_maps(maps, random_state, parents, hooks):
    return maps


REFUSED = [
    (iaa.Resize(0.5), r"Resize changes the canvas size: .*iaa.Affine"),
    (iaa.Resize({"height": 100}), "Resize"),
    (iaa.Crop(px=10, keep_size=False), r"Crop\(keep_size=False\).*keep_size=True"),
    (iaa.Affine(rotate=45, fit_output=True), "fit_output=False"),
    (iaa.PadToFixedSize(200, 200), "PadToFixedSize"),
    (iaa.CropToFixedSize(100, 100), "CropToFixedSize"),
    (iaa.CenterCropToSquare(), "CenterCropToSquare"),
    (iaa.MaxPooling(2, keep_size=False), "MaxPooling"),
    (iaa.Jigsaw(3, 3), "allow_pad=False"),
    (iaa.imgcorruptlike.ElasticTransform(1), "iaa.ElasticTransformation"),
    (iaa.pillike.Affine(rotate=10), "iaa.Affine"),
    (iaa.RandAugment(), "RandAugment"),
    (iaa.BlendAlpha(0.5, iaa.Affine(rotate=10)), "Affine inside BlendAlpha"),
    (iaa.BlendAlphaSimplexNoise(iaa.Fliplr(1.0)), "Fliplr inside BlendAlphaSimplexNoise"),
    (iaa.WithChannels([0], iaa.Affine(rotate=10)), "Affine inside WithChannels"),
    (iaa.WithHueAndSaturation(iaa.Affine(rotate=10)), "Affine inside WithHueAndSaturation"),
    (iaa.BlendAlphaSegMapClassIds(1, iaa.Grayscale(1.0)), "BlendAlphaSegMapClassIds"),
    (iaa.KeepSizeByResize(iaa.Resize(0.5), interpolation_segmaps="cubic"), "='nearest'"),
    (iaa.KeepSizeByResize(iaa.Resize(0.5), interpolation_segmaps="NO_RESIZE"), "='nearest'"),
    (iaa.Lambda(func_images=roll_images), "func_segmentation_maps"),
    (
        iaa.Lambda(func_images=roll_images, func_segmentation_maps=keep_maps),
        "Lambda moved a test image",
    ),
    (iaa.Lambda(func_segmentation_maps=roll_maps), "Lambda moved"),
    (ShiftImageOnly(), r"ShiftImageOnly moved a test image .* trust=\(ShiftImageOnly,\)"),
    (Crash(), "Crash failed on a test image .*not today"),
]


@pytest.mark.parametrize(("augmenter", "message"), REFUSED)
def test_refused_at_construction_even_deep_in_a_tree(augmenter, message):
    with pytest.raises(ValueError, match=message):
        ImgaugAugmenter(
            iaa.Sequential([iaa.Fliplr(0.5), iaa.Sometimes(0.01, iaa.OneOf([augmenter]))])
        )


@pytest.mark.parametrize(
    "augmenter",
    [
        ShiftBoth(),
        iaa.Lambda(func_images=roll_images, func_segmentation_maps=roll_maps),
        iaa.AssertShape((None, None, None, 3)),
        iaa.KeepSizeByResize(iaa.Sequential([iaa.Crop(px=4, keep_size=False), iaa.Resize(0.5)])),
        iaa.WithChannels([0], iaa.Add(20)),
        iaa.Sequential([]),
    ],
    ids=lambda augmenter: type(augmenter).__name__,
)
def test_accepted(augmenter):
    image, masks = np.full((32, 48, 3), 9, np.uint8), np.zeros((32, 48, 3), bool)
    masks[4:20, 8:24, 1] = True
    image[masks[:, :, 1]] = 250
    image, masks = ImgaugAugmenter(augmenter)(image, masks, np.random.default_rng(0))
    assert masks.any(axis=(0, 1)).tolist() == [False, True, False]
    assert np.corrcoef(image.mean(axis=2).ravel(), masks[:, :, 1].ravel())[0, 1] > 0.8


def test_own_code_can_be_vouched_for():
    with pytest.raises(ValueError, match="Noise"):
        ImgaugAugmenter(iaa.Sequential([Noise()]))
    ImgaugAugmenter(iaa.Sequential([Noise()]), trust=(Noise,))


def test_all_problems_are_named_at_once():
    with pytest.raises(ValueError, match=r"(?s)Resize.*ShiftImageOnly"):
        ImgaugAugmenter(iaa.Sequential([iaa.Resize(0.5), ShiftImageOnly()]))


@pytest.mark.parametrize(
    "wrong", [[iaa.Fliplr(1.0)], None, lambda image, masks, rng: (image, masks)]
)
def test_what_is_no_imgaug_augmenter_is_refused(wrong):
    with pytest.raises(ValueError, match="Sequential"):
        ImgaugAugmenter(wrong)
