"""MS COCO: train as Matterport's published weights were trained, or score a model.

    python examples/coco.py train    --dataset coco --model imagenet --download     heads to epoch 40, 4+ to 120, all to 160
    python examples/coco.py train    --dataset coco --model last                    goes on where that was broken off
    python examples/coco.py evaluate --dataset coco --model coco                    AP of Matterport's weights on 500 photos of val2017

--dataset is a folder with train2017/, val2017/ and annotations/ in it, as they come out of COCO's zip files; --download fetches and
unpacks what the command needs of them (train 18 GB, val 0.8 GB, annotations 0.25 GB; the zip files stay beside, so that a second
--download does nothing). --year 2014 takes the older division. --model is coco (Matterport's, 246 MB, downloaded once), imagenet,
last, none, or a file of weights. The schedule is Matterport's, 160,000 batches of two photos of 1024 x 1024 pixels: days of a GPU,
and not tried here.
"""

import argparse
import json
import logging
import sys
import zipfile
from pathlib import Path

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

# Layers that learn, up to which epoch, share of the learning rate.
STAGES = (("heads", 40, 1), ("4+", 120, 1), ("all", 160, 0.1))
SERVER = "http://images.cocodataset.org"
# Of 2017, as many independent records have them; for 2014 there are none that agree on all three.
MD5 = {
    "train2017.zip": "cced6f7f71b7629ddf16f17bbcfab6b2",
    "val2017.zip": "442b8da7639aecaf257c1dceb8ba8c80",
    "annotations_trainval2017.zip": "f4bbac642086de4f52a3fdda2de5fa2c",
}


class CocoConfig(Config):
    NAME = "coco"
    NUM_CLASSES = 1 + 80


class CocoInferenceConfig(CocoConfig):
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0  # AP wants the unsure ones too


class CocoDataset(utils.Dataset):
    told = False  # that some photo's EXIF orientation leaves a doubt

    def load_coco(self, dataset_dir, subset, year=2017):
        """Add the photos of a subset, "train" or "val", with the categories in the order of COCO's ids; returns pycocotools' COCO."""
        annotations = Path(dataset_dir) / "annotations" / f"instances_{subset}{year}.json"
        photos = Path(dataset_dir) / f"{subset}{year}"
        for path in (annotations, photos):
            if not path.exists():
                raise FileNotFoundError(
                    f"There is no {path}. --dataset wants the folder that holds annotations/ and {subset}{year}/; "
                    "--download fetches them."
                )
        self.coco = COCO(str(annotations))
        for category_id in sorted(self.coco.getCatIds()):
            self.add_class("coco", category_id, self.coco.cats[category_id]["name"])
        for coco_id in sorted(self.coco.getImgIds()):
            image = self.coco.imgs[coco_id]
            size_hw = image.get("height"), image.get("width")
            try:
                path = path_inside(photos, image.get("file_name"))
                if not all(isinstance(n, int) and n > 0 for n in size_hw):
                    raise ValueError(
                        f"Height and width are {size_hw}, expected whole numbers from 1."
                    )
            except ValueError as error:
                raise ValueError(f"Image {coco_id} of {annotations}: {error}") from error
            self.add_image("coco", image_id=coco_id, path=str(path), size_hw=size_hw)
        return self.coco

    def read_photo(self, image_id, at_least_hw=None):
        """As it is stored, or turned as its EXIF data say where that is the size of the
        annotations."""
        info = self.image_info[image_id]
        return read_annotated(info["path"], info["size_hw"], at_least_hw, self._tell_guess)

    def _tell_guess(self, path):
        if not self.told:
            self.told = True
            log.warning(
                "%s is turned or mirrored by its EXIF orientation, and its size does not "
                "tell whether it was annotated "
                "so. It and others like it are used as they are stored.",
                path,
            )

    def load_objects(self, image_id):
        """Polygons and run lengths as they are: no mask of the photo's size is made. `load_mask` would do as well."""
        info = self.image_info[image_id]
        height, width = info["size_hw"]
        segmentations, class_ids, names = [], [], []
        for annotation in self.coco.imgToAnns.get(info["id"], []):
            segmentation, crowd = annotation.get("segmentation"), annotation.get("iscrowd", 0)
            names.append(f"Annotation {annotation['id']} of image {info['id']}")
            if (
                crowd
                and isinstance(segmentation, dict)
                and segmentation.get("size") != [height, width]
            ):  # of some other size: then it is
                segmentation = {
                    "size": [height, width],
                    "counts": [0, height * width],
                }  # taken to be everywhere
            segmentations.append(segmentation)
            class_id = self.map_source_class_id(f"coco.{annotation['category_id']}")
            class_ids.append(
                -class_id if crowd else class_id
            )  # a crowd teaches nothing, and forbids nothing
        runs, class_ids = (
            RLEMasks.from_coco(segmentations, (height, width), names),
            np.array(class_ids, np.int32),
        )
        some = runs.areas > 0  # some objects are smaller than a pixel
        return runs.keep(some), class_ids[some], {}

    def load_mask(self, image_id):
        runs, class_ids, _ = self.load_objects(image_id)
        return runs.dense(), class_ids

    def image_reference(self, image_id):
        return f"https://cocodataset.org/#explore?id={self.image_info[image_id]['id']}"


