"""MS COCO: train as Matterport's published weights were trained, or score a model.

    python examples/coco.py train    --dataset coco --model imagenet --download
    python examples/coco.py train    --dataset coco --model last        resumes an interrupted run
    python examples/coco.py evaluate --dataset coco --model coco        AP of Matterport's weights

--dataset is a folder with train2017/, val2017/ and annotations/ in it, as they come out of COCO's
zip files. --download fetches and unpacks what the command needs (train 18 GB, val 0.8 GB,
annotations 0.25 GB). The zip files are kept, so that a second --download does nothing. --year 2014
takes the older split. --model is coco (Matterport's, 246 MB, downloaded once), imagenet, last,
none, or a weight file. `evaluate` uses the first 500 images of val2017.

The schedule is Matterport's: heads to epoch 40, ResNet stage 4 and up to 120, all layers to 160.
That is 160,000 batches of two images of 1024 x 1024 pixels: days of a GPU, and not run here.
"""

import argparse
import json
import logging
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from tqdm import tqdm

import mrcnn.model as modellib
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.data.annotated_images import path_inside, read_annotated
from mrcnn.data.augmentation.imgaug_import import import_imgaug
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.evaluation.coco import evaluate_coco
from mrcnn.files import write_text
from mrcnn.weights.download import download

log = logging.getLogger(__name__)

# Trainable layers, last epoch, factor of the learning rate.
STAGES = (("heads", 40, 1), ("4+", 120, 1), ("all", 160, 0.1))
SERVER = "http://images.cocodataset.org"
# Of 2017, as many independent records list them; for 2014 no records agree on all three files.
MD5 = {
    "train2017.zip": "cced6f7f71b7629ddf16f17bbcfab6b2",
    "val2017.zip": "442b8da7639aecaf257c1dceb8ba8c80",
    "annotations_trainval2017.zip": "f4bbac642086de4f52a3fdda2de5fa2c",
}


class CocoConfig(Config):
    """Training on COCO."""

    NAME = "coco"
    NUM_CLASSES = 1 + 80


class CocoInferenceConfig(CocoConfig):
    """Detection, one image at a time."""

    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0  # AP counts detections of low confidence too


class CocoDataset(utils.Dataset):
    """Images and annotations of COCO."""

    has_warned = False  # of images whose EXIF orientation is ambiguous

    def load_coco(self, dataset_dir: str | Path, subset: str, year: int = 2017) -> COCO:
        """Adds the images of a subset, and the categories in the order of COCO's ids.

        Args:
            dataset_dir: The folder of --dataset.
            subset: "train" or "val".
            year: 2014 or 2017.

        Returns:
            The annotations, as pycocotools reads them.

        Raises:
            FileNotFoundError: If the annotations or the images are missing.
            ValueError: Names an image with a wrong file name or size.
        """
        annotations = Path(dataset_dir) / "annotations" / f"instances_{subset}{year}.json"
        folder = Path(dataset_dir) / f"{subset}{year}"
        for path in (annotations, folder):
            if not path.exists():
                raise FileNotFoundError(
                    f"There is no {path}. --dataset wants the folder that holds annotations/ and "
                    f"{subset}{year}/; --download fetches them."
                )
        self.coco = COCO(str(annotations))
        for category_id in sorted(self.coco.getCatIds()):
            self.add_class("coco", category_id, self.coco.cats[category_id]["name"])
        for coco_id in sorted(self.coco.getImgIds()):
            image = self.coco.imgs[coco_id]
            size_hw = image.get("height"), image.get("width")
            try:
                path = path_inside(folder, image.get("file_name"))
                if not all(isinstance(n, int) and n > 0 for n in size_hw):
                    raise ValueError(
                        f"Height and width are {size_hw}, expected whole numbers from 1."
                    )
            except ValueError as error:
                raise ValueError(f"Image {coco_id} of {annotations}: {error}") from error
            self.add_image("coco", image_id=coco_id, path=str(path), size_hw=size_hw)
        return self.coco

    def read_photo(self, image_id: int, at_least_hw: Any = None) -> np.ndarray:
        """Reads an image, rotated by EXIF if that gives the size of the annotations."""
        info = self.image_info[image_id]
        return read_annotated(info["path"], info["size_hw"], at_least_hw, self._warn_of_guess)

    def _warn_of_guess(self, path: Any) -> None:
        if not self.has_warned:
            self.has_warned = True
            log.warning(
                "%s is turned or mirrored by its EXIF orientation, and its size does not tell "
                "whether it was annotated so. It and others like it are used as they are stored.",
                path,
            )

    def load_objects(self, image_id: int) -> tuple[Any, np.ndarray, dict[str, np.ndarray]]:
        """Loads polygons and run lengths, without full-size masks.

        To override `load_mask` alone would do as well, at a higher cost.
        """
        info = self.image_info[image_id]
        height, width = info["size_hw"]
        segmentations, class_ids, names = [], [], []
        for annotation in self.coco.imgToAnns.get(info["id"], []):
            segmentation, crowd = annotation.get("segmentation"), annotation.get("iscrowd", 0)
            names.append(f"Annotation {annotation['id']} of image {info['id']}")
            is_rle = isinstance(segmentation, dict)
            if crowd and is_rle and segmentation.get("size") != [height, width]:
                # A crowd of another size is assumed to be everywhere.
                segmentation = {"size": [height, width], "counts": [0, height * width]}
            segmentations.append(segmentation)
            class_id = self.map_source_class_id(f"coco.{annotation['category_id']}")
            # Crowds are neither positive nor negative examples.
            class_ids.append(-class_id if crowd else class_id)
        masks = RLEMasks.from_coco(segmentations, (height, width), names)
        visible = masks.areas > 0  # some objects are smaller than a pixel
        return masks.keep(visible), np.array(class_ids, np.int32)[visible], {}

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Decodes the masks; for scripts that ask for them."""
        masks, class_ids, _ = self.load_objects(image_id)
        return masks.dense(), class_ids

    def image_reference(self, image_id: int) -> str:
        """Returns the page of the image in COCO's explorer."""
        return f"https://cocodataset.org/#explore?id={self.image_info[image_id]['id']}"


