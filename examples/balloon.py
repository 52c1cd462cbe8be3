"""Balloons: train on images annotated in VIA, then turn everything grey except the balloons.

    python examples/balloon.py train  --dataset balloon --weights coco    the heads, for 30 epochs
    python examples/balloon.py train  --dataset balloon --weights last    resumes an interrupted run
    python examples/balloon.py splash --weights last --image party.jpg    writes party_splash.png
    python examples/balloon.py splash --weights last --video party.mp4    writes party_splash.mp4

--dataset is a folder with `train` and `val` in it. Each holds images and the JSON file that the VGG
Image Annotator (VIA, version 1 or 2) exported for them: via_region_data.json, or another name if it
is the only .json there. Any images with one class of objects will do.
--weights is coco (Matterport's, 246 MB, downloaded once), imagenet, last, none, or a weight file.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps
from skimage.draw import polygon

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.data import via_files
from mrcnn.data.annotated_images import path_inside
from mrcnn.data.image_io import header, read_image
from mrcnn.files import atomic_path

log = logging.getLogger(__name__)

EPOCHS = 30
# Their shapes depend on the number of classes.
CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
START = ("coco", "imagenet", "none")  # weights that were not trained on balloons
CIRCLE_CORNERS = 72  # of the polygon that replaces a circle
MAX_COORDINATE = 10**6  # pixels: a coordinate beyond it is a mistake

Outline = tuple[Sequence[float], Sequence[float]]  # x and y of the corners, pixels


class BalloonConfig(Config):
    """Training on balloons."""

    NAME = "balloon"
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 100
    DETECTION_MIN_CONFIDENCE = 0.9


class BalloonInferenceConfig(BalloonConfig):
    """Detection, one image at a time."""

    IMAGES_PER_GPU = 1


def existing_image(folder: Path, name: str, via: Path) -> Path:
    """Finds an image that a VIA file marks up."""
    try:
        path = path_inside(folder, name)
    except ValueError as error:
        raise ValueError(f"{via}: {error}") from error
    if not path.exists():
        raise FileNotFoundError(
            f"{via} marks up {name}, which is not in the same folder. Put the photo there, or take "
            "it out of the JSON."
        )
    return path


class BalloonDataset(utils.Dataset):
    """Images with outlines drawn in VIA."""

    def load_balloon(self, dataset_dir: str | Path, subset: str) -> None:
        """Adds the annotated images of a subset.

        Args:
            dataset_dir: The folder of --dataset.
            subset: "train" or "val".

        Raises:
            FileNotFoundError: If a folder, the JSON file or an image is missing.
            ValueError: Names a region or a file name that is not valid.
        """
        self.add_class("balloon", 1, "balloon")
        folder = Path(dataset_dir) / subset
        via, rotated = via_file(folder), []
        for name, shapes in read_via(via):
            if not shapes:
                continue
            path = existing_image(folder, name, via)
            outlines = [
                checked_outline(shape, f"Region {k} of {name} in {via}")
                for k, shape in enumerate(shapes, 1)
            ]
            (height, width), orientation = header(path)
            upright = orientation > 1 and annotated_rotated(outlines, (height, width), orientation)
            if upright:
                rotated.append(name)
            size_hw = (width, height) if upright and orientation > 4 else (height, width)
            self.add_image(
                "balloon",
                image_id=name,
                path=str(path),
                size_hw=size_hw,
                upright=upright,
                outlines=outlines,
            )
        if rotated:
            log.warning(
                "%d photos of %s have an EXIF orientation, %s for one. They are turned, as "
                "VIA shows them, before the regions are laid on them.",
                len(rotated),
                folder,
                rotated[0],
            )

    def read_photo(self, image_id: int, at_least_hw: Any = None) -> np.ndarray:
        """Reads an image, rotated if it was annotated so."""
        info = self.image_info[image_id]
        return read_image(info["path"], info["upright"], at_least_hw)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Fills the outlines; parts outside the image are cut off."""
        info = self.image_info[image_id]
        masks = np.zeros((*info["size_hw"], len(info["outlines"])), bool)
        for i, (xs, ys) in enumerate(info["outlines"]):
            rows, columns = polygon(ys, xs, info["size_hw"])
            masks[rows, columns, i] = True
        return masks, np.ones(masks.shape[2], np.int32)

    def image_reference(self, image_id: int) -> str:
        """Returns the path."""
        return self.image_info[image_id]["path"]


