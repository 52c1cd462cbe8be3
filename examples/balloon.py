"""Balloons: train on photos marked up in VIA, then turn everything grey except the balloons.

    python examples/balloon.py train  --dataset balloon --weights coco        the heads, for 30 epochs
    python examples/balloon.py train  --dataset balloon --weights last        goes on where that was broken off
    python examples/balloon.py splash --weights last --image party.jpg        writes party_splash.png
    python examples/balloon.py splash --weights last --video party.mp4        writes party_splash.mp4

--dataset is a folder with `train` and `val` in it, each with photos and the JSON that the VGG Image Annotator (VIA, version 1 or 2)
exported for them: via_region_data.json, or whatever the only .json there is called. Any photos with one kind of thing marked up will do.
--weights is coco (Matterport's, 246 MB, downloaded once), imagenet, last, none, or a file of weights.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps
from skimage.draw import polygon

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.data.annotated_images import path_inside
from mrcnn.data.image_io import header, read_image
from mrcnn.files import atomic_path

log = logging.getLogger(__name__)

EPOCHS = 30
CLASS_LAYERS = [
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
    "mrcnn_bbox",
    "mrcnn_mask",
]  # sized by the number of classes
START = ("coco", "imagenet", "none")  # weights that know no balloons yet
CORNERS = 72  # of the polygon that stands for a circle
FARTHEST = 10**6  # pixels: a corner that lies farther out is a mistake


class BalloonConfig(Config):
    NAME = "balloon"
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 100
    DETECTION_MIN_CONFIDENCE = 0.9


class BalloonInferenceConfig(BalloonConfig):
    IMAGES_PER_GPU = 1


class BalloonDataset(utils.Dataset):
    def load_balloon(self, dataset_dir, subset):
        """Add the photos of `dataset_dir`/`subset` that have something marked up. subset: "train" or "val"."""
        self.add_class("balloon", 1, "balloon")
        folder = Path(dataset_dir) / subset
        via, turned = via_file(folder), []
        for name, shapes in read_via(via):
            if not shapes:
                continue
            try:
                path = path_inside(folder, name)
            except ValueError as error:
                raise ValueError(f"{via}: {error}") from error
            if not path.exists():
                raise FileNotFoundError(
                    f"{via} marks up {name}, which is not beside it. Put the photo there, or take it out of the JSON."
                )
            outlines = [
                checked_outline(shape, f"Region {k} of {name} in {via}")
                for k, shape in enumerate(shapes, 1)
            ]
            (height, width), orientation = header(path)
            upright = orientation > 1 and marked_up_turned(outlines, (height, width), orientation)
            if upright:
                turned.append(name)
            size_hw = (width, height) if upright and orientation > 4 else (height, width)
            self.add_image(
                "balloon",
                image_id=name,
                path=str(path),
                size_hw=size_hw,
                upright=upright,
                outlines=outlines,
            )
        if turned:
            log.warning(
                "%d photos of %s have an EXIF orientation, %s for one. They are turned, as "
                "VIA shows them, before the regions are "
                "laid on them.",
                len(turned),
                folder,
                turned[0],
            )

    def read_photo(self, image_id, at_least_hw=None):
        info = self.image_info[image_id]
        return read_image(info["path"], info["upright"], at_least_hw)

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        masks = np.zeros((*info["size_hw"], len(info["outlines"])), bool)
        for i, (xs, ys) in enumerate(info["outlines"]):
            rows, columns = polygon(
                ys, xs, info["size_hw"]
            )  # what was drawn beyond the edge of the photo is cut off
            masks[rows, columns, i] = True
        return masks, np.ones(masks.shape[2], np.int32)

    def image_reference(self, image_id):
        return self.image_info[image_id]["path"]


def via_file(folder):
    """VIA's JSON in `folder`."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. --dataset wants a folder with train and val in it, each with photos and the "
            "JSON that VIA exported."
        )
    files = sorted(folder.glob("*.json"))
    files = [path for path in files if path.name == "via_region_data.json"] or files
    if len(files) != 1:
        raise FileNotFoundError(
            f"{folder} needs VIA's annotations: via_region_data.json, or one .json of another name. Got {len(files)} "
            "files. In VIA choose Annotation, Export Annotations (as json)."
        )
    return files[0]


def read_via(path):
    """A list of (photo's file name, list of VIA's shapes)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        photos = content.get(
            "_via_img_metadata", content
        )  # VIA 2 wraps the photos when a whole project is saved
        return [
            (photo["filename"], [region["shape_attributes"] for region in _regions(photo)])
            for photo in photos.values()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not what VIA exports as JSON ({type(error).__name__}: {error}). In VIA choose Annotation, Export "
            "Annotations (as json)."
        ) from error


def _regions(photo):
    regions = photo["regions"]
    return (
        list(regions.values()) if isinstance(regions, dict) else regions
    )  # VIA 1 numbers them, VIA 2 lists them


def outline(shape):
    """xs, ys of the corners of a shape of VIA's, in pixels of the photo."""
    kind = shape["name"]
    if kind in ("polygon", "polyline"):
        return shape["all_points_x"], shape["all_points_y"]
    if kind == "rect":
        left, top, right, bottom = (
            shape["x"],
            shape["y"],
            shape["x"] + shape["width"] - 1,
            shape["y"] + shape["height"] - 1,
        )
        return [left, right, right, left], [top, top, bottom, bottom]
    if kind in ("circle", "ellipse"):
        rx, ry = (shape["r"], shape["r"]) if kind == "circle" else (shape["rx"], shape["ry"])
        turn, angles = (
            shape.get("theta", 0),
            np.linspace(0, 2 * np.pi, CORNERS, endpoint=False),
        )  # radians, clockwise on the photo
        xs, ys = rx * np.cos(angles), ry * np.sin(angles)
        return shape["cx"] + xs * np.cos(turn) - ys * np.sin(turn), shape["cy"] + xs * np.sin(
            turn
        ) + ys * np.cos(turn)
    raise ValueError(
        f"A region in the JSON is a {kind}, which has no area. Mark things up as polygon, rect, circle or ellipse."
    )


