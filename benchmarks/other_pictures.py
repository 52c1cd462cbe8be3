"""How well a model of street photos does on other pictures: false positives, and product shots.

    python benchmarks/other_pictures.py --data CCP [--weights weights/ccp.h5] [--confidence 0.5]

The pictures are listed in benchmarks/other_pictures.json:

* sample: photos of scikit-image without a garment (its package must be installed);
* background: parts of validation photos without an object, as large as the photo;
* upper, closeup: the upper half of the clothed part of a photo, and the surroundings of a garment;
* turned: whole photos on their side or upside down;
* product: single garments, cut out by their masks, on plain grounds at three sizes. FashionFail
  (Velioglu et al. 2024, arXiv:2404.08582) shows that detectors of worn clothes fail on these.

A false positive is a prediction of at least the confidence that matches no object of its category
with mask IoU 0.5. --make-list draws a new list from val.csv.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from PIL import Image
from pycocotools import mask as coco_mask

from fashion.cli.evaluation_input import open_split
from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.evaluation.io.results import coco_results
from fashion.evaluation.metrics.calibration import right_predictions
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.scoring import compute_metrics
from fashion.model import FashionModel, load_model
from mrcnn.data.augmentation.cut_outs import on_plain_ground
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.files import write_text
from mrcnn.typing import Array

LIST = Path(__file__).with_name("other_pictures.json")
SAMPLES = (
    *("brick.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png", "grass.png"),
    *("gravel.png", "horse.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png"),
    *("page.png", "retina.jpg", "rocket.jpg"),
)
NUMBERS = {"background": 20, "upper": 20, "closeup": 20, "turned": 12, "product": 30}
PRODUCT_HW = 600, 400
PRODUCT_SHARES = (0.25, 0.5, 0.9)  # of the picture that the longer side of a garment takes
GROUNDS = ([255, 255, 255], [236, 236, 238], [205, 214, 224])
# Their backgrounds show the clothes of others, which are not annotated.
BYSTANDERS = ("ccp_0970", "ccp_0356", "ccp_0879")
LEAST_SCORE = 0.01  # of the predictions that AP ranks, as in `fashion evaluate`
LEAST_VISIBLE = 0.1  # share of an object that a crop must show
LEAST_AREA = 0.01  # of the photo, for closeups and products


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture and what is on it.

    Attributes:
        kind: See the description of this file.
        image: `(h, w, 3)` uint8.
        masks: N objects.
        class_ids: `(N,)` int.
    """

    kind: str
    image: Array
    masks: CroppedMasks
    class_ids: Array


