"""What every augmenter does, whichever library it comes from: image, masks and columns stay
together, and all chance is the rng's."""

import random

import cv2
import numpy as np
import pytest

from mrcnn.data.augmentation.albumentations_adapter import import_albumentations
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample

iaa = import_imgaug().augmenters
A = import_albumentations()
SIDE = 96

# (imgaug's, Albumentations')
MOVEMENTS = {
    "left/right flip": (iaa.Fliplr(1.0), A.HorizontalFlip(p=1)),
    "upside down": (iaa.Flipud(1.0), A.VerticalFlip(p=1)),
    "rotation": (iaa.Rotate((10, 30)), A.Rotate((10, 30), p=1)),
    "scaling": (iaa.Affine(scale=(0.7, 0.9)), A.Affine(scale=(0.7, 0.9), p=1)),
    "affine": (
        iaa.Affine(
            scale=(0.8, 1.2), translate_percent=(-0.1, 0.1), rotate=(-20, 20), shear=(-8, 8)
        ),
        A.Affine(
            scale=(0.8, 1.2), translate_percent=(-0.1, 0.1), rotate=(-20, 20), shear=(-8, 8), p=1
        ),
    ),
    "crop and zoom back": (
        iaa.Crop(percent=(0.05, 0.2)),
        A.CropAndPad(percent=(-0.2, -0.05), keep_size=True, p=1),
    ),
    "crop of a share": (
        iaa.KeepSizeByResize(iaa.Crop(percent=0.1, keep_size=False)),
        A.RandomResizedCrop((SIDE, SIDE), (0.6, 0.9), p=1),
    ),
    "perspective": (iaa.PerspectiveTransform((0.05, 0.1)), A.Perspective((0.05, 0.1), p=1)),
    "elastic": (
        iaa.ElasticTransformation(alpha=40, sigma=6),
        A.ElasticTransform(alpha=40, sigma=6, p=1),
    ),
    "one of several": (
        iaa.OneOf([iaa.Fliplr(1.0), iaa.Rotate(20)]),
        A.OneOf([A.HorizontalFlip(), A.Rotate((20, 20))], p=1),
    ),
    "some of several": (
        iaa.SomeOf(2, [iaa.Fliplr(1.0), iaa.Rotate(20), iaa.Crop(percent=0.1)]),
        A.SomeOf(
            [A.HorizontalFlip(p=1), A.Rotate((20, 20), p=1), A.CropAndPad(percent=-0.1, p=1)], n=2
        ),
    ),
    "one after the other": (
        iaa.Sequential([iaa.Fliplr(0.5), iaa.Rotate((-20, 20)), iaa.Multiply((0.8, 1.2))]),
        A.Compose(
            [A.HorizontalFlip(p=0.5), A.Rotate((-20, 20), p=1), A.RandomBrightnessContrast(p=1)]
        ),
    ),
    "a list": (
        [iaa.Fliplr(0.5), None, iaa.Rotate((-20, 20))],
        [A.HorizontalFlip(p=0.5), None, A.Rotate((-20, 20), p=1)],
    ),
    "a list of both": (
        [iaa.Fliplr(0.5), A.Rotate((-20, 20), p=1)],
        [A.HorizontalFlip(p=0.5), iaa.Rotate((-20, 20))],
    ),
}
COLOURS = {
    "colour jitter": (
        iaa.Sequential([iaa.Multiply((0.7, 1.3)), iaa.MultiplyHueAndSaturation((0.7, 1.3))]),
        A.ColorJitter(p=1),
    ),
    "blur": (iaa.GaussianBlur((0.5, 1.5)), A.GaussianBlur(sigma_limit=(0.5, 1.5), p=1)),
    "noise": (iaa.AdditiveGaussianNoise(scale=20), A.GaussNoise(std_range=(0.08, 0.08), p=1)),
    "cutout": (iaa.Cutout(), A.CoarseDropout(p=1)),
    "dropout of a grid": (iaa.CoarseDropout(0.1, size_percent=0.1), A.GridDropout(p=1)),
}


def cases(kinds):
    return [
        pytest.param(augmentation, id=f"{library}: {name}")
        for name, pair in kinds.items()
        for library, augmentation in zip(("imgaug", "Albumentations"), pair)
    ]


