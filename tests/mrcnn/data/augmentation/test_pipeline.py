"""Facts about augmentation: image and masks move as one, and all chance comes from the rng."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mrcnn.data.augmentation import imgaug_rules
from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
from mrcnn.data.augmentation.imgaug_import import import_imgaug

iaa = import_imgaug().augmenters

MOVEMENTS = {
    "Fliplr": iaa.Fliplr(1.0),
    "Flipud": iaa.Flipud(1.0),
    "Affine": iaa.Affine(
        scale=(0.8, 1.2), translate_percent=(-0.1, 0.1), rotate=(-20, 20), shear=(-8, 8)
    ),
    "Rotate": iaa.Rotate((10, 30)),
    "ShearX": iaa.ShearX((10, 20)),
    "TranslateX": iaa.TranslateX(percent=0.1),
    "ScaleX": iaa.ScaleX((0.7, 0.9)),
    "Affine with cv2": iaa.Affine(rotate=20, backend="cv2"),
    "Crop": iaa.Crop(percent=(0.05, 0.2)),
    "Pad": iaa.Pad(percent=(0.05, 0.2)),
    "CropAndPad": iaa.CropAndPad(percent=(-0.2, 0.2)),
    "PerspectiveTransform": iaa.PerspectiveTransform((0.05, 0.1)),
    "PiecewiseAffine": iaa.PiecewiseAffine((0.02, 0.04)),
    "ElasticTransformation": iaa.ElasticTransformation(alpha=40, sigma=6),
    "Rot90": iaa.Rot90(2),
    "WithPolarWarping": iaa.WithPolarWarping(iaa.Affine(translate_percent=0.1)),
    "Jigsaw": iaa.Jigsaw(4, 4, allow_pad=False),
    "KeepSizeByResize": iaa.KeepSizeByResize(iaa.Crop(20, keep_size=False)),
    "Sometimes": iaa.Sometimes(0.5, iaa.Affine(rotate=20)),
    "SomeOf": iaa.SomeOf(2, [iaa.Fliplr(1.0), iaa.Affine(rotate=20), iaa.Crop(percent=0.1)]),
    "WithColorspace": iaa.WithColorspace("HSV", children=iaa.Affine(rotate=20)),
}  # fmt: skip
COLOURS = {
    "Multiply": iaa.Multiply((0.5, 1.5)),
    "LinearContrast": iaa.LinearContrast((0.5, 1.5)),
    "GaussianBlur": iaa.GaussianBlur(1.0),
    "Sharpen": iaa.Sharpen(0.5),
    "AdditiveGaussianNoise": iaa.AdditiveGaussianNoise(scale=20),
    "Grayscale": iaa.Grayscale(1.0),
    "MultiplySaturation": iaa.MultiplySaturation((0.5, 1.5)),
    "Cutout": iaa.Cutout(),
    "CoarseDropout": iaa.CoarseDropout(0.1, size_percent=0.1),
    "BlendAlpha": iaa.BlendAlpha(0.5, iaa.Grayscale(1.0)),
    "BlendAlphaSimplexNoise": iaa.BlendAlphaSimplexNoise(iaa.Multiply(0.5)),
    "Clouds": iaa.Clouds(),
    "Rain": iaa.Rain(),
}
EVERY = MOVEMENTS | COLOURS


@pytest.fixture
def photo():
    """An image (128, 128, 3) of eight-pixel blocks, and ten masks that share them out."""
    rng = np.random.default_rng(7)
    owner = np.kron(
        rng.integers(0, 20, (16, 16)), np.ones((8, 8), int)
    )  # ten objects on half of the blocks
    image = np.repeat(np.where(owner < 10, 210, 40).astype(np.uint8)[:, :, None], 3, axis=2)
    return image, owner[:, :, None] == np.arange(10)


@pytest.mark.parametrize("name", MOVEMENTS)
def test_masks_move_with_the_image(name, photo):
    image, masks = ImgaugAugmenter(MOVEMENTS[name])(*photo, np.random.default_rng(1))
    assert image.shape == photo[0].shape and image.dtype == np.uint8
    assert masks.shape == photo[1].shape and masks.dtype == bool
    assert np.corrcoef(image.mean(axis=2).ravel(), masks.any(axis=2).ravel())[0, 1] > 0.7


@pytest.mark.parametrize("name", COLOURS)
def test_colours_and_noise_leave_masks_alone(name, photo):
    image, masks = ImgaugAugmenter(COLOURS[name])(*photo, np.random.default_rng(1))
    assert image.shape == photo[0].shape and image.dtype == np.uint8
    np.testing.assert_array_equal(masks, photo[1])


@pytest.mark.parametrize("name", EVERY)
def test_eight_masks_on_one_plane_move_as_they_would_alone(name, photo):
    """Masks travel as bits of a shared plane; imgaug with one plane a mask is the oracle."""
    packed, alone = ImgaugAugmenter(EVERY[name]), ImgaugAugmenter(EVERY[name])
    assert packed._packs
    alone._packs = False
    ours, theirs = (augment(*photo, np.random.default_rng(5)) for augment in (packed, alone))
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("name", EVERY)
def test_the_same_rng_gives_the_same_result(name, photo):
    augment = ImgaugAugmenter(EVERY[name])
    first = augment(*photo, np.random.default_rng(3))
    augment(*photo, np.random.default_rng(4))
    again = augment(*photo, np.random.default_rng(3))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


@pytest.mark.parametrize("name", EVERY)
def test_the_inputs_are_left_as_they_were(name, photo):
    before = [array.copy() for array in photo]
    image, masks = ImgaugAugmenter(EVERY[name])(*photo, np.random.default_rng(1))
    for now, was in zip(photo, before, strict=True):
        np.testing.assert_array_equal(now, was)
    assert not np.shares_memory(image, photo[0]) and not np.shares_memory(masks, photo[1])


def test_a_flip_by_hand():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    masks = np.array([[1, 0, 0], [1, 1, 0]], bool)[:, :, None]
    flipped, flipped_masks = ImgaugAugmenter(iaa.Fliplr(1.0))(
        image, masks, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(flipped, image[:, ::-1])
    np.testing.assert_array_equal(flipped_masks[:, :, 0], [[0, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize("count", [0, 1, 8, 9, 17])
def test_any_number_of_masks_works(count, photo):
    image, masks = photo
    many = np.concatenate([masks, masks], axis=2)[:, :, :count]
    _, flipped = ImgaugAugmenter(iaa.Fliplr(1.0))(image, many, np.random.default_rng(0))
    np.testing.assert_array_equal(flipped, many[:, ::-1])


def test_an_image_moves_the_same_way_with_and_without_objects(photo):
    augment = ImgaugAugmenter(iaa.Affine(rotate=(-45, 45)))
    with_objects, _ = augment(*photo, np.random.default_rng(2))
    without, none = augment(photo[0], photo[1][:, :, :0], np.random.default_rng(2))
    np.testing.assert_array_equal(with_objects, without)
    assert none.shape == (128, 128, 0)


@pytest.mark.parametrize(
    ("kind", "mirrored", "plain"),
    [
        (lambda **fill: iaa.TranslateX(px=60, **fill), {"mode": "reflect"}, {"mode": "constant"}),
        (lambda **fill: iaa.Affine(scale=0.3, **fill), {"mode": "wrap"}, {"mode": "constant"}),
        (
            lambda **fill: iaa.Pad(px=40, **fill),
            {"pad_mode": "symmetric"},
            {"pad_mode": "constant"},
        ),
        (
            lambda **fill: iaa.ElasticTransformation(200, 8, **fill),
            {"mode": "reflect"},
            {"mode": "constant"},
        ),
    ],
)
def test_mirrored_filling_copies_no_masks(kind, mirrored, plain, photo):
    """The masks are those of the same movement filled with black."""
    filled, masks = ImgaugAugmenter(kind(**mirrored))(*photo, np.random.default_rng(2))
    black, expected = ImgaugAugmenter(kind(**plain))(*photo, np.random.default_rng(2))
    np.testing.assert_array_equal(masks, expected)
    assert (filled != black).any()


def test_image_corruptions_take_turns():
    """They seed NumPy's global generator, which two threads cannot do at once."""
    assert imgaug_rules.seeds_numpy(iaa.Sequential([iaa.imgcorruptlike.Fog(1)]))
    assert not imgaug_rules.seeds_numpy(iaa.Sequential([iaa.Fog()]))


