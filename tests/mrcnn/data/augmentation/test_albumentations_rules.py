"""Facts about what is refused: the message names the transform and what to use instead."""

import cv2
import numpy as np
import pytest

from mrcnn.data.augmentation.albumentations_adapter import (
    AlbumentationsAugmenter,
    import_albumentations,
)

A = import_albumentations()


class ShiftImageOnly(A.ImageOnlyTransform):
    """What a hurried user writes: the image moves, the masks stay."""

    def apply(self, img, **params):
        return np.roll(img, 8, axis=1)


class ShiftBoth(A.DualTransform):
    def apply(self, img, **params):
        return np.roll(img, 8, axis=1)


class Noise(A.ImageOnlyTransform):
    """No movement, but nothing of the image remains to see that."""

    def apply(self, img, **params):
        return self.random_generator.integers(0, 256, img.shape).astype(np.uint8)


class Crash(A.ImageOnlyTransform):
    def apply(self, img, **params):
        raise RuntimeError("not today")


class OwnCrop(A.RandomCrop):
    """Somebody's own, of a kind that is known."""


def roll(array, **params):
    return np.roll(array, 8, axis=1)


def darken(image, **params):
    return image // 2


REFUSED = [
    (
        A.RandomCrop(64, 64),
        r"RandomCrop changes the canvas size: .*A.Affine\(scale=...\).*A.RandomResizedCrop",
    ),
    (OwnCrop(64, 64), "OwnCrop changes the canvas size"),
    (A.Resize(64, 64), "Resize changes the canvas size"),
    (A.LongestMaxSize(64), "LongestMaxSize"),
    (A.RandomScale(), "RandomScale"),
    (A.PadIfNeeded(200, 200), "PadIfNeeded"),
    (A.CenterCrop(64, 64), "CenterCrop"),
    (A.CropAndPad(px=-10, keep_size=False), r"CropAndPad\(keep_size=False\).*keep_size=True"),
    (A.Perspective(keep_size=False), "keep_size=True"),
    (A.Rotate(crop_border=True), "crop_border=False"),
    (A.Affine(rotate=45, fit_output=True), r"fit_output=False, or A.SafeRotate"),
    (
        A.Affine(rotate=9, border_mode=cv2.BORDER_REFLECT_101),
        r"Affine fills .* mirrored .*border_mode=cv2.BORDER_CONSTANT",
    ),
    (A.Rotate(border_mode=cv2.BORDER_REPLICATE), "BORDER_CONSTANT"),
    (A.ElasticTransform(border_mode=cv2.BORDER_WRAP), "BORDER_CONSTANT"),
    (A.Affine(rotate=9, fill_mask=1), r"Affine\(fill_mask=1.*\) adds pixels to every object"),
    (A.CoarseDropout(fill_mask=255), "fill_mask=0, or None"),
    (A.PixelDropout(mask_drop_value=0), "mask_drop_value=None"),
    (A.Morphological(), "Morphological grows what is bright"),
    (A.Normalize(), r"Normalize changes the type .*Config normalizes"),
    (A.ToFloat(), "ToFloat changes the type"),
    (A.ToGray(num_output_channels=1), "use 3"),
    (A.MaskDropout((1, 2)), "MaskDropout asks for mask"),
    (A.HistogramMatching(), "HistogramMatching asks for hm_metadata"),
    (A.BBoxSafeRandomCrop(), "BBoxSafeRandomCrop asks for boxes"),
    (A.ConstrainedCoarseDropout(), "ConstrainedCoarseDropout asks for boxes"),
    (A.CoarseDropout3D(), "for volumes"),
    (
        A.SelectiveChannelTransform([A.Rotate()]),
        "Rotate inside SelectiveChannelTransform moves the image without its masks",
    ),
    (A.Lambda(image=roll), r"Lambda moved .*mask="),
    (A.Lambda(mask=roll), "Lambda moved"),
    (
        ShiftImageOnly(),
        r"ShiftImageOnly moved a test image .*apply_to_mask.* trust=\(ShiftImageOnly,\)",
    ),
    (Crash(), "Crash failed on a test image .*not today"),
]


