"""Nuclei under the microscope: the Data Science Bowl of 2018.

    python examples/nucleus.py train  --dataset dsb2018 --weights imagenet
    python examples/nucleus.py train  --dataset dsb2018 --weights last    resumes an interrupted run
    python examples/nucleus.py detect --dataset dsb2018 --weights last --subset stage1_test

--dataset is a folder with `stage1_train`, `stage1_test` … in it, as they come out of the contest's
zip files: a folder for each image, with the image in images/ and, to train on, a PNG for each
nucleus in masks/. --subset names one of those folders; `train` and `val` are two parts of
stage1_train. --weights is imagenet, coco, last, none or a weight file.

Training runs to epoch 20 for the heads, then to 40 for all layers. It sees random crops: images
are enlarged twice, and 512 x 512 pixels of them are cut out. Detection takes images whole, and
writes submission.csv.
"""

import argparse
import csv
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.files import atomic_path

EPOCHS_HEADS, EPOCHS = 20, 40
# Their shapes depend on the number of classes.
CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
START = ("coco", "imagenet", "none")  # weights that were not trained on nuclei
VALIDATION_EVERY = 25  # every 25th image is kept for validation


class NucleusConfig(Config):
    """Training on random crops, with many small objects in each."""

    NAME = "nucleus"
    BACKBONE = "resnet50"
    NUM_CLASSES = 1 + 1
    IMAGES_PER_GPU = 6
    STEPS_PER_EPOCH = None  # every image once
    VALIDATION_STEPS = None
    IMAGE_RESIZE_MODE = "crop"  # IMAGE_MIN_DIM x IMAGE_MIN_DIM of an image
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    MEAN_PIXEL = (43.53, 39.56, 48.22)  # of these images, which are dark
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_NMS_THRESHOLD = 0.9  # nuclei lie close together
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 2000
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 400
    MASK_BUCKETS = (50, 100, 200)
    DETECTION_MIN_CONFIDENCE = 0