def via_file(folder: Path) -> Path:
    """Finds the JSON file of VIA in a folder."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. --dataset wants a folder with train and val in it, each "
            "with photos and the JSON that VIA exported."
        )
    files = sorted(folder.glob("*.json"))
    files = [path for path in files if path.name == "via_region_data.json"] or files
    if len(files) != 1:
        raise FileNotFoundError(
            f"{folder} needs VIA's annotations: via_region_data.json, or one .json of another "
            f"name. Got {len(files)} files. In VIA choose Annotation, Export Annotations (as json)."
        )
    return files[0]


def read_via(path: Path) -> list[tuple[Any, list[Any]]]:
    """Reads the file name and VIA's shapes of every image."""
    return [
        (name, [region["shape_attributes"] for region in regions])
        for name, regions in via_files.read_via(path)
    ]


def outline(shape: dict[str, Any]) -> Outline:
    """Converts a shape of VIA to a polygon."""
    kind = shape["name"]
    if kind in ("polygon", "polyline"):
        return shape["all_points_x"], shape["all_points_y"]
    if kind == "rect":
        left, top = shape["x"], shape["y"]
        right, bottom = left + shape["width"] - 1, top + shape["height"] - 1
        return [left, right, right, left], [top, top, bottom, bottom]
    if kind in ("circle", "ellipse"):
        rx, ry = (shape["r"], shape["r"]) if kind == "circle" else (shape["rx"], shape["ry"])
        theta = shape.get("theta", 0)  # radians, clockwise on the image
        angles = np.linspace(0, 2 * np.pi, CIRCLE_CORNERS, endpoint=False)
        xs, ys = rx * np.cos(angles), ry * np.sin(angles)
        return (
            shape["cx"] + xs * np.cos(theta) - ys * np.sin(theta),
            shape["cy"] + xs * np.sin(theta) + ys * np.cos(theta),
        )
    raise ValueError(
        f"A region in the JSON is a {kind}, which has no area. Mark things up as polygon, rect, "
        "circle or ellipse."
    )


def checked_outline(shape: dict[str, Any], name: str) -> Outline:
    """Converts a shape; a ValueError names the region if its coordinates are not valid."""
    try:
        xs, ys = outline(shape)
        valid = len(xs) == len(ys) > 0 and all(abs(n) <= MAX_COORDINATE for n in (*xs, *ys))
    except KeyError as error:
        raise ValueError(f"{name} has no {error}. Draw it again in VIA.") from error
    except (TypeError, OverflowError):
        valid = False
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if not valid:
        raise ValueError(
            f"{name}: expected numbers, as many x as y, at most {MAX_COORDINATE:,} pixels "
            "from the photo. Draw it again in VIA."
        )
    return xs, ys


def annotated_rotated(
    outlines: Sequence[Outline], stored_hw: tuple[int, int], orientation: int
) -> bool:
    """Tells whether an image was annotated as its EXIF orientation rotates it.

    Since 2020 browsers, and VIA with them, show images rotated; older ones showed the stored
    pixels. If the outlines fit into only one of the two, that one is right.
    """

    def fits(size_hw: tuple[int, int]) -> bool:
        return all(max(xs) <= size_hw[1] and max(ys) <= size_hw[0] for xs, ys in outlines)

    rotated_hw = (stored_hw[1], stored_hw[0]) if orientation > 4 else stored_hw
    return fits(rotated_hw) or not fits(stored_hw)


def prepared(dataset_dir: str | Path, subset: str) -> BalloonDataset:
    """Returns a prepared data set."""
    dataset = BalloonDataset()
    dataset.load_balloon(dataset_dir, subset)
    dataset.prepare()
    return dataset