def prepared(dataset_dir: str | Path, subset: str, year: int) -> CocoDataset:
    """Returns a prepared data set."""
    dataset = CocoDataset()
    dataset.load_coco(dataset_dir, subset, year)
    dataset.prepare()
    return dataset


def fetch(dataset_dir: str | Path, subset: str, year: int) -> None:
    """Downloads the images and annotations of a subset, and unpacks what is missing."""
    for name in (f"zips/{subset}{year}.zip", f"annotations/annotations_trainval{year}.zip"):
        archive = Path(dataset_dir) / Path(name).name
        download(f"{SERVER}/{name}", archive, md5=MD5.get(archive.name))
        with zipfile.ZipFile(archive) as packed:
            for member in tqdm(packed.infolist(), desc=f"unpacking {archive.name}"):
                path = Path(dataset_dir) / member.filename
                is_partial = path.is_file() and path.stat().st_size != member.file_size
                if not path.exists() or is_partial:
                    packed.extract(member, dataset_dir)


def train(args: argparse.Namespace) -> modellib.MaskRCNN:
    """Trains in three stages and returns the model."""
    config = CocoConfig()
    train_set = prepared(args.dataset, "train", args.year)
    val_set = prepared(args.dataset, "val", args.year)
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=args.logs)
    load_weights(model, args)
    flips = import_imgaug().augmenters.Fliplr(0.5)
    for layers, epochs, factor in STAGES:
        model.train(
            train_set,
            val_set,
            learning_rate=factor * config.LEARNING_RATE,
            epochs=epochs,
            layers=layers,
            augmentation=flips,
        )
    return model


def load_weights(model: modellib.MaskRCNN, args: argparse.Namespace) -> None:
    """Loads the weights that --model names."""
    if args.model == "coco":
        path = Path(args.logs) / "mask_rcnn_coco.h5"
        utils.download_trained_weights(path)
        model.load_weights(path, by_name=True)
    elif args.model == "imagenet":
        model.load_imagenet_weights()
    elif args.model != "none":
        model.load_weights(model.find_last() if args.model == "last" else args.model, by_name=True)


def evaluate(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Prints COCO's AP of boxes and masks, and writes the detections.

    Args:
        args: The command line.

    Returns:
        COCO's numbers, for "bbox" and "segm".
    """
    dataset = prepared(args.dataset, "val", args.year)
    model = modellib.MaskRCNN(mode="inference", config=CocoInferenceConfig(), model_dir=args.logs)
    load_weights(model, args)
    image_ids = dataset.image_ids[: args.limit or None]
    results = []
    for image_id in tqdm(image_ids):
        detections = model.detect([dataset.load_image(image_id)], verbose=0)[0]
        results += coco_results(dataset, image_id, detections)
    write_text(args.out, json.dumps(results))
    coco_ids = [dataset.image_info[i]["id"] for i in image_ids]
    scores = {}
    for kind in ("bbox", "segm"):
        scores[kind] = evaluate_coco(dataset.coco.dataset, results, kind, image_ids=coco_ids)
        numbers = [f"{n} {v:.3f}" for n, v in scores[kind].items() if n != "per_category"]
        print(f"{kind}, {len(coco_ids)} photos:  {'  '.join(numbers)}")
    print(f"Written: {args.out}")
    return scores


def coco_results(
    dataset: CocoDataset, image_id: int, detections: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Converts the detections of one image to COCO's result dicts."""
    boxes, info = detections["rois"].astype(float), dataset.image_info[image_id]
    boxes_xywh = np.stack(
        [boxes[:, 1], boxes[:, 0], boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]], axis=-1
    )
    codes = coco_mask.encode(np.asfortranarray(detections["masks"].astype(np.uint8)))
    return [
        {
            "image_id": info["id"],
            "category_id": dataset.get_source_class_id(class_id, "coco"),
            "score": float(score),
            "bbox": box.tolist(),
            "segmentation": {"size": code["size"], "counts": code["counts"].decode()},
        }
        for class_id, score, box, code in zip(
            detections["class_ids"], detections["scores"], boxes_xywh, codes, strict=True
        )
    ]


def main(argv: Sequence[str] | None = None) -> Any:
    """Parses the command line and runs the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument(
        "--dataset",
        metavar="DIR",
        required=True,
        help="folder with annotations/ and the photos' folders in it",
    )
    parser.add_argument(
        "--year", type=int, choices=(2014, 2017), default=2017, help="default: %(default)s"
    )
    parser.add_argument(
        "--model",
        metavar="W",
        required=True,
        help="coco, imagenet, last, none or a file of weights",
    )
    parser.add_argument(
        "--logs", metavar="DIR", default="runs", help="where run folders go (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=500,
        metavar="N",
        help="photos to evaluate, 0 for all (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        metavar="JSON",
        default="coco_results.json",
        help="of evaluate (default: %(default)s)",
    )
    parser.add_argument(
        "--download", action="store_true", help="fetch what is missing of the data set"
    )
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if args.download:
        for subset in ("train", "val") if args.command == "train" else ("val",):
            fetch(args.dataset, subset, args.year)
    return (train if args.command == "train" else evaluate)(args)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