def checked_outline(shape, name):
    """`outline` of a shape; raises ValueError naming the region where its coordinates are no
    numbers, or far from any photo."""
    try:
        xs, ys = outline(shape)
        sound = len(xs) == len(ys) > 0 and all(abs(n) <= FARTHEST for n in (*xs, *ys))
    except KeyError as error:
        raise ValueError(f"{name} has no {error}. Draw it again in VIA.") from error
    except (TypeError, OverflowError):
        sound = False
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if not sound:
        raise ValueError(
            f"{name}: expected numbers, as many x as y, at most {FARTHEST:,} pixels "
            "from the photo. Draw it again in VIA."
        )
    return xs, ys


def marked_up_turned(outlines, stored_hw, orientation):
    """Whether a photo was marked up as its EXIF orientation turns it.

    Browsers show photos turned since 2020, and VIA with them; older ones showed the stored pixels.
    Where the outlines fit only into one of the two, that is it.
    """

    def fits(size_hw):
        return all(max(xs) <= size_hw[1] and max(ys) <= size_hw[0] for xs, ys in outlines)

    turned_hw = stored_hw[::-1] if orientation > 4 else stored_hw
    return fits(turned_hw) or not fits(stored_hw)


def prepared(dataset_dir, subset):
    dataset = BalloonDataset()
    dataset.load_balloon(dataset_dir, subset)
    dataset.prepare()
    return dataset


def train(args):
    """Train the heads; returns the model."""
    config = BalloonConfig()
    train_set, val_set = prepared(args.dataset, "train"), prepared(args.dataset, "val")
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=args.logs)
    load_weights(model, args)
    # Few photos, and weights that have seen many: the heads are enough.
    model.train(
        train_set, val_set, learning_rate=config.LEARNING_RATE, epochs=EPOCHS, layers="heads"
    )
    return model


def load_weights(model, args):
    """Fill the model from what --weights names."""
    if args.weights == "coco":
        path = Path(args.logs) / "mask_rcnn_coco.h5"
        utils.download_trained_weights(path)
        model.load_weights(path, by_name=True, exclude=CLASS_LAYERS)
    elif args.weights == "imagenet":
        model.load_imagenet_weights()
    elif args.weights != "none":
        model.load_weights(
            model.find_last() if args.weights == "last" else args.weights, by_name=True
        )


def color_splash(photo, masks):
    """(h, w, 3) uint8 RGB, (h, w, N) bool -> the photo in grey where no mask is."""
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.where(masks.any(axis=-1, keepdims=True), photo, grey)


def splash_image(model, path, out):
    with Image.open(path) as stored:
        photo = np.array(ImageOps.exif_transpose(stored).convert("RGB"))
    with atomic_path(out) as temporary:
        Image.fromarray(color_splash(photo, model.detect([photo], verbose=0)[0]["masks"])).save(
            temporary
        )


def splash_video(model, path, out):
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise OSError(f"{path} cannot be read as a video. Check the path; MP4 and AVI files work.")
    size_wh = tuple(
        int(video.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    with atomic_path(out) as temporary:
        writer = cv2.VideoWriter(
            str(temporary),
            cv2.VideoWriter_fourcc(*"mp4v"),
            video.get(cv2.CAP_PROP_FPS) or 25,
            size_wh,
        )
        if not writer.isOpened():
            raise OSError(f"This OpenCV cannot write {out}: it has no encoder for MP4 (mp4v).")
        try:
            while True:
                there, frame = video.read()
                if not there:
                    break
                photo = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                splashed = color_splash(photo, model.detect([photo], verbose=0)[0]["masks"])
                writer.write(cv2.cvtColor(splashed, cv2.COLOR_RGB2BGR))
        finally:
            writer.release()
            video.release()


def splash(args):
    """Write the splash of an image or a video; returns its path."""
    model = modellib.MaskRCNN(
        mode="inference", config=BalloonInferenceConfig(), model_dir=args.logs
    )
    load_weights(model, args)
    source = Path(args.image or args.video)
    out = source.with_name(f"{source.stem}_splash{'.png' if args.image else '.mp4'}")
    (splash_image if args.image else splash_video)(model, source, out)
    print(f"Written: {out}")
    return out


def main(argv=None):
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
            f"--weights {args.weights} knows no balloons yet: train first, then splash with --weights last"
        )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return (train if args.command == "train" else splash)(args)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
