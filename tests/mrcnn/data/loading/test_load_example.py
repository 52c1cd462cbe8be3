"""Ground truth of one image: what is kept, what is dropped, and that all columns are dropped
together."""

import numpy as np
import pytest

from mrcnn.data.augmentation.pipeline import augmenter_of
from mrcnn.data.dataset import Dataset
from mrcnn.data.loading.load_example import Augmentation, load_example
from mrcnn.data.masks.rle import RLEMasks


class Squares(Dataset):
    """One photo of 64 x 64 with given squares: rows of (top, left, side, class id); field gt_row
    counts them."""

    def __init__(self, squares, size_hw=(64, 64)):
        super().__init__()
        self.add_class("squares", 1, "one")
        self.add_class("squares", 2, "two")
        self.add_image("squares", "photo", "photo.jpg")
        self.squares, self.size_hw = squares, size_hw
        self.prepare()

    def load_image(self, image_id):
        return np.full((*self.size_hw, 3), 100, np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((*self.size_hw, len(self.squares)), bool)
        for i, (top, left, side, _) in enumerate(self.squares):
            masks[top : top + side, left : left + side, i] = True
        return masks, np.array([row[3] for row in self.squares], np.int32)

    def load_instance_fields(self, image_id):
        return {"gt_row": np.arange(len(self.squares), dtype=np.int32)}


def load(config, *squares, augmenter=None, size_hw=(64, 64)):
    variation = Augmentation(augmenter_of(augmenter)) if augmenter else None
    return load_example(Squares(squares, size_hw), 0, config, variation, np.random.default_rng(0))


def test_every_object_has_its_box_mask_frame_class_and_fields(plain_config):
    truth = load(plain_config(), (4, 8, 20, 2), (30, 30, 10, 1))
    assert truth["image"].shape == (64, 64, 3) and truth["image"].dtype == np.uint8
    assert truth["window"].tolist() == [0, 0, 64, 64]
    assert truth["gt_class_ids"].tolist() == [2, 1] and truth["gt_class_ids"].dtype == np.int32
    assert (
        truth["gt_boxes"].tolist()
        == truth["gt_mask_frames"].tolist()
        == [[4, 8, 24, 28], [30, 30, 40, 40]]
    )
    assert truth["gt_boxes"].dtype == np.float32
    assert truth["gt_masks"].shape == (2, 56, 56) and truth["gt_masks"].all()
    assert truth["gt_row"].tolist() == [0, 1]


def test_boxes_are_those_of_the_canvas(plain_config):
    truth = load(plain_config(), (0, 0, 64, 1), size_hw=(128, 64))
    assert truth["window"].tolist() == [0, 16, 64, 48] and truth["gt_boxes"].tolist() == [
        [0, 16, 32, 48]
    ]


def test_full_masks_fill_the_canvas(plain_config):
    truth = load(plain_config(USE_MINI_MASK=False), (4, 8, 20, 2))
    assert truth["gt_masks"].shape == (1, 64, 64) and truth["gt_masks"].sum() == 400
    assert truth["gt_mask_frames"].tolist() == [[0, 0, 64, 64]]


@pytest.mark.parametrize("use_mini_mask", [True, False])
def test_no_objects_give_empty_columns(plain_config, use_mini_mask):
    truth = load(plain_config(USE_MINI_MASK=use_mini_mask))
    assert (truth["gt_boxes"].shape, truth["gt_mask_frames"].shape, truth["gt_row"].shape) == (
        (0, 4),
        (0, 4),
        (0,),
    )
    assert truth["gt_masks"].shape == ((0, 56, 56) if use_mini_mask else (0, 64, 64))


def test_objects_that_leave_the_picture_are_dropped_with_all_their_columns(plain_config):
    def shift_left_by_30(image, masks, rng):
        return image, np.concatenate([masks[:, 30:], np.zeros_like(masks[:, :30])], axis=1)

    truth = load(plain_config(), (0, 0, 20, 1), (10, 31, 20, 2), augmenter=shift_left_by_30)
    assert truth["gt_class_ids"].tolist() == [2] and truth["gt_row"].tolist() == [1]
    assert truth["gt_boxes"].tolist() == [[10, 1, 30, 21]] and len(truth["gt_masks"]) == 1


def test_splinters_are_dropped(plain_config):
    assert load(plain_config(), (0, 0, 1, 1), (20, 20, 2, 2))["gt_row"].tolist() == [1]


def test_an_object_of_the_background_is_refused_with_its_image(plain_config):
    with pytest.raises(
        RuntimeError, match="photo.jpg.*class id 0 for object 1.*class ids begin at 1"
    ):
        load(plain_config(), (0, 0, 9, 1), (5, 5, 9, 0))


def test_an_empty_mask_of_class_0_is_no_object(plain_config, monkeypatch):
    """Scripts return it for images without objects."""
    monkeypatch.setattr(
        Squares, "load_mask", lambda self, image_id: (np.zeros((64, 64, 1)), np.zeros(1, np.int32))
    )
    monkeypatch.setattr(Squares, "load_instance_fields", lambda self, image_id: {})
    assert load(plain_config())["gt_class_ids"].tolist() == []


def test_of_too_many_objects_the_largest_stay_in_their_order(plain_config):
    squares = [(0, 0, side, 1) for side in (5, 30, 8, 12, 40)]
    assert load(plain_config(MAX_GT_INSTANCES=3), *squares)["gt_row"].tolist() == [1, 3, 4]


def test_the_augmenter_gets_the_canvas_and_the_generator(plain_config):
    seen = []

    def spy(image, masks, rng):
        seen.append((image.shape, masks.shape, masks.dtype, rng.integers(1000)))
        return 255 - image, masks

    truth = load(plain_config(), (0, 0, 9, 1), augmenter=spy)
    assert seen == [((64, 64, 3), (64, 64, 1), bool, np.random.default_rng(0).integers(1000))]
    assert (truth["image"] == 155).all()


def test_an_error_names_the_image(plain_config):
    def broken(image, masks, rng):
        raise ZeroDivisionError("oops")

    with pytest.raises(RuntimeError, match="photo.jpg.*oops"):
        load(plain_config(), (0, 0, 9, 1), augmenter=broken)


@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("load_mask", (np.ones((32, 64, 1), bool), np.array([1])), r"photo's size \(64, 64\)"),
        (
            "load_mask",
            (np.ones((64, 64, 1), bool), np.array([1, 2])),
            "1 masks but 2 rows of class_ids",
        ),
        ("load_instance_fields", {"gt_x": np.zeros((3, 2))}, "1 masks but 3 rows of gt_x"),
    ],
)
def test_columns_that_do_not_fit_are_refused(plain_config, monkeypatch, method, value, message):
    monkeypatch.setattr(Squares, method, lambda self, image_id: value)
    with pytest.raises(RuntimeError, match=message):
        load(plain_config(), (0, 0, 9, 1))


