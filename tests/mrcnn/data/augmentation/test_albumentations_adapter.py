"""Facts about Albumentations' transforms as augmenters, beside those that
`test_augmenters_contract` checks for both libraries."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from mrcnn.data.augmentation.albumentations_adapter import (
    AlbumentationsAugmenter,
    import_albumentations,
)
from mrcnn.data.augmentation.pipeline import augmenter_of

A = import_albumentations()

TREE = A.Compose(
    [
        A.HorizontalFlip(p=0.5),
        A.OneOf([A.Rotate((-30, 30)), A.Perspective()], p=0.8),
        A.RandomBrightnessContrast(p=0.5),
    ]
)
EVERY = {
    "Affine": A.Affine(scale=(0.8, 1.2), rotate=(-20, 20), shear=(-8, 8), p=1),
    "CropAndPad": A.CropAndPad(percent=(-0.2, 0.2), sample_independently=True, p=1),
    "D4": A.D4(p=1),
    "ElasticTransform": A.ElasticTransform(alpha=40, sigma=6, p=1),
    "Erasing": A.Erasing(fill_mask=0, p=1),
    "GridDistortion": A.GridDistortion(p=1),
    "GridDropout": A.GridDropout(fill_mask=0, p=1),
    "GridElasticDeform": A.GridElasticDeform((4, 4), 5, p=1),
    "OpticalDistortion": A.OpticalDistortion(p=1),
    "Perspective": A.Perspective(p=1),
    "RandomGridShuffle": A.RandomGridShuffle(p=1),
    "RandomSizedCrop": A.RandomSizedCrop((90, 110), size=(128, 128), p=1),
    "SafeRotate": A.SafeRotate(p=1),
    "ThinPlateSpline": A.ThinPlateSpline(p=1),
    "XYMasking": A.XYMasking(2, 2, 20, 20, fill_mask=0, p=1),
    "a replay": A.ReplayCompose([A.Rotate(p=1)]),
    "a tree": TREE,
}  # fmt: skip


@pytest.fixture
def photo():
    """An image (128, 128, 3) of eight-pixel blocks, and ten masks: nine share half of the blocks
    out, the last lies across all."""
    owner = np.kron(np.random.default_rng(7).integers(0, 18, (16, 16)), np.ones((8, 8), int))
    masks = owner[:, :, None] == np.arange(10)
    masks[40:80, :, 9] = True
    return np.repeat(np.where(owner < 9, 210, 40).astype(np.uint8)[:, :, None], 3, axis=2), masks


def assert_same(one, other):
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("name", EVERY)
def test_eight_masks_on_one_plane_move_as_they_would_alone(name, photo):
    """Masks travel as bits of a shared plane; Albumentations with one plane a mask is the
    oracle."""
    packed, alone = AlbumentationsAugmenter(EVERY[name]), AlbumentationsAugmenter(EVERY[name])
    assert packed._packs
    alone._packs = False
    for seed in range(3):
        assert_same(*(augment(*photo, np.random.default_rng(seed)) for augment in (packed, alone)))


@pytest.mark.parametrize(
    "transform",
    [
        A.Affine(rotate=(20, 20), mask_interpolation=cv2.INTER_LINEAR, p=1),
        A.Compose([A.Affine(rotate=(20, 20), p=1)], mask_interpolation=cv2.INTER_LINEAR),
        A.RandomResizedCrop((128, 128), (0.9, 0.9), mask_interpolation=cv2.INTER_CUBIC, p=1),
    ],
    ids=["its own", "the tree's", "cubic"],
)
def test_masks_that_are_interpolated_travel_alone(transform, photo):
    """On a shared plane, the value between two masks would be a third one."""
    augment = AlbumentationsAugmenter(transform)
    assert not augment._packs
    _, masks = augment(*photo, np.random.default_rng(0))
    for k in range(10):
        _, alone = augment(photo[0], photo[1][:, :, k : k + 1], np.random.default_rng(0))
        np.testing.assert_array_equal(masks[:, :, k], alone[:, :, 0])
    assert augment(photo[0], photo[1][:, :, :0], np.random.default_rng(0))[1].shape == (128, 128, 0)


def test_what_is_cut_out_of_the_image_stays_in_the_mask_unless_fill_mask_is_set():
    image, masks = np.full((40, 40, 3), 200, np.uint8), np.ones((40, 40, 1), bool)
    hole = {
        "num_holes_range": (1, 1),
        "hole_height_range": (10, 10),
        "hole_width_range": (8, 8),
        "p": 1,
    }
    for fill_mask, left in ((None, 1600), (0, 1520)):
        cut, kept = AlbumentationsAugmenter(A.CoarseDropout(**hole, fill_mask=fill_mask))(
            image, masks, np.random.default_rng(0)
        )
        assert (cut == 0).all(axis=2).sum() == 80 and kept.sum() == left
    assert not kept[(cut == 0).all(axis=2)].any()


def test_coins_of_two_nodes_fall_independently():
    """Seeding each node with one number, as A.Compose(seed=...) does, would flip both ways or not
    at all."""
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    augment = AlbumentationsAugmenter(A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]))
    first = [
        augment(image, np.zeros((2, 2, 0), bool), np.random.default_rng(seed))[0][0, 0, 0]
        for seed in range(200)
    ]
    counts = np.bincount(first, minlength=10)[[0, 3, 6, 9]]
    assert counts.sum() == 200 and counts.min() > 30


def test_threads_do_not_disturb_each_other(photo):
    augment = AlbumentationsAugmenter(TREE)
    alone = [augment(*photo, np.random.default_rng(seed)) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(
            pool.map(lambda seed: augment(*photo, np.random.default_rng(seed)), range(40))
        )
    for one, other in zip(alone, together):
        assert_same(one, other)


def test_a_pickled_augmenter_augments_alike(photo):
    augment = AlbumentationsAugmenter(TREE)
    augment(*photo, np.random.default_rng(0))
    copied = pickle.loads(pickle.dumps(augment))
    assert_same(augment(*photo, np.random.default_rng(1)), copied(*photo, np.random.default_rng(1)))


def test_a_seed_of_its_own_does_not_hold_against_the_rng(photo):
    augment = AlbumentationsAugmenter(A.Compose([A.Rotate((-45, 45), p=1)], seed=7))
    one, other = (augment(*photo, np.random.default_rng(seed))[0] for seed in (0, 1))
    assert (one != other).any()


@pytest.mark.parametrize("probability", [0, 1])
def test_what_comes_back_shares_no_memory_with_what_was_given(probability, photo):
    image, masks = AlbumentationsAugmenter(A.HorizontalFlip(p=probability))(
        *photo, np.random.default_rng(0)
    )
    assert not np.shares_memory(image, photo[0]) and not np.shares_memory(masks, photo[1])


def test_gray_photos_keep_their_one_channel(photo):
    image, _ = AlbumentationsAugmenter(TREE)(photo[0][:, :, :1], photo[1], np.random.default_rng(0))
    assert image.shape == (128, 128, 1)


def test_a_transform_and_a_class_derived_from_one_are_known_as_such(photo):
    class Mirror(A.HorizontalFlip):
        """Somebody's own."""

    assert isinstance(augmenter_of(A.VerticalFlip()), AlbumentationsAugmenter)
    augmenter = augmenter_of(Mirror(p=1))
    assert_same(augmenter(*photo, np.random.default_rng(0)), (photo[0][:, ::-1], photo[1][:, ::-1]))