def main(argv: Sequence[str] | None = None) -> dict[str, dict]:
    """Measures and prints.

    Args:
        argv: Command line; that of the process by default.

    Returns:
        {kind: numbers}.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks/other_pictures.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, help="the photos of ccp, with val.csv")
    parser.add_argument("--weights", default="street-small")
    parser.add_argument("--confidence", type=float, help="default: that of the model")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="JSON file of the numbers")
    parser.add_argument("--pictures", type=Path, help="folder to draw the pictures into, and stop")
    parser.add_argument("--make-list", action="store_true", help="draw a new list, and stop")
    args = parser.parse_args(argv)
    settings: dict[str, Any] = {"DETECTION_MIN_CONFIDENCE": LEAST_SCORE}
    settings |= {key: json.loads(value) for key, value in (s.split("=", 1) for s in args.set)}
    model = load_model(args.weights, **settings)
    if args.confidence is None:
        args.confidence = model.config.CONFIDENCE_THRESHOLD
    dataset = open_split(find_data(args.data), "val.csv", model.ontology, skip_bad=False)
    if args.make_list:
        rows = drawn_list(dataset)
        write_text(LIST, "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
        return {}
    rows = json.loads(LIST.read_text(encoding="utf-8"))
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
        for i, picture in enumerate(pictures(rows, dataset)):
            Image.fromarray(picture.image).save(args.pictures / f"{i:03}_{picture.kind}.jpg")
        return {}
    numbers = measured(model, list(pictures(rows, dataset)), args.confidence)
    print(f"{'':12}{'pictures':>9}{'objects':>9}{'false positives':>17}{'recall':>8}{'AP':>7}")
    for kind, row in numbers.items():
        print(
            f"{kind:12}{row['pictures']:9}{row['objects']:9}{row['false_positives']:17.2f}"
            f"{row['recall']:8.3f}{row['ap']:7.3f}   (a picture; at {args.confidence})"
        )
    if args.out:
        write_text(args.out, json.dumps(numbers, indent=2) + "\n")
    return numbers


def measured(
    model: FashionModel, everything: Sequence[Picture], confidence: float
) -> dict[str, dict]:
    """Scores a model on pictures.

    Args:
        model: The model.
        everything: Pictures of any kinds.
        confidence: Least score of the predictions that count, except in AP.

    Returns:
        {kind, or "all" for all but products: {"pictures", "objects", "false_positives" and
        "duplicates" for each picture, "recall", "ap", "ap50"}}; -1 where there are no objects.
    """
    truth: dict[str, Any] = {"images": [], "annotations": [], **model.ontology.to_coco()}
    detections: list[dict] = []
    for i, result in enumerate(model.stream(picture.image for picture in everything)):
        detections += coco_results(result, i, model.ontology)
    for i, picture in enumerate(everything):
        height, width = picture.image.shape[:2]
        truth["images"].append({"id": i, "height": height, "width": width})
        for mask, class_id in zip(picture.masks.dense().transpose(2, 0, 1), picture.class_ids):
            row = {
                "id": len(truth["annotations"]) + 1,
                "image_id": i,
                "category_id": model.ontology.category_id_of(int(class_id)),
                "segmentation": coco_mask.encode(np.asfortranarray(mask, np.uint8)),
                "area": int(mask.sum()),
                "iscrowd": 0,
                "attribute_ids": [],
            }
            truth["annotations"].append(row)
    kinds: dict[str, list[int]] = {}
    for i, picture in enumerate(everything):
        kinds.setdefault(picture.kind, []).append(i)
    groups = {"all": [i for kind, own in kinds.items() for i in own if kind != "product"]}
    return {
        kind: _numbers(truth, detections, set(own), confidence)
        for kind, own in (groups | kinds).items()
    }


def _numbers(truth, detections, images, confidence):
    some = dict(truth)
    some["images"] = [row for row in truth["images"] if row["id"] in images]
    some["annotations"] = [row for row in truth["annotations"] if row["image_id"] in images]
    own = [row for row in detections if row["image_id"] in images]
    inputs = Inputs(some, own, score_threshold=confidence)
    table = inputs.confident_masks
    right, objects = right_predictions(table), len(table.gt_category)
    scores = compute_metrics(inputs, {"coco", "duplicates"})
    return {
        "pictures": len(images),
        "objects": objects,
        "false_positives": float((~right).sum() / max(len(images), 1)),
        "duplicates": scores["duplicates"]["per_image"],
        "recall": float(right.sum() / objects) if objects else -1.0,
        "ap": scores["coco"]["segm"]["AP"],
        "ap50": scores["coco"]["segm"]["AP50"],
    }


# ---- the pictures --------------------------------------------------------------------------------


def pictures(rows: Sequence[dict], dataset: IMaterialistDataset) -> Iterator[Picture]:
    """Makes the pictures of a list.

    Args:
        rows: Of benchmarks/other_pictures.json.
        dataset: The validation photos.

    Yields:
        A picture for each row.
    """
    ids = {info["id"]: i for i, info in enumerate(dataset.image_info)}
    folder = Path(skimage.__file__).parent / "data"
    for row in rows:
        if row["kind"] == "sample":
            image = np.asarray(Image.open(folder / row["file"]).convert("RGB"))
            none = CroppedMasks([], [], image.shape[:2])
            yield Picture("sample", image, none, np.zeros(0, int))
            continue
        image_id = ids[row["photo"]]
        image = dataset.load_image(image_id)
        masks, class_ids = dataset.load_mask(image_id)
        if row["kind"] == "product":
            yield _product(image, masks, class_ids, row)
        else:
            yield _crop(image, masks, class_ids, row)


def _product(image, masks, class_ids, row):
    mask = CroppedMasks.from_dense(masks[:, :, [row["object"]]])
    y1, x1, y2, x2 = mask.boxes[0].tolist()
    height, width = PRODUCT_HW
    scale = row["share"] * min(height / (y2 - y1), width / (x2 - x1))
    corner = (int((height - scale * (y2 - y1)) / 2), int((width - scale * (x2 - x1)) / 2))
    picture, moved = on_plain_ground(
        image, mask, PRODUCT_HW, scale=scale, corner=corner, ground=np.array(row["ground"])
    )
    return Picture("product", picture, moved, class_ids[[row["object"]]])


def _crop(image, masks, class_ids, row):
    y1, x1, y2, x2 = row["window"]
    part = masks[y1:y2, x1:x2]
    visible = part.sum(axis=(0, 1)) >= LEAST_VISIBLE * np.maximum(masks.sum(axis=(0, 1)), 1)
    turned = np.ascontiguousarray(np.rot90(image[y1:y2, x1:x2], row["turns"]))
    kept = CroppedMasks.from_dense(np.rot90(part[:, :, visible], row["turns"]))
    if row["kind"] == "background":  # the network sees it as large as a photo
        height, width = image.shape[:2]
        turned = np.asarray(Image.fromarray(turned).resize((width, height)))
        kept = CroppedMasks([], [], (height, width))
    return Picture(row["kind"], turned, kept, class_ids[visible])


# ---- the list ------------------------------------------------------------------------------------


def drawn_list(dataset: IMaterialistDataset, seed: int = 0) -> list[dict]:
    """Draws a list of pictures.

    Args:
        dataset: The validation photos.
        seed: Of the choices.

    Returns:
        Rows for benchmarks/other_pictures.json.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict] = [{"kind": "sample", "file": file} for file in SAMPLES]
    for kind, number in NUMBERS.items():
        found = 0
        for image_id in rng.permutation(dataset.image_ids).tolist():
            if found == number:
                break
            masks, _ = dataset.load_mask(image_id)
            row = {"kind": kind, "photo": dataset.image_info[image_id]["id"]}
            chosen = _chosen(kind, masks, rng)
            if chosen:
                found += 1
                rows += [row | more for more in chosen]
    return [row for row in rows if row["kind"] != "background" or row["photo"] not in BYSTANDERS]