def train(args: argparse.Namespace) -> modellib.MaskRCNN:
    """Trains the heads and returns the model."""
    config = BalloonConfig()
    train_set, val_set = prepared(args.dataset, "train"), prepared(args.dataset, "val")
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=args.logs)
    load_weights(model, args)
    # With few images and weights trained on many, the heads are enough.
    model.train(
        train_set, val_set, learning_rate=config.LEARNING_RATE, epochs=EPOCHS, layers="heads"
    )
    return model


def load_weights(model: modellib.MaskRCNN, args: argparse.Namespace) -> None:
    """Loads the weights that --weights names."""
    if args.weights == "coco":
        path = Path(args.logs) / "mask_rcnn_coco.h5"
        utils.download_trained_weights(path)
        model.load_weights(path, by_name=True, exclude=CLASS_LAYERS)
    elif args.weights == "imagenet":
        model.load_imagenet_weights()
    elif args.weights != "none":
        path = model.find_last() if args.weights == "last" else args.weights
        model.load_weights(path, by_name=True)


def color_splash(image: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Turns an image grey where there is no mask.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        masks: `(H, W, N)` bool.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.where(masks.any(axis=-1, keepdims=True), image, grey)


def splash_image(model: modellib.MaskRCNN, path: Path, out: Path) -> None:
    """Writes the splash of an image."""
    with Image.open(path) as stored:
        image = np.array(ImageOps.exif_transpose(stored).convert("RGB"))
    splashed = color_splash(image, model.detect([image], verbose=0)[0]["masks"])
    with atomic_path(out) as temporary:
        Image.fromarray(splashed).save(temporary)


def splash_video(model: modellib.MaskRCNN, path: Path, out: Path) -> None:
    """Writes the splash of a video, frame by frame."""
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise OSError(f"{path} cannot be read as a video. Check the path; MP4 and AVI files work.")
    width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    with atomic_path(out) as temporary:
        writer = cv2.VideoWriter(
            str(temporary),
            cv2.VideoWriter_fourcc(*"mp4v"),
            video.get(cv2.CAP_PROP_FPS) or 25,
            (int(width), int(height)),
        )
        if not writer.isOpened():
            raise OSError(f"This OpenCV cannot write {out}: it has no encoder for MP4 (mp4v).")
        try:
            while True:
                success, frame = video.read()
                if not success:
                    break
                image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                splashed = color_splash(image, model.detect([image], verbose=0)[0]["masks"])
                writer.write(cv2.cvtColor(splashed, cv2.COLOR_RGB2BGR))
        finally:
            writer.release()
            video.release()


def splash(args: argparse.Namespace) -> Path:
    """Writes the splash of an image or a video and returns its path."""
    model = modellib.MaskRCNN(
        mode="inference", config=BalloonInferenceConfig(), model_dir=args.logs
    )
    load_weights(model, args)
    source = Path(args.image or args.video)
    out = source.with_name(f"{source.stem}_splash{'.png' if args.image else '.mp4'}")
    (splash_image if args.image else splash_video)(model, source, out)
    print(f"Written: {out}")
    return out


def main(argv: Sequence[str] | None = None) -> Any:
    """Parses the command line and runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("train", "splash"))
    parser.add_argument("--dataset", metavar="DIR", help="folder with train and val in it")
    parser.add_argument(
        "--weights", metavar="W", required=True, help="coco, imagenet, last, none or a file"
    )
    parser.add_argument(
        "--logs", metavar="DIR", default="runs", help="where run folders go (default: %(default)s)"
    )
    parser.add_argument("--image", metavar="FILE", help="photo to splash")
    parser.add_argument("--video", metavar="FILE", help="video to splash")
    args = parser.parse_args(argv)
    if args.command == "train" and not args.dataset:
        parser.error("train needs --dataset")
    if args.command == "splash" and bool(args.image) == bool(args.video):
        parser.error("splash needs one of --image and --video")
    if args.command == "splash" and args.weights in START:
        parser.error(
            f"--weights {args.weights} knows no balloons yet: train first, then splash with "
            "--weights last"
        )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return (train if args.command == "train" else splash)(args)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