@pytest.mark.parametrize(("transform", "message"), REFUSED, ids=lambda case: type(case).__name__)
def test_refused_even_deep_in_a_tree(transform, message):
    with pytest.raises(ValueError, match=message):
        AlbumentationsAugmenter(
            A.Compose([A.HorizontalFlip(), A.Sequential([A.OneOf([transform, A.Blur()])], p=0.01)])
        )


@pytest.mark.parametrize(
    "parameters",
    [
        {"bbox_params": A.BboxParams("pascal_voc", label_fields=["labels"])},
        {"keypoint_params": A.KeypointParams("xy")},
    ],
)
def test_boxes_and_points_are_not_handed_over(parameters):
    with pytest.raises(ValueError, match="leave them out, boxes are made from the masks"):
        AlbumentationsAugmenter(A.Compose([A.HorizontalFlip()], **parameters))


@pytest.mark.parametrize(
    "transform",
    [
        ShiftBoth(p=1),
        A.Lambda(image=roll, mask=roll),
        A.Lambda(image=darken),
        A.SelectiveChannelTransform([A.GaussNoise(std_range=(0.01, 0.01), p=1)], channels=[0]),
        A.SafeRotate((5, 5), p=1),
        A.Perspective((0.02, 0.02), fit_output=True, p=1),
        A.OneOrOther(A.ColorJitter(), A.HorizontalFlip()),
        A.RandomOrder([A.HorizontalFlip(), A.ToGray()], n=2),
        A.Compose([]),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_accepted(transform):
    image, masks = np.full((32, 48, 3), 9, np.uint8), np.zeros((32, 48, 3), bool)
    masks[8:24, 12:28, 1] = True
    image[masks[:, :, 1]] = 250
    image, masks = AlbumentationsAugmenter(transform)(image, masks, np.random.default_rng(0))
    assert masks.any(axis=(0, 1)).tolist() == [False, True, False]
    assert np.corrcoef(image.mean(axis=2).ravel(), masks[:, :, 1].ravel())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (
            A.RandomResizedCrop((64, 64), p=0.01),
            r"RandomResizedCrop makes images of \(64, 64\).*"
            r"use RandomResizedCrop\(size=\(32, 48\), ...\)",
        ),
        (A.RandomSizedCrop((10, 20), size=(48, 32), p=0.01), "RandomSizedCrop"),
        (A.RandomRotate90(p=0.01), "RandomRotate90 turns images .* on their side"),
        (A.Transpose(p=0.01), "Transpose"),
        (A.D4(p=0.01), "D4"),
    ],
)
def test_what_would_change_the_canvas_some_day_is_refused_at_the_first_image(transform, message):
    image, masks = np.zeros((32, 48, 3), np.uint8), np.zeros((32, 48, 1), bool)
    with pytest.raises(ValueError, match=message):
        AlbumentationsAugmenter(A.Compose([transform]))(image, masks, np.random.default_rng(0))


def test_a_size_that_changes_all_the_same_is_an_error():
    class Halve(A.DualTransform):
        """Of large images only, so that a test image passes."""

        def apply(self, img, **params):
            return img[::2] if len(img) > 200 else img

    image, masks = np.zeros((256, 8, 3), np.uint8), np.zeros((256, 8, 1), bool)
    with pytest.raises(
        ValueError, match=r"Halve turned an image \(256, 8, 3\) uint8 into \(128, 8, 3\)"
    ):
        AlbumentationsAugmenter(Halve(p=1))(image, masks, np.random.default_rng(0))


def test_own_code_can_be_vouched_for():
    with pytest.raises(ValueError, match="Noise"):
        AlbumentationsAugmenter(A.Compose([Noise()]))
    AlbumentationsAugmenter(A.Compose([Noise()]), trust=(Noise,))


def test_all_problems_are_named_at_once():
    with pytest.raises(ValueError, match=r"(?s)Resize.*ShiftImageOnly"):
        AlbumentationsAugmenter(A.Compose([A.Resize(64, 64), ShiftImageOnly()]))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [([A.HorizontalFlip()], "list"), (A.HorizontalFlip, "the class HorizontalFlip, not made yet")],
)
def test_what_is_no_transform_is_refused(wrong, what):
    with pytest.raises(ValueError, match=f"got {what}.*A.Compose"):
        AlbumentationsAugmenter(wrong)