def test_objects_of_which_too_little_is_left_are_dropped(plain_config):
    """Pushed to the left by 30 pixels, of the first square two columns of ten stay, of the second
    six."""

    def shift(image, masks, rng):
        return image, np.concatenate([masks[:, 30:], np.zeros_like(masks[:, :30])], axis=1)

    squares = [(0, 22, 10, 1), (20, 26, 10, 2)]
    assert load(plain_config(MIN_VISIBLE_SHARE=0.25), *squares, augmenter=shift)[
        "gt_row"
    ].tolist() == [1]
    assert load(plain_config(MIN_VISIBLE_SHARE=0.2), *squares, augmenter=shift)[
        "gt_row"
    ].tolist() == [0, 1]


def test_of_a_photo_that_is_cut_the_share_in_the_picture_counts(plain_config):
    """Mode crop shows a part of the photo; a photo that shrinks hides nothing."""
    config = plain_config(MIN_VISIBLE_SHARE=0.5, IMAGE_RESIZE_MODE="crop")
    squares = [(0, 0, 40, 1), (30, 30, 20, 2)]
    kept = load_example(Squares(squares, (96, 96)), 0, config, None)[
        "gt_row"
    ].tolist()  # rows and columns 16 to 80
    assert kept == [1]
    assert load(plain_config(MIN_VISIBLE_SHARE=0.9), (0, 0, 80, 1), size_hw=(256, 256))[
        "gt_row"
    ].tolist() == [0]


def test_runs_and_dense_masks_give_the_same_example(plain_config, monkeypatch):
    squares = [(4, 8, 50, 2), (30, 30, 60, 1), (0, 0, 1, 1)]
    dense = load(plain_config(), *squares, size_hw=(120, 90))

    def load_objects(self, image_id):
        masks, class_ids = self.load_mask(image_id)
        return RLEMasks.from_dense(masks), class_ids, self.load_instance_fields(image_id)

    monkeypatch.setattr(Squares, "load_objects", load_objects)
    runs = load(plain_config(), *squares, size_hw=(120, 90))
    assert dense.keys() == runs.keys() and all(
        np.array_equal(dense[name], runs[name]) for name in dense
    )


