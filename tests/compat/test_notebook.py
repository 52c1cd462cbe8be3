"""A notebook of a contest on clothes, from its CSV to its submission, as participants write one, on
the built-in photos."""

import glob
import itertools
import json

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mrcnn.model as modellib
from fashion.datasets.sample import make_sample
from fashion.formats.rle import decode
from mrcnn import utils, visualize

pytestmark = pytest.mark.slow

NUM_CATS = 46
IMAGE_SIZE = 128


def resize_image(image_path):
    img = cv2.imread(str(image_path))
    img = cv2.cvtColor(img, cv2.COLOR_BGR2RGB)
    return cv2.resize(img, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)


class FashionDataset(utils.Dataset):
    def __init__(self, df, label_names, image_dir):
        super().__init__(self)
        for i, name in enumerate(label_names):
            self.add_class("fashion", i + 1, name)
        for row in df.itertuples():
            self.add_image(
                "fashion",
                image_id=row.Index,
                path=str(image_dir / f"{row.Index}.jpg"),
                labels=row.CategoryId,
                annotations=row.EncodedPixels,
                height=row.Height,
                width=row.Width,
            )
        self.label_names = label_names

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        return info["path"], [self.label_names[int(x)] for x in info["labels"]]

    def load_image(self, image_id):
        return resize_image(self.image_info[image_id]["path"])

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        mask = np.zeros((IMAGE_SIZE, IMAGE_SIZE, len(info["annotations"])), dtype=np.uint8)
        labels = []
        for m, (annotation, label) in enumerate(zip(info["annotations"], info["labels"])):
            sub_mask = np.full(info["height"] * info["width"], 0, dtype=np.uint8)
            numbers = [int(x) for x in annotation.split(" ")]
            for start, length in zip(numbers[0::2], numbers[1::2]):
                sub_mask[start - 1 : start - 1 + length] = 1
            sub_mask = sub_mask.reshape((info["height"], info["width"]), order="F")
            mask[:, :, m] = cv2.resize(
                sub_mask, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_NEAREST
            )
            labels.append(int(label) + 1)
        return mask, np.array(labels)


def to_rle(bits):
    rle, pos = [], 1
    for bit, group in itertools.groupby(bits):
        length = len(list(group))
        if bit:
            rle.extend([pos, length])
        pos += length
    return rle


def refine_masks(masks, rois):
    areas = np.sum(masks.reshape(-1, masks.shape[-1]), axis=0)
    union_mask = np.zeros(masks.shape[:-1], dtype=bool)
    for m in np.argsort(areas):
        masks[:, :, m] = np.logical_and(masks[:, :, m], np.logical_not(union_mask))
        union_mask = np.logical_or(masks[:, :, m], union_mask)
    for m in range(masks.shape[-1]):
        ys, xs = np.where(masks[:, :, m])
        if len(ys):
            rois[m, :] = [ys.min(), xs.min(), ys.max() + 1, xs.max() + 1]
    return masks, rois