def test_threads_do_not_disturb_each_other(photo):
    tree = iaa.Sequential([iaa.Fliplr(0.5), iaa.Affine(rotate=(-30, 30)), iaa.Add((-20, 20))])
    augment = ImgaugAugmenter(tree)
    alone = [augment(*photo, np.random.default_rng(seed)) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(
            pool.map(lambda seed: augment(*photo, np.random.default_rng(seed)), range(40))
        )
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_a_pickled_augmenter_augments_alike(photo):
    augment = ImgaugAugmenter(iaa.Affine(rotate=(-30, 30)))
    augment(*photo, np.random.default_rng(0))
    copied = pickle.loads(pickle.dumps(augment))
    np.testing.assert_array_equal(
        augment(*photo, np.random.default_rng(1))[0], copied(*photo, np.random.default_rng(1))[0]
    )


def test_a_frozen_augmenter_still_obeys_the_rng(photo):
    """to_deterministic() is Matterport's way to move masks along; here it would move all photos
    alike."""
    augment = ImgaugAugmenter(iaa.Affine(rotate=(-45, 45)).to_deterministic())
    one, other = (augment(*photo, np.random.default_rng(seed))[0] for seed in (0, 1))
    assert (one != other).any()


def test_imgaug_draws_nothing_from_the_global_generators(photo):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    ImgaugAugmenter(iaa.Affine(rotate=(-9, 9)))(*photo, np.random.default_rng(0))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_importing_imgaug_leaves_numpy_as_it_was():
    assert not hasattr(np, "sctypes") and "complex" not in vars(np)


def test_noise_that_needs_np_complex_works(photo):
    ImgaugAugmenter(iaa.BlendAlphaFrequencyNoise(foreground=iaa.Multiply(0.5)))(
        *photo, np.random.default_rng(0)
    )


def test_wrong_inputs_are_explained(photo):
    augment, rng = ImgaugAugmenter(iaa.Fliplr(1.0)), np.random.default_rng(0)
    with pytest.raises(ValueError, match="before the pixel mean"):
        augment(photo[0].astype(np.float32), photo[1], rng)
    with pytest.raises(ValueError, match="mini-masks"):
        augment(photo[0], photo[1][:56, :56], rng)
    with pytest.raises(ValueError, match=r"\(H, W, N\) bool"):
        augment(photo[0], photo[1].astype(np.uint8), rng)


def test_a_canvas_that_changes_only_for_some_sizes_is_refused_at_the_call():
    augment = ImgaugAugmenter(iaa.Rot90(1))  # keep_size=True is imgaug's default
    image, masks = np.zeros((8, 12, 3), np.uint8), np.zeros((8, 12, 1), bool)
    assert augment(image, masks, np.random.default_rng(0))[0].shape == (8, 12, 3)
    augment.augmenter.keep_size = False
    augment = pickle.loads(pickle.dumps(augment))  # the check at construction is not repeated
    with pytest.raises(ValueError, match="KeepSizeByResize"):
        augment(image, masks, np.random.default_rng(0))


@pytest.mark.slow
def test_a_pickled_augmenter_is_read_by_a_process_that_has_not_imported_imgaug(tmp_path):
    (tmp_path / "augmenter.pkl").write_bytes(pickle.dumps(ImgaugAugmenter(iaa.Fliplr(1.0))))
    path = str(tmp_path / "augmenter.pkl")
    script = f"import pickle; print(type(pickle.load(open({path!r}, 'rb'))).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[4],
        check=False,
    )
    assert done.stdout.strip() == "ImgaugAugmenter", done.stderr