def test_a_photo_of_another_size_than_was_said_is_refused(plain_config, monkeypatch):
    """It may be reduced to a half, a quarter or an eighth, but not turned."""
    monkeypatch.setattr(Squares, "image_hw", lambda self, image_id: (100, 60))
    monkeypatch.setattr(
        Squares, "load_mask", lambda self, image_id: (np.ones((100, 60, 1), bool), np.array([1]))
    )
    for returned, fits in (
        ((100, 60), True),
        ((50, 30), True),
        ((13, 8), True),
        ((60, 100), False),
        ((33, 20), False),
    ):
        monkeypatch.setattr(
            Squares,
            "load_image",
            lambda self, image_id, hw=returned: np.full((*hw, 3), 9, np.uint8),
        )
        if fits:
            assert load(plain_config(), (0, 0, 9, 1))["gt_boxes"].tolist() == [[0, 13, 64, 51]]
        else:
            with pytest.raises(RuntimeError, match=r"image_hw says \(100, 60\)"):
                load(plain_config(), (0, 0, 9, 1))


def test_pasted_objects_come_last_and_hide_what_is_beneath(plain_config):
    dataset = Squares([(0, 0, 40, 1)])
    dataset.add_image("squares", "other", "other.jpg")
    dataset.prepare()
    dataset.load_image = lambda image_id: np.full((64, 64, 3), 100 + 50 * image_id, np.uint8)
    seen = set()
    for seed in range(20):
        truth = load_example(
            dataset, 0, plain_config(), Augmentation(partner=1), np.random.default_rng(seed)
        )
        assert truth["gt_boxes"].tolist() == [
            [0, 0, 40, 40]
        ]  # the copy hides the square wholly, which is dropped then
        assert (truth["image"][40:] == 100).all() and (truth["image"][:, 40:] == 100).all()
        seen.add(truth["image"][:40, :40].mean())
    assert seen == {100, 150}


def test_an_augmenter_that_returns_fractions_is_refused(plain_config):
    with pytest.raises(RuntimeError, match="an augmenter returned must be an array.*0 to 255"):
        load(plain_config(), (0, 0, 9, 1), augmenter=lambda image, masks, rng: (image / 255, masks))


MASKS = np.ones((64, 64, 2), bool)


@pytest.mark.parametrize(
    "found, reason",
    [
        (None, "must return two results"),
        ((MASKS, [1, 2], [3, 4]), "must return two results.*3 results"),
        (([MASKS[:, :, 0], MASKS[:, :, 1]], [1, 2]), "one array .*np.stack"),
        ((None, [1, 2]), "masks as one array"),
        ((np.where(MASKS, np.nan, 0), [1, 2]), "masks with NaN"),
        ((MASKS, [1.5, 2]), "class ids as whole numbers"),
        ((MASKS, [1, np.nan]), "class ids as whole numbers"),
        ((MASKS, [[1], [2]]), "class ids as whole numbers"),
        ((MASKS, np.array([[1], [2]])), r"class ids as whole numbers.*\(2, 1\)"),
        ((MASKS, 1), "class ids as whole numbers"),
        ((MASKS, None), "class ids as whole numbers"),
        ((MASKS, ["shirt", "skirt"]), "class ids as whole numbers"),
    ],
)
def test_what_load_mask_may_not_return_is_told_with_the_image(found, reason, plain_config):
    dataset = Squares([])
    dataset.load_mask = lambda image_id: found
    dataset.load_instance_fields = lambda image_id: {}
    with pytest.raises(RuntimeError, match=f"'photo.jpg' could not be prepared.*{reason}"):
        load_example(dataset, 0, plain_config())


@pytest.mark.parametrize(
    "class_ids", [[1, 2], np.array([1.0, 2.0]), (1, 2), np.array([1, 2], object)]
)
def test_class_ids_of_any_type_are_taken_as_whole_numbers(class_ids, plain_config):
    dataset = Squares([])
    dataset.load_mask = lambda image_id: (MASKS, class_ids)
    dataset.load_instance_fields = lambda image_id: {}
    assert load_example(dataset, 0, plain_config())["gt_class_ids"].tolist() == [1, 2]