def prepared(dataset_dir, subset, year):
    dataset = CocoDataset()
    dataset.load_coco(dataset_dir, subset, year)
    dataset.prepare()
    return dataset


def fetch(dataset_dir, subset, year):
    """Download the photos and annotations of a subset from COCO's server, and unpack what is not unpacked yet."""
    for name in (f"zips/{subset}{year}.zip", f"annotations/annotations_trainval{year}.zip"):
        archive = Path(dataset_dir) / Path(name).name
        download(f"{SERVER}/{name}", archive, md5=MD5.get(archive.name))
        with zipfile.ZipFile(archive) as packed:
            for member in tqdm(packed.infolist(), desc=f"unpacking {archive.name}"):
                unpacked = Path(dataset_dir) / member.filename
                if not unpacked.exists() or (
                    unpacked.is_file() and unpacked.stat().st_size != member.file_size
                ):
                    packed.extract(member, dataset_dir)


def train(args):
    """The three stages; returns the model."""
    config = CocoConfig()
    train_set, val_set = (
        prepared(args.dataset, "train", args.year),
        prepared(args.dataset, "val", args.year),
    )
    model = modellib.MaskRCNN(mode="training", config=config, model_dir=args.logs)
    load_weights(model, args)
    flips = import_imgaug().augmenters.Fliplr(
        0.5
    )  # `import imgaug` fails beside NumPy 2; this does not
    for layers, epochs, share in STAGES:
        model.train(
            train_set,
            val_set,
            learning_rate=share * config.LEARNING_RATE,
            epochs=epochs,
            layers=layers,
            augmentation=flips,
        )
    return model


def load_weights(model, args):
    """Fill the model from what --model names."""
    if args.model == "coco":
        path = Path(args.logs) / "mask_rcnn_coco.h5"
        utils.download_trained_weights(path)
        model.load_weights(path, by_name=True)
    elif args.model == "imagenet":
        model.load_imagenet_weights()
    elif args.model != "none":
        model.load_weights(model.find_last() if args.model == "last" else args.model, by_name=True)


def evaluate(args):
    """Print COCO's AP of boxes and masks, and write the detections; returns {"bbox": numbers, "segm": numbers}."""
    dataset = prepared(args.dataset, "val", args.year)
    model = modellib.MaskRCNN(mode="inference", config=CocoInferenceConfig(), model_dir=args.logs)
    load_weights(model, args)
    image_ids = dataset.image_ids[: args.limit or None]
    results = []
    for image_id in tqdm(image_ids):
        found = model.detect([dataset.load_image(image_id)], verbose=0)[0]
        results += coco_results(dataset, image_id, found)
    write_text(args.out, json.dumps(results))
    seen = [dataset.image_info[i]["id"] for i in image_ids]
    scores = {
        kind: evaluate_coco(dataset.coco.dataset, results, kind, image_ids=seen)
        for kind in ("bbox", "segm")
    }
    for kind, numbers in scores.items():
        print(
            f"{kind}, {len(seen)} photos:  "
            + "  ".join(f"{n} {value:.3f}" for n, value in numbers.items() if n != "per_category")
        )
    print(f"Written: {args.out}")
    return scores


def coco_results(dataset, image_id, found):
    """What `detect` found on one photo, as COCO's result dicts."""
    boxes, info = found["rois"].astype(float), dataset.image_info[image_id]
    boxes_xywh = np.stack(
        [boxes[:, 1], boxes[:, 0], boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]], axis=-1
    )
    codes = coco_mask.encode(np.asfortranarray(found["masks"].astype(np.uint8)))
    return [
        {
            "image_id": info["id"],
            "category_id": dataset.get_source_class_id(class_id, "coco"),
            "score": float(score),
            "bbox": box.tolist(),
            "segmentation": {"size": code["size"], "counts": code["counts"].decode()},
        }
        for class_id, score, box, code in zip(
            found["class_ids"], found["scores"], boxes_xywh, codes, strict=True
        )
    ]


def main(argv=None):
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