def _chosen(kind: str, masks: Array, rng: np.random.Generator) -> list[dict]:
    """The rest of the rows of one photo; none if it has no such picture."""
    height, width, _ = masks.shape
    large = np.flatnonzero(masks.sum(axis=(0, 1)) >= LEAST_AREA * height * width)
    if kind == "turned":
        return [{"window": [0, 0, height, width], "turns": int(rng.integers(1, 4))}]
    if kind == "background":
        return _empty_window(masks.any(axis=2), rng)
    if not len(large):
        return []
    one = int(rng.choice(large))
    if kind == "product":
        ground = GROUNDS[int(rng.integers(len(GROUNDS)))]
        return [{"object": one, "share": share, "ground": ground} for share in PRODUCT_SHARES]
    if kind == "upper":
        lines = np.flatnonzero(masks.any(axis=(1, 2)))
        return [{"window": [0, 0, int(lines.mean()), width], "turns": 0}]
    y1, x1, y2, x2 = CroppedMasks.from_dense(masks[:, :, [one]]).boxes[0]
    margin_y, margin_x = 0.15 * (y2 - y1), 0.15 * (x2 - x1)
    window = [max(y1 - margin_y, 0), max(x1 - margin_x, 0), y2 + margin_y, x2 + margin_x]
    window = [int(min(edge, most)) for edge, most in zip(window, (height, width, height, width))]
    return [{"window": window, "turns": 0}]


def _empty_window(occupied, rng):
    height, width = occupied.shape
    for _ in range(50):
        side = rng.uniform(0.2, 0.45)
        h, w = int(side * height), int(side * width)
        y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        if not occupied[y : y + h, x : x + w].any():
            return [{"window": [y, x, y + h, x + w], "turns": 0}]
    return []


if __name__ == "__main__":
    main()