class NucleusInferenceConfig(NucleusConfig):
    """Detection in whole images."""

    IMAGES_PER_GPU = 1  # images differ in size
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class NucleusDataset(utils.Dataset):
    """Images with a mask file for each nucleus."""

    def load_nucleus(self, dataset_dir: str | Path, subset: str) -> None:
        """Adds the images of a subset.

        Args:
            dataset_dir: The folder of --dataset.
            subset: Name of a folder in it, or "train" or "val", which share stage1_train.

        Raises:
            FileNotFoundError: If there is no such folder, or no image in it.
        """
        self.add_class("nucleus", 1, "nucleus")
        folder = Path(dataset_dir) / ("stage1_train" if subset in ("train", "val") else subset)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"There is no folder {folder}. --dataset wants the folder that holds stage1_train "
                "and the others, and --subset the name of one of them, or train or val."
            )
        names = sorted(entry.name for entry in folder.iterdir() if (entry / "images").is_dir())
        if not names:
            raise FileNotFoundError(
                f"There are no photos in {folder}. Each should be a folder of its own, with "
                "images/ and masks/ in it."
            )
        # The names are hashes, so this is a random split, the same every time.
        validated = set(names[::VALIDATION_EVERY])
        if subset in ("train", "val"):
            names = [name for name in names if (name in validated) == (subset == "val")]
        for name in names:
            self.add_image(
                "nucleus", image_id=name, path=str(folder / name / "images" / f"{name}.png")
            )

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Reads a mask file for each nucleus."""
        folder = Path(self.image_info[image_id]["path"]).parents[1] / "masks"
        masks = []
        for path in sorted(folder.glob("*.png")):
            with Image.open(path) as mask:
                masks.append(np.asarray(mask.convert("L")) > 0)
        if not masks:
            return super().load_mask(image_id)
        return np.stack(masks, axis=-1), np.ones(len(masks), np.int32)

    def image_reference(self, image_id: int) -> str:
        """Returns the id of the image in the contest."""
        return self.image_info[image_id]["id"]


def prepared(dataset_dir: str | Path, subset: str) -> NucleusDataset:
    """Returns a prepared data set."""
    dataset = NucleusDataset()
    dataset.load_nucleus(dataset_dir, subset)
    dataset.prepare()
    return dataset


def augmentation() -> Any:
    """Makes an augmenter that applies up to two of flips, quarter turns, brightness and blur."""
    iaa = import_imgaug().augmenters
    return iaa.SomeOf(
        (0, 2),
        [
            iaa.Fliplr(0.5),
            iaa.Flipud(0.5),
            iaa.Rot90((1, 3)),
            iaa.Multiply((0.8, 1.5)),
            iaa.GaussianBlur(sigma=(0.0, 5.0)),
        ],
    )


def train(args: argparse.Namespace) -> modellib.MaskRCNN:
    """Trains the heads, then all layers, and returns the model."""
    config = NucleusConfig()
    # With --subset stage1_train the validation images are trained on as well.
    train_set = prepared(args.dataset, args.subset or "train")
    val_set = prepared(args.dataset, "val")
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=args.logs)
    load_weights(model, args)
    for layers, epochs in (("heads", EPOCHS_HEADS), ("all", EPOCHS)):
        model.train(
            train_set,
            val_set,
            learning_rate=config.LEARNING_RATE,
            epochs=epochs,
            layers=layers,
            augmentation=augmentation(),
        )
    return model


def load_weights(model: modellib.MaskRCNN, args: argparse.Namespace) -> None:
    """Loads the weights that --weights names."""
    if args.weights == "coco":
        # These are of a ResNet-101, so only a part fits this backbone: imagenet is a better start.
        path = Path(args.logs) / "mask_rcnn_coco.h5"
        utils.download_trained_weights(path)
        model.load_weights(path, by_name=True, exclude=CLASS_LAYERS)
    elif args.weights == "imagenet":
        model.load_weights(model.get_imagenet_weights(), by_name=True)
    elif args.weights != "none":
        path = model.find_last() if args.weights == "last" else args.weights
        model.load_weights(path, by_name=True)


def detect(args: argparse.Namespace) -> str:
    """Writes the submission and returns its path."""
    dataset = prepared(args.dataset, args.subset or "stage1_test")
    model = modellib.MaskRCNN(
        mode="inference", config=NucleusInferenceConfig(), model_dir=args.logs
    )
    load_weights(model, args)
    with (
        atomic_path(args.out) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(["ImageId", "EncodedPixels"])
        for image_id in tqdm(dataset.image_ids):
            detections = model.detect([dataset.load_image(image_id)], verbose=0)[0]
            name = dataset.image_reference(image_id)
            table.writerows(submission_rows(name, detections["masks"], detections["scores"]))
    print(f"Written: {args.out}")
    return args.out


def submission_rows(name: str, masks: np.ndarray, scores: np.ndarray) -> list[tuple[str, str]]:
    """Makes the contest's rows for one image.

    The contest forbids overlaps: a pixel goes to the mask with the higher confidence.

    Args:
        name: Id of the image.
        masks: `(H, W, N)` bool.
        scores: `(N,)`.

    Returns:
        (name, run lengths) for each mask; one row without run lengths if there is none.
    """
    rows, taken = [], np.zeros(masks.shape[:2], bool)
    for i in np.argsort(-scores, kind="stable"):
        mine = masks[:, :, i] & ~taken
        taken |= mine
        if mine.any():
            rows.append((name, run_lengths(mine)))
    return rows or [(name, "")]


def run_lengths(mask: np.ndarray) -> str:
    """Encodes a mask: "start length start length …", pixels counted from 1 down the columns."""
    column_by_column = np.concatenate([[False], mask.T.ravel(), [False]])
    starts, ends = np.flatnonzero(column_by_column[1:] != column_by_column[:-1]).reshape(-1, 2).T
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends))


def main(argv: Sequence[str] | None = None) -> Any:
    """Parses the command line and runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("train", "detect"))
    parser.add_argument(
        "--dataset",
        metavar="DIR",
        required=True,
        help="folder with stage1_train and the others in it",
    )
    parser.add_argument(
        "--weights", metavar="W", required=True, help="imagenet, coco, last, none or a file"
    )
    parser.add_argument(
        "--subset",
        metavar="NAME",
        help="folder of the data set, train or val (default: train, stage1_test)",
    )
    parser.add_argument(
        "--logs", metavar="DIR", default="runs", help="where run folders go (default: %(default)s)"
    )
    parser.add_argument(
        "--out", metavar="CSV", default="submission.csv", help="of detect (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    if args.command == "detect" and args.weights in START:
        parser.error(
            f"--weights {args.weights} knows no nuclei yet: train first, then detect with "
            "--weights last"
        )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return (train if args.command == "train" else detect)(args)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
