"""Nuclei under the microscope: the Data Science Bowl of 2018.

    python examples/nucleus.py train  --dataset dsb2018 --weights imagenet                      heads to epoch 20, then all to 40
    python examples/nucleus.py train  --dataset dsb2018 --weights last                          goes on where that was broken off
    python examples/nucleus.py detect --dataset dsb2018 --weights last --subset stage1_test     writes submission.csv

--dataset is a folder with `stage1_train`, `stage1_test` … in it, as they come out of the contest's zip files: one folder for each
photo, with the photo in images/ and, to train on, a PNG for each nucleus in masks/. --subset names one of those folders; `train` and
`val` are two parts of stage1_train. --weights is imagenet, coco, last, none or a file. Training crops: photos are enlarged twice, and
512 x 512 pixels of them are seen at a time. Detection takes them whole.
"""

import argparse
import csv
import logging
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.files import atomic_path

EPOCHS_HEADS, EPOCHS = 20, 40
CLASS_LAYERS = [
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
    "mrcnn_bbox",
    "mrcnn_mask",
]  # sized by the number of classes
START = ("coco", "imagenet", "none")  # weights that know no nuclei yet
VALIDATED = 25  # one photo in so many is kept for validation


class NucleusConfig(Config):
    NAME = "nucleus"
    BACKBONE = "resnet50"
    NUM_CLASSES = 1 + 1
    IMAGES_PER_GPU = 6
    STEPS_PER_EPOCH = None  # every photo once
    VALIDATION_STEPS = None
    IMAGE_RESIZE_MODE = "crop"  # IMAGE_MIN_DIM x IMAGE_MIN_DIM of a photo
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    MEAN_PIXEL = (43.53, 39.56, 48.22)  # of these photos, which are dark
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
    IMAGES_PER_GPU = 1  # photos differ in size
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class NucleusDataset(utils.Dataset):
    def load_nucleus(self, dataset_dir, subset):
        """Add the photos of a subset: a folder of `dataset_dir`, or "train" or "val", which share stage1_train."""
        self.add_class("nucleus", 1, "nucleus")
        folder = Path(dataset_dir) / ("stage1_train" if subset in ("train", "val") else subset)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"There is no folder {folder}. --dataset wants the folder that holds stage1_train and the others, and "
                "--subset the name of one of them, or train or val."
            )
        names = sorted(entry.name for entry in folder.iterdir() if (entry / "images").is_dir())
        if not names:
            raise FileNotFoundError(
                f"There are no photos in {folder}. Each should be a folder of its own, with images/ and masks/ in it."
            )
        # The names are hashes, so this is a draw by lot that turns out the same every time.
        validated = set(names[::VALIDATED])
        if subset in ("train", "val"):
            names = [name for name in names if (name in validated) == (subset == "val")]
        for name in names:
            self.add_image(
                "nucleus", image_id=name, path=str(folder / name / "images" / f"{name}.png")
            )

    def load_mask(self, image_id):
        masks = []
        for path in sorted(
            (Path(self.image_info[image_id]["path"]).parents[1] / "masks").glob("*.png")
        ):
            with Image.open(path) as mask:
                masks.append(np.asarray(mask.convert("L")) > 0)
        if not masks:
            return super().load_mask(image_id)
        return np.stack(masks, axis=-1), np.ones(len(masks), np.int32)

    def image_reference(self, image_id):
        return self.image_info[image_id]["id"]


def prepared(dataset_dir, subset):
    dataset = NucleusDataset()
    dataset.load_nucleus(dataset_dir, subset)
    dataset.prepare()
    return dataset


def augmentation():
    """None to two of: flips, quarter turns, another brightness, blur."""
    iaa = import_imgaug().augmenters  # `import imgaug` fails beside NumPy 2; this does not
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


def train(args):
    """Heads first, then all; returns the model."""
    config = NucleusConfig()
    # A subset other than "train" is trained on whole, which leaves nothing unseen for validation.
    train_set, val_set = (
        prepared(args.dataset, args.subset or "train"),
        prepared(args.dataset, "val"),
    )
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


def load_weights(model, args):
    """Fill the model from what --weights names."""
    if (
        args.weights == "coco"
    ):  # of a ResNet-101, so the backbone gets only a part: imagenet is the better start
        path = Path(args.logs) / "mask_rcnn_coco.h5"
        utils.download_trained_weights(path)
        model.load_weights(path, by_name=True, exclude=CLASS_LAYERS)
    elif args.weights == "imagenet":
        model.load_weights(model.get_imagenet_weights(), by_name=True)
    elif args.weights != "none":
        model.load_weights(
            model.find_last() if args.weights == "last" else args.weights, by_name=True
        )


def detect(args):
    """Write the submission; returns its path."""
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
            found = model.detect([dataset.load_image(image_id)], verbose=0)[0]
            rows = submission_rows(
                dataset.image_reference(image_id), found["masks"], found["scores"]
            )
            table.writerows(rows)
    print(f"Written: {args.out}")
    return args.out


def submission_rows(name, masks, scores):
    """The contest's rows for one photo. It forbids overlaps: a pixel goes to the mask with the higher score.

    masks: (H, W, N) bool; scores: (N,); Returns: [(name, run lengths)], one with no run lengths where nothing was found.
    """
    rows, taken = [], np.zeros(masks.shape[:2], bool)
    for i in np.argsort(-scores, kind="stable"):
        mine = masks[:, :, i] & ~taken
        taken |= mine
        if mine.any():
            rows.append((name, run_lengths(mine)))
    return rows or [(name, "")]


def run_lengths(mask):
    """(H, W) bool -> "start length start length …", pixels counted from 1 down the first column, then down the second."""
    column_by_column = np.concatenate([[False], mask.T.ravel(), [False]])
    starts, ends = np.flatnonzero(column_by_column[1:] != column_by_column[:-1]).reshape(-1, 2).T
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends))


def main(argv=None):
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
            f"--weights {args.weights} knows no nuclei yet: train first, then detect with --weights last"
        )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return (train if args.command == "train" else detect)(args)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