def test_albumentations_x_is_refused(tmp_path, monkeypatch):
    """It is under the AGPL, and its import name is the same."""
    (tmp_path / "albumentationsx-2.0.9.dist-info").mkdir()
    (tmp_path / "albumentationsx-2.0.9.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: albumentationsx\nVersion: 2.0.9\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"AGPL.*pip uninstall albumentationsx"):
        augmenter_of(A.HorizontalFlip())


def test_other_versions_and_none_are_refused(monkeypatch):
    monkeypatch.setattr(A, "__version__", "1.4.24")
    with pytest.raises(ImportError, match=r"1\.4\.24 is installed.*pip install"):
        import_albumentations()
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(ImportError, match=r"not installed.*pip install"):
        import_albumentations()


@pytest.mark.slow
def test_nothing_is_asked_of_the_network_and_other_processes_augment_alike():
    code = (
        "import urllib.request as u, numpy as np, zlib, os\n"
        "os.environ.pop('NO_ALBUMENTATIONS_UPDATE', None)\n"
        "u.OpenerDirector.open = lambda *_, **__: print('asked the network')\n"
        "from mrcnn.data.augmentation.albumentations_adapter import AlbumentationsAugmenter\n"
        "import albumentations as A\n"
        "x = np.arange(4800, dtype=np.uint8).reshape(40, 40, 3)\n"
        "augmenter = AlbumentationsAugmenter(A.Compose([A.Rotate(p=0.9), A.GaussNoise(p=1)]))\n"
        "print(zlib.crc32(augmenter(x, x > 9, np.random.default_rng(5))[0]))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1] and runs[0].strip().isdigit()