def trim_masks(masks, rois, class_ids):
    """What is called a part of a garment, but lies on no garment, is taken out; so is what refining
    left empty."""
    bodies = class_ids <= 27
    keep = [
        bool(masks[:, :, m].sum()) and (bodies[m] or bodies.any()) for m in range(masks.shape[-1])
    ]
    return masks[:, :, keep], rois[keep], class_ids[keep]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The folder of the contest, and its table grouped by photo."""
    folder = make_sample(
        tmp_path_factory.mktemp("input") / "sample", train=8, val=3, size_hw=(160, 96)
    )
    label_names = [f"class {i}" for i in range(NUM_CATS)]
    for category in json.loads((folder / "label_descriptions.json").read_text())["categories"]:
        label_names[category["id"]] = category["name"]
    segment_df = pd.read_csv(folder / "train.csv")
    segment_df["CategoryId"] = segment_df["ClassId"].astype(str).str.split("_").str[0]
    image_df = segment_df.groupby("ImageId")[["EncodedPixels", "CategoryId"]].agg(lambda x: list(x))
    size_df = segment_df.groupby("ImageId")[["Height", "Width"]].mean().astype(int)
    return folder, label_names, image_df.join(size_df, on="ImageId"), segment_df


@pytest.fixture(scope="module")
def datasets(data):
    folder, label_names, image_df, _ = data
    train_dataset = FashionDataset(image_df[:6], label_names, folder / "images")
    train_dataset.prepare()
    valid_dataset = FashionDataset(image_df[6:], label_names, folder / "images")
    valid_dataset.prepare()
    return train_dataset, valid_dataset


@pytest.fixture(scope="module")
def fashion_config(shapes_config, datasets):
    class FashionConfig(shapes_config):
        NAME = "fashion"
        NUM_CLASSES = NUM_CATS + 1
        GPU_COUNT = 1
        IMAGES_PER_GPU = 2
        IMAGE_MIN_DIM = IMAGE_SIZE
        IMAGE_MAX_DIM = IMAGE_SIZE
        IMAGE_RESIZE_MODE = "none"
        RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
        MAX_GT_INSTANCES = 20
        STEPS_PER_EPOCH = len(datasets[0].image_info) / 2
        VALIDATION_STEPS = len(datasets[1].image_info) / 2

    return FashionConfig


@pytest.fixture(scope="module")
def training(fashion_config, datasets, tmp_path_factory):
    """Three epochs in two calls: the model, its folder and the joined history."""
    from imgaug import augmenters as iaa

    root, config = str(tmp_path_factory.mktemp("working")), fashion_config()
    keras.utils.set_random_seed(0)
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=root)
    augmentation = iaa.Sequential([iaa.Fliplr(0.5)])
    model.train(*datasets, learning_rate=0.002, epochs=1, layers="heads", augmentation=None)
    history = model.keras_model.history.history
    model.train(*datasets, learning_rate=0.002, epochs=3, layers="all", augmentation=augmentation)
    new_history = model.keras_model.history.history
    return model, root, {k: history[k] + new_history[k] for k in history}


@pytest.fixture(scope="module")
def submission(data, training, fashion_config):
    """The table that is handed in, for the photos of val.csv."""
    folder, _, _, _ = data
    _, root, history = training

    class InferenceConfig(fashion_config):
        GPU_COUNT = 1
        IMAGES_PER_GPU = 1

    best_epoch = np.argmin(history["val_loss"]) + 1
    found = glob.glob(f"{root}/fashion*/mask_rcnn_fashion_{best_epoch:04d}.h5")
    model_path = found[0] if found else ""
    model = modellib.MaskRCNN(mode="inference", config=InferenceConfig(), model_dir=root)
    assert model_path != "", "Provide path to trained weights"
    model.load_weights(model_path, by_name=True)
    sub_list, missing_count = [], 0
    for image_id in pd.read_csv(folder / "val.csv")["ImageId"].unique():
        result = model.detect([resize_image(folder / "images" / f"{image_id}.jpg")])[0]
        if result["masks"].size > 0:
            masks, rois = refine_masks(result["masks"], result["rois"])
            masks, _, class_ids = trim_masks(masks, rois, result["class_ids"])
            for m in range(masks.shape[-1]):
                mask = masks[:, :, m].ravel(order="F")
                sub_list.append([image_id, " ".join(map(str, to_rle(mask))), class_ids[m] - 1])
        else:
            sub_list.append([image_id, "1 1", 23])
            missing_count += 1
    path = f"{root}/submission.csv"
    pd.DataFrame(sub_list, columns=["ImageId", "EncodedPixels", "ClassId"]).to_csv(
        path, index=False
    )
    return pd.read_csv(path), missing_count


def test_the_data_set_shows_what_the_table_says(data, datasets):
    _, label_names, _, segment_df = data
    train_dataset, valid_dataset = datasets
    assert (len(train_dataset.image_ids), len(valid_dataset.image_ids)) == (6, 2)
    for image_id in np.random.default_rng(0).choice(train_dataset.image_ids, 3, replace=False):
        path, names = train_dataset.image_reference(image_id)
        masks, class_ids = train_dataset.load_mask(image_id)
        rows = segment_df[segment_df.ImageId == train_dataset.image_info[image_id]["id"]]
        assert [label_names[i] for i in rows.ClassId] == names
        assert [name.split(",")[0] for name in names] == [
            train_dataset.class_names[c] for c in class_ids
        ]
        height, width = np.asarray(Image.open(path)).shape[:2]
        for m, runs in enumerate(rows.EncodedPixels):
            assert masks[:, :, m].mean() == pytest.approx(
                decode(runs, (height, width)).mean(), abs=0.01
            )
        visualize.display_top_masks(
            train_dataset.load_image(image_id), masks, class_ids, train_dataset.class_names, limit=4
        )
    plt.close("all")


def test_the_history_is_that_of_all_epochs(training):
    model, _, history = training
    epochs = range(1, 4)
    plt.figure(figsize=(18, 6))
    for place, name in enumerate(["loss", "mrcnn_class_loss", "mrcnn_mask_loss"], start=1):
        plt.subplot(130 + place)
        plt.plot(epochs, history[name], label=name)
        plt.plot(epochs, history["val_" + name], label="val_" + name)
        plt.legend()
    plt.close("all")
    assert (
        model.epoch == 3
        and np.isfinite(history["val_loss"]).all()
        and history["loss"][-1] < history["loss"][0]
    )
    assert len(pd.DataFrame(history, index=epochs)) == 3


def test_the_submission_can_be_read_and_nothing_in_it_overlaps(data, submission):
    table, missing_count = submission
    assert list(table.columns) == ["ImageId", "EncodedPixels", "ClassId"]
    assert (
        set(table.ImageId) == set(pd.read_csv(data[0] / "val.csv").ImageId) and missing_count == 0
    )
    assert table.ClassId.between(0, NUM_CATS - 1).all()
    for _, rows in table.groupby("ImageId"):
        masks = [decode(runs, (IMAGE_SIZE, IMAGE_SIZE)) for runs in rows.EncodedPixels]
        assert all(mask.any() for mask in masks) and np.sum(masks, axis=0).max() == 1


def test_photos_of_the_validation_are_shown_with_what_was_found(datasets, training):
    model, _, _ = training
    _, valid_dataset = datasets
    image_id = valid_dataset.image_ids[0]
    image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
        valid_dataset, model.config, image_id, use_mini_mask=False
    )
    results = model.detect([image], verbose=0)
    r = results[0]
    visualize.display_instances(
        image,
        r["rois"],
        r["masks"],
        r["class_ids"],
        valid_dataset.class_names,
        r["scores"],
        figsize=(6, 6),
    )
    plt.close("all")
    ap, precisions, recalls, overlaps = utils.compute_ap(
        gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
    )
    assert 0 <= ap <= 1 and overlaps.shape == (len(r["rois"]), len(gt_class_id))