def scene_of(count):
    """An image of eight-pixel blocks, bright where an object is; `count` objects that share them
    out, each numbered in its columns."""
    owner = np.kron(
        np.random.default_rng(7).integers(0, 2 * max(count, 1), (SIDE // 8, SIDE // 8)),
        np.ones((8, 8), int),
    )
    image = np.repeat(np.where(owner < count, 210, 40).astype(np.uint8)[:, :, None], 3, axis=2)
    masks = CroppedMasks.from_dense(owner[:, :, None] == np.arange(count))
    return Sample(
        image,
        masks,
        np.arange(count, dtype=np.int32) + 1,
        {"gt_ids": np.arange(count)},
        masks.areas.astype(float),
    )


def augmented(augmenter, scene, seed=1):
    return augmenter.augment(scene, np.random.default_rng(seed))


def assert_same(one, other):
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.masks.dense(), other.masks.dense())


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("augmentation", cases(MOVEMENTS))
def test_masks_move_with_the_image(augmentation, count):
    scene = scene_of(count)
    moved = augmented(augmenter_of(augmentation), scene)
    assert moved.image.shape == scene.image.shape and moved.image.dtype == np.uint8
    assert len(moved.masks) == count and (moved.image != scene.image).any()
    assert np.corrcoef(moved.image.mean(axis=2).ravel(), moved.masks.union().ravel())[0, 1] > 0.7


@pytest.mark.parametrize("augmentation", cases(MOVEMENTS))
def test_every_row_is_still_the_object_that_it_was(augmentation):
    """Nine squares, each with a gray level of its own, which is also its number in the columns."""
    image, masks = np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE, 9), bool)
    for k in range(9):
        rows, columns = (slice(8 + 32 * n, 28 + 32 * n) for n in divmod(k, 3))
        image[rows, columns], masks[rows, columns, k] = 25 * k + 40, True
    levels = np.arange(9) * 25 + 40
    scene = Sample(
        image,
        CroppedMasks.from_dense(masks),
        np.arange(9, dtype=np.int32) + 1,
        {"level": levels},
        masks.sum(axis=(0, 1)) * 1.0,
    )
    light = [iaa.Multiply, A.RandomBrightnessContrast]
    moved = augmented(augmenter_of(_without(augmentation, light)), scene)
    for mask, level, class_id in zip(
        moved.masks.dense().transpose(2, 0, 1), moved.fields["level"], moved.class_ids
    ):
        if mask.sum() > 20:  # of a square that is cut off, the rim is all that is left
            assert abs(np.median(moved.image[mask]) - level) <= 8
        assert level == 25 * (class_id - 1) + 40
    assert len(moved.full_areas) == len(moved.masks) == 9


@pytest.mark.parametrize("augmentation", cases(COLOURS))
def test_colours_noise_and_what_is_cut_out_leave_masks_alone(augmentation):
    scene = scene_of(9)
    changed = augmented(augmenter_of(augmentation), scene)
    assert (changed.image != scene.image).any()
    np.testing.assert_array_equal(changed.masks.dense(), scene.masks.dense())


@pytest.mark.parametrize("augmentation", cases(MOVEMENTS | COLOURS))
def test_the_same_rng_gives_the_same_result(augmentation):
    scene, augmenter = scene_of(9), augmenter_of(augmentation)
    first = augmented(augmenter, scene, seed=3)
    augmented(augmenter, scene, seed=4)
    assert_same(augmented(augmenter, scene, seed=3), first)
    assert_same(augmented(augmenter_of(augmentation), scene, seed=3), first)


@pytest.mark.parametrize("augmentation", cases(MOVEMENTS | COLOURS))
def test_the_inputs_and_the_global_generators_are_left_as_they_were(augmentation):
    scene, before = scene_of(9), scene_of(9)
    generators = np.random.get_state()[1].copy(), random.getstate()
    changed = augmented(augmenter_of(augmentation), scene)
    assert_same(scene, before)
    assert not np.shares_memory(changed.image, scene.image)
    np.testing.assert_array_equal(np.random.get_state()[1], generators[0])
    assert random.getstate() == generators[1]


