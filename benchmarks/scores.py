"""How fast stored predictions are scored, against the official evaluators.

    python benchmarks/scores.py [--full]

Generates images with about 7 objects and 30 predictions each and scores them in this process:
COCO's mask AP by pycocotools and by us, Fashionpedia's AP by the official package (on a fifth of
the images, both: --full takes some minutes) and by us, and Kaggle's score of 2020 on ten times as
many images. Times are CPU seconds of one core. Stops if numbers differ, or if a ratio is below the
required one. Writes no file.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

import argparse
import contextlib
import copy
import io
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.category_counts import CATEGORY_COUNTS
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.evaluation.metrics.fashionpedia import evaluate_fashionpedia
from fashion.evaluation.metrics.kaggle import evaluate_2020
from fashion.formats.coco_rle import objects_of_runs
from fashion.labels.ontology import Ontology, official
from mrcnn.evaluation.coco import NUMBERS, evaluate_coco
from mrcnn.typing import Array

IMAGE_HW = 1000, 750
IMAGES = 1000
# Fashionpedia's package scores a fifth of them; Kaggle's score takes ten times as many.
OFFICIAL_SHARE, KAGGLE_MULTIPLE = 5, 10
OBJECTS, PREDICTIONS = 7, 30  # of an image, on average
# Required: ratios of times, and CPU seconds.
LEAST_COCO, LEAST_FASHIONPEDIA, MOST_KAGGLE_SECONDS = 3, 50, 60
TOLERANCE = 1e-12  # of numbers


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, compares and prints.

    Args:
        argv: Command line; that of the process by default.

    Raises:
        SystemExit: If numbers differ, or one is slower than required.
    """
    parser = argparse.ArgumentParser(
        prog="benchmarks/scores.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="Fashionpedia's package on all photos")
    parser.add_argument("--images", type=int, default=IMAGES, help="photos (default: %(default)s)")
    args = parser.parse_args(argv)
    truth, detections = generated(args.images, seed=0)
    height, width = IMAGE_HW
    print(
        f"{args.images:,} photos of {height}x{width}, {len(truth['annotations']):,} objects, "
        f"{len(detections):,} predictions"
    )
    coco = compare_coco(truth, detections)
    print(
        f"COCO, mask AP: {coco:.1f} times as fast as pycocotools, at equal numbers "
        f"(at least {LEAST_COCO} required)"
    )
    few = args.images if args.full else max(1, args.images // OFFICIAL_SHARE)
    fashionpedia = compare_fashionpedia(*first_images(truth, detections, few))
    print(
        f"Fashionpedia, all tables, {few:,} photos: {fashionpedia:.0f} times as fast as the "
        f"official package, at equal numbers (at least {LEAST_FASHIONPEDIA} required)"
    )
    # Fashionpedia's package is slow on the categories that carry attributes. They are 64 % of the
    # objects of 2020, and 39 % where categories are equally frequent, so the ratio depends on it.
    even = compare_fashionpedia(*generated(few, seed=0, counts=(1,) * len(CATEGORY_COUNTS)))
    print(f"  the same, every category equally frequent: {even:.0f} times as fast")
    seconds = time_kaggle(args.images)
    print(
        f"Kaggle 2020, {KAGGLE_MULTIPLE * args.images:,} photos: {seconds:.1f} s of one core "
        f"(at most {MOST_KAGGLE_SECONDS} required)"
    )
    if coco < LEAST_COCO or fashionpedia < LEAST_FASHIONPEDIA or seconds > MOST_KAGGLE_SECONDS:
        raise SystemExit("At least one is slower than required.")


def compare_coco(truth: dict, detections: list[dict]) -> float:
    """Compares numbers and times with pycocotools, reading included.

    Args:
        truth: COCO dict.
        detections: COCO results.

    Returns:
        Time of pycocotools / ours.
    """
    theirs, expected = timed(partial(evaluate_coco, truth, detections), times=2)
    ours, numbers = timed(partial(evaluate_coco_ap, truth, detections), times=5)
    check_equal(_flat(expected), _flat(numbers))
    return theirs / ours


def _flat(numbers: dict) -> dict:
    """COCO's numbers, and those of each category, in one dict."""
    flat: dict = {name: numbers[name] for name in NUMBERS}
    for category_id, row in numbers["per_category"].items():
        flat |= {(category_id, key): row[key] for key in ("AP", "AP50")}
    return flat


def compare_fashionpedia(truth: dict, detections: list[dict]) -> float:
    """Compares numbers and times with the official package, from COCO dicts to the three tables.

    Args:
        truth: COCO dict.
        detections: COCO results.

    Returns:
        Time of the official package / ours.
    """
    np.float = float  # type: ignore[attr-defined]  # the package uses NumPy's old name
    from fashionpedia import fp_eval

    # The package writes into both.
    official_truth, official_detections = copy.deepcopy((truth, detections))

    def evaluate() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            dataset = fp_eval.Fashionpedia()
            dataset.dataset = official_truth
            dataset.createIndex()
            evaluation = fp_eval.FPEval(dataset, dataset.loadRes(official_detections), "segm")
            evaluation.run()
        return evaluation

    theirs, evaluation = timed(evaluate)
    ours, numbers = timed(partial(evaluate_fashionpedia, truth, detections), times=5)
    tables = {"iou_f1": evaluation.results, "iou": evaluation.resultDet, "f1": evaluation.resultF1}
    expected: dict[str, float] = {}
    for table, row in tables.items():
        expected |= {f"{table}/{name}": float(value) for name, value in row.items()}
    check_equal(expected, numbers)
    return theirs / ours


def time_kaggle(images: int) -> float:
    """Measures Kaggle's score of 2020, some images at a time: all do not fit into a small memory.

    Args:
        images: How many at a time.

    Returns:
        CPU seconds of `KAGGLE_MULTIPLE` times as many images.
    """
    seconds = 0.0
    for seed in range(1, 1 + KAGGLE_MULTIPLE):
        case = generated(images, seed)
        seconds += timed(partial(evaluate_2020, *case))[0]
    return seconds


def timed(measure: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """Measures the time of a function.

    Args:
        measure: The function.
        times: How often it is called.

    Returns:
        Mean CPU seconds of a call, and the last result.
    """
    start = time.process_time()
    for _ in range(times):
        result = measure()
    return (time.process_time() - start) / times, result


def check_equal(expected: Mapping[Any, float], numbers: Mapping[Any, float]) -> None:
    """Stops if numbers differ.

    Args:
        expected: {key: number}.
        numbers: The same keys and perhaps more.

    Raises:
        SystemExit: If a number differs by more than `TOLERANCE`.
    """
    wrong = [key for key in expected if not abs(expected[key] - numbers[key]) <= TOLERANCE]
    if wrong:
        key = wrong[0]
        raise SystemExit(
            f"{len(wrong)} of {len(expected)} numbers differ, for example {key} is {numbers[key]}, "
            f"but {expected[key]} was expected."
        )


def first_images(truth: dict, detections: list[dict], number: int) -> tuple[dict, list[dict]]:
    """Keeps the first images.

    Args:
        truth: COCO dict.
        detections: COCO results.
        number: Of images.

    Returns:
        Their ground truth and detections.
    """
    images = truth["images"][:number]
    some = {image["id"] for image in images}
    annotations = [row for row in truth["annotations"] if row["image_id"] in some]
    kept = [row for row in detections if row["image_id"] in some]
    return truth | {"images": images, "annotations": annotations}, kept


def generated(
    images: int, seed: int, counts: Sequence[int] = CATEGORY_COUNTS
) -> tuple[dict, list[dict]]:
    """Generates ground truth and predictions of Fashionpedia's label list.

    A prediction is an object moved and stretched a little, often with its category and some of its
    attributes, or lies anywhere.

    Args:
        images: How many.
        seed: Of the random numbers.
        counts: How often each category occurs, relative to the others.

    Returns:
        COCO dict and COCO results.
    """
    rng = np.random.default_rng(seed)
    ontology = official(2020)
    shapes = _shapes(rng, rng.poisson(OBJECTS, images))
    share = np.array(counts) / sum(counts)
    category = rng.choice(ontology.category_ids, len(shapes), p=share)
    attributes = []
    for category_id in category:
        carries = category_id in ontology.attribute_category_ids
        attributes.append(_attributes(rng, ontology) if carries else ())
    objects = _described(shapes, category, attributes)
    for i, row in enumerate(objects, start=1):
        row |= {"id": i, "iscrowd": 0}
    detections = _predicted(rng, images, shapes, category, objects, share)
    height, width = IMAGE_HW
    listed = [
        {"id": i, "file_name": f"{i}.jpg", "height": height, "width": width} for i in range(images)
    ]
    labels = {
        kind: [{"id": i, "name": name, "supercategory": above} for i, name, above in rows]
        for kind, rows in ontology.to_dict().items()
        if kind in ("categories", "attributes")
    }
    return {"images": listed, "annotations": objects, **labels}, detections


def _predicted(
    rng: np.random.Generator,
    images: int,
    shapes: Array,
    category: Array,
    objects: list[dict],
    share: Array,
) -> list[dict]:
    """COCO results about objects, and others anywhere."""
    category_ids = official(2020).category_ids
    copies = rng.poisson(0.7 * PREDICTIONS / OBJECTS, len(shapes))
    origin = np.repeat(np.arange(len(shapes)), copies)
    moved = shapes[origin]
    moved[:, 1:5] *= rng.normal(1, 0.04, (len(moved), 4))
    moved[:, 5:] = rng.uniform(0, 6.28, (len(moved), 2))
    is_right = rng.random(len(moved)) < 0.85
    wrong = rng.choice(category_ids, len(moved), p=share)
    predicted = np.where(is_right, category[origin], wrong)
    attributes: list[Sequence[int]] = []
    for an_object in origin:
        real = objects[an_object]["attribute_ids"]
        attributes.append([i for i in real if rng.random() < 0.8])
    anywhere = _shapes(rng, rng.poisson(0.3 * PREDICTIONS, images))
    predicted = np.append(predicted, rng.choice(category_ids, len(anywhere), p=share))
    attributes += [()] * len(anywhere)
    detections = _described(np.concatenate([moved, anywhere]), predicted, attributes)
    score = np.append(rng.beta(4, 2, len(moved)), rng.beta(2, 4, len(anywhere)))
    for row, value in zip(detections, score.tolist()):
        row["score"] = value
    return sorted(detections, key=lambda row: row["image_id"])


def _shapes(rng: np.random.Generator, number: Array) -> Array:
    """`(N, 7)`: image, centre x, y, width, height in pixels, two phases of the outline.

    number: `(I,)` of each image.
    """
    n = number.sum()
    height, width = IMAGE_HW
    return np.stack(
        [
            np.repeat(np.arange(len(number)), number),
            rng.uniform(0.2, 0.8, n) * width,
            rng.uniform(0.2, 0.8, n) * height,
            np.exp(rng.uniform(np.log(30), np.log(500), n)),
            np.exp(rng.uniform(np.log(30), np.log(700), n)),
            *rng.uniform(0, 6.28, (2, n)),
        ],
        axis=1,
    )


def _attributes(rng: np.random.Generator, ontology: Ontology) -> list[int]:
    number = rng.integers(0, 6)
    return sorted(rng.choice(ontology.attribute_ids[:60], number, replace=False).tolist())


def _described(
    shapes: Array, category_ids: Array, attribute_ids: Sequence[Sequence[int]]
) -> list[dict]:
    """Ellipses with a wavy outline, as COCO objects.

    Each column has two runs, as a belt or an arm would leave.
    """
    height, width = IMAGE_HW
    image, x, y, w, h, one, two = shapes.T
    first, last = (np.clip(x + side * w / 2, 0, width - 1).astype(int) for side in (-1, 1))
    columns = last - first + 1
    owner = np.repeat(np.arange(len(shapes)), columns)
    column = np.arange(len(owner)) - (np.cumsum(columns) - columns - first)[owner]
    across = np.clip((column + 0.5 - x[owner]) / w[owner] * 2, -1, 1)
    wave = 1 + 0.1 * np.sin(7 * across + one[owner]) + 0.03 * np.sin(40 * across + two[owner])
    half = h[owner] / 2 * np.sqrt(1 - across**2) * wave
    top = np.clip(y[owner] - half, 0, height - 2).astype(int)
    bottom = np.clip(y[owner] + half, 0, height - 1).astype(int)
    bottom = np.maximum(bottom, top + 1)
    middle = (top + bottom) // 2
    parted = bottom - top > 40
    above = column[:, None] * height
    starts = np.stack([top, np.where(parted, middle + 4, bottom)], axis=1) + above
    ends = np.stack([np.where(parted, middle, bottom), bottom], axis=1) + above
    some = (starts < ends).ravel()
    sizes_hw = np.tile(IMAGE_HW, (len(shapes), 1))
    masks = objects_of_runs(
        np.repeat(owner, 2)[some], starts.ravel()[some], ends.ravel()[some], sizes_hw, sizes_hw
    )
    return [
        {"image_id": int(i), "category_id": int(c), **mask, "attribute_ids": list(ids)}
        for i, c, mask, ids in zip(image, category_ids, masks, attribute_ids)
    ]


if __name__ == "__main__":
    main()
