"""Data sets as scripts write them: themselves as class_map, masks of any type, images without
objects, names and paths of their own."""

import numpy as np
import pytest

import mrcnn.model as modellib
from mrcnn import utils

TRUE = [(slice(5, 25), slice(10, 30)), (slice(30, 60), slice(8, 40))]


class TwoBoxes(utils.Dataset):
    """`answers`: what load_mask makes of the masks (60, 50, 2) uint8 of two boxes, one function for
    each image."""

    def __init__(self, *answers):
        super().__init__(self)
        self.answers = answers
        self.add_class("boxes", 1, "small")
        self.add_class("boxes", 2, "large")
        for i, answer in enumerate(answers):
            self.add_image(
                "boxes",
                image_id=f"box{i}.png",
                path="data/box" + str(i),
                labels=["1", "2"],
                annotations=[answer],
                height=60,
                width=50,
            )
        self.prepare()

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        return info["path"], [self.class_names[int(x)] for x in info["labels"]]

    def load_image(self, image_id):
        return np.full((60, 50, 3), 120, np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((60, 50, 2), np.uint8)
        for i, (rows, columns) in enumerate(TRUE):
            masks[rows, columns, i] = 1
        return self.answers[image_id](masks)


TYPES = {
    "uint8_and_int64": lambda m: (m, np.array([1, 2])),
    "a_list_of_ids": lambda m: (m, [1, 2]),
    "bool_and_int32": lambda m: (m.astype(bool), np.array([1, 2], dtype=np.int32)),
    "float": lambda m: (m.astype(np.float64), np.array([1.0, 2.0])),
    "fractions": lambda m: (m * 0.7, np.array([1, 2])),
    "0_and_256": lambda m: (m.astype(np.uint16) * 256, np.array([1, 2])),
    "0_and_255": lambda m: (m * 255, np.array([1, 2], np.uint8)),
    "int64_in_columns": lambda m: (np.asfortranarray(m.astype(int)), (1, 2)),
}
NOTHING = {
    "no_masks": lambda m: (m[:, :, :0], np.array([])),
    "no_masks_of_bool": lambda m: (np.zeros((60, 50, 0), dtype=bool), []),
    "one_blank_mask_of_class_0": lambda m: (m[:, :, :1] * 0, np.zeros((1,), dtype=np.int32)),
    "one_blank_mask": lambda m: (m[:, :, :1] * 0, np.array([2])),
}


def test_a_dataset_may_hand_itself_to_its_base():
    dataset = TwoBoxes(TYPES["a_list_of_ids"])
    assert dataset.class_names == ["BG", "small", "large"] and list(dataset.image_ids) == [0]
    assert dataset.class_info[0] == {"source": "", "id": 0, "name": "BG"}


def test_what_add_image_is_told_is_kept():
    dataset = TwoBoxes(*TYPES.values())
    info = dataset.image_info[3]
    assert (info["id"], info["source"], info["height"], info["width"]) == (
        "box3.png",
        "boxes",
        60,
        50,
    )
    assert info["labels"] == ["1", "2"] and callable(info["annotations"][0])


def test_image_reference_may_return_what_it_likes():
    assert TwoBoxes(TYPES["float"]).image_reference(0) == ("data/box0", ["small", "large"])


def test_images_may_be_picked_by_numpy():
    dataset = TwoBoxes(*TYPES.values())
    for image_id in np.random.default_rng(0).choice(dataset.image_ids, 4, replace=False):
        masks, class_ids = dataset.load_mask(image_id)
        assert (
            dataset.load_image(image_id).shape[:2] == masks.shape[:2]
            and len(class_ids) == masks.shape[-1]
        )


@pytest.mark.parametrize("answer", TYPES.values(), ids=TYPES)
def test_masks_and_ids_of_any_type_are_the_same_objects(shapes_config, answer):
    class FullMasks(shapes_config):
        USE_MINI_MASK = False

    image, meta, class_ids, boxes, masks = modellib.load_image_gt(TwoBoxes(answer), FullMasks(), 0)
    assert (
        image.shape == (64, 64, 3)
        and class_ids.tolist() == [1, 2]
        and masks.dtype == bool
        and masks.shape == (64, 64, 2)
    )
    left = (64 - 53) // 2  # 60 x 50 pixels are 64 x 53 on the canvas, in its middle
    wanted = np.array([[5, 10, 25, 30], [30, 8, 60, 40]]) * 64 / 60 + np.array([0, left, 0, left])
    assert np.abs(boxes - wanted).max() <= 1


@pytest.mark.parametrize("answer", NOTHING.values(), ids=NOTHING)
def test_an_image_may_have_no_objects(shapes_config, answer):
    *_, class_ids, boxes, masks = modellib.load_image_gt(TwoBoxes(answer), shapes_config(), 0)
    assert len(class_ids) == 0 and boxes.shape == (0, 4) and masks.shape[-1] == 0


@pytest.mark.slow
def test_all_of_them_can_be_trained_on(shapes_config, made):
    class EveryImage(shapes_config):
        IMAGES_PER_GPU = 4
        STEPS_PER_EPOCH = (len(TYPES) + len(NOTHING)) / 4

    dataset, seen = TwoBoxes(*TYPES.values(), *NOTHING.values()), set()
    dataset.load_image = lambda image_id: (
        seen.add(image_id) or TwoBoxes.load_image(dataset, image_id)
    )
    model = made(EveryImage())
    model.train(dataset, dataset, learning_rate=1e-3, epochs=1, layers="heads")
    assert seen == set(range(12)) and np.isfinite(model.keras_model.history.history["loss"]).all()


def test_load_mask_may_leave_foreign_images_to_its_base(shapes_config):
    class OthersToo(TwoBoxes):
        def load_mask(self, image_id):
            return super(TwoBoxes, self).load_mask(image_id)

    assert len(modellib.load_image_gt(OthersToo(TYPES["float"]), shapes_config(), 0)[2]) == 0


def test_masks_of_no_size_at_all_are_no_objects(shapes_config):
    dataset = TwoBoxes(lambda m: (np.empty([0, 0, 0]), np.empty([0], np.int32)))
    assert len(modellib.load_image_gt(dataset, shapes_config(), 0)[2]) == 0


@pytest.mark.parametrize("kind", [str, lambda folder: folder])
def test_model_dir_may_be_a_path_or_a_text(shapes_config, model, monkeypatch, tmp_path, kind):
    monkeypatch.setattr(modellib, "build_detector", lambda config, extra_heads: model.keras_model)
    made = modellib.MaskRCNN(
        mode="inference", model_dir=kind(tmp_path / "logs"), config=shapes_config()
    )
    assert (
        made.log_dir.startswith(str(tmp_path / "logs" / "shapes"))
        and not (tmp_path / "logs").exists()
    )