@pytest.mark.parametrize("augmentation", cases(MOVEMENTS | COLOURS))
def test_a_picture_without_objects_moves_as_it_would_with_them(augmentation):
    augmenter, scene = augmenter_of(augmentation), scene_of(9)
    without = augmented(augmenter, scene.keep(np.zeros(0, int)), seed=2)
    assert len(without.masks) == len(without.class_ids) == len(without.fields["gt_ids"]) == 0
    np.testing.assert_array_equal(without.image, augmented(augmenter, scene, seed=2).image)


@pytest.mark.parametrize(
    "augmentation",
    [iaa.Affine(translate_px={"x": SIDE}), A.Affine(translate_px={"x": SIDE}, p=1)],
    ids=["imgaug", "Albumentations"],
)
def test_objects_that_leave_the_picture_keep_their_rows(augmentation):
    """`mrcnn.data.loading.load_example` drops them, with all their columns."""
    moved = augmented(augmenter_of(augmentation), scene_of(9))
    assert moved.masks.areas.tolist() == [0] * 9 and moved.fields["gt_ids"].tolist() == list(
        range(9)
    )


@pytest.mark.parametrize(
    "augmentation", [iaa.Fliplr(1.0), A.HorizontalFlip(p=1)], ids=["imgaug", "Albumentations"]
)
def test_a_flip_by_hand(augmentation):
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    masks = np.array([[1, 0, 0], [1, 1, 0]], bool)[:, :, None]
    flipped = augmented(augmenter_of(augmentation), Sample.from_dense(image, masks))
    np.testing.assert_array_equal(flipped.image, image[:, ::-1])
    np.testing.assert_array_equal(flipped.masks.dense()[:, :, 0], [[0, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(
    ("augmentation", "outcomes"),
    [
        (iaa.OneOf([iaa.Fliplr(1.0), iaa.Flipud(1.0)]), {3, 6}),
        (A.OneOf([A.HorizontalFlip(), A.VerticalFlip()], p=1), {3, 6}),
        (iaa.SomeOf((0, 2), [iaa.Fliplr(1.0), iaa.Flipud(1.0)]), {0, 3, 6, 9}),
        (A.SomeOf([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)], n=2), {0, 3, 6, 9}),
        (iaa.Sequential([iaa.Fliplr(1.0), iaa.Flipud(1.0)]), {9}),
        ([A.HorizontalFlip(p=1), iaa.Flipud(1.0)], {9}),
    ],
    ids=[
        "imgaug: one",
        "Albumentations: one",
        "imgaug: some",
        "Albumentations: some",
        "imgaug: all",
        "a list: all",
    ],
)
def test_a_choice_among_transforms_stays_a_choice(augmentation, outcomes):
    """The top left value of four pixels: 3 after a flip to the side, 6 upside down, 9
    after both."""
    scene = Sample.from_dense(
        np.arange(12, dtype=np.uint8).reshape(2, 2, 3), np.zeros((2, 2, 0), bool)
    )
    assert {
        int(augmented(augmenter_of(augmentation), scene, seed).image[0, 0, 0]) for seed in range(40)
    } == outcomes


def test_what_the_libraries_share_they_do_alike():
    """The same movement, told to both: OpenCV's own arithmetic is the third opinion."""
    scene = scene_of(9)
    one, other = (
        augmented(augmenter_of(a), scene)
        for a in (
            iaa.Affine(translate_px={"x": 10, "y": -7}, order=0),
            A.Affine(translate_px={"x": 10, "y": -7}, interpolation=0, p=1),
        )
    )
    assert_same(one, other)
    np.testing.assert_array_equal(
        one.image,
        cv2.warpAffine(scene.image, np.float32([[1, 0, 10], [0, 1, -7]]), (SIDE, SIDE), flags=0),
    )


def _without(augmentation, kinds):
    """The same augmentation less what changes gray levels."""
    if isinstance(augmentation, iaa.Sequential):
        return iaa.Sequential(
            [child for child in augmentation if not isinstance(child, tuple(kinds))]
        )
    if isinstance(augmentation, A.Compose):
        return A.Compose([child for child in augmentation if not isinstance(child, tuple(kinds))])
    return augmentation
