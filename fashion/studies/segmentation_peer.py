"""A Mask R-CNN beside the networks of the segmentation study.

It is scored on the same images, canvases and objects, and timed in turn with them.
"""

import functools
import itertools
import math
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from fashion.datasets.holding_out import noted_split
from fashion.datasets.splits import load_as_trained
from fashion.evaluation.io.results import coco_results
from fashion.evaluation.io.resumable import predict_resumable
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.labels.ontology import Ontology
from fashion.model import FashionModel, checkpoint_in, load_model
from fashion.semantic.label_maps import paint, placement_of
from fashion.semantic.networks import NETWORKS, build_network
from fashion.semantic.segmenter import Segmenter, instances_of
from fashion.studies.segmentation import Variant
from fashion.studies.segmentation_runs import Data, folder_of
from mrcnn.config import Config
from mrcnn.data.loading.load_example import masks_on_canvas
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.data.resize import normalise
from mrcnn.evaluation.semantic_iou import confusion, pixel_scores
from mrcnn.files import digest_of
from mrcnn.modeling.devices import use_xla
from mrcnn.typing import Array
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import load_weights

MIN_SCORE = 0.05  # least score of detections that count for AP
PAINTED = 0.5  # least score of detections that are painted into label maps
TIMED = 8  # different images that the models are timed on
ROUNDS = 5  # how often each model sees them

# Finds all objects in images, given their internal ids.
Model = Callable[[Sequence[Array], Sequence[int]], object]


def check_beside(args: Namespace, data: Data) -> None:
    """Checks that the Mask R-CNN of --beside can be compared.

    Args:
        args: Arguments of `segment`.
        data: Data of all runs.

    Raises:
        ValueError: It has other categories than the data, or was trained on validation images.
    """
    checkpoint, dataset = checkpoint_in(args.beside), data.validation
    metadata = read_metadata(checkpoint)
    try:
        labels: Any = metadata.get("ontology")
        names = Ontology.from_dict(labels).category_names
    except ValueError:  # a file of another program, or a damaged one
        names = ()
    if names != dataset.ontology.category_names:
        raise ValueError(
            f"{checkpoint} knows other categories ({len(names)}) than the data "
            f"({len(dataset.ontology.category_names)}). Give --beside a model that was trained on "
            "these data."
        )
    train, _ = load_as_trained(
        data.files, dataset.ontology, noted_split(checkpoint, metadata), skip_bad=args.skip_bad
    )
    names_of_validation = {info["id"] for info in dataset.image_info}
    seen = names_of_validation.intersection(info["id"] for info in train.image_info)
    if seen:
        raise ValueError(
            f"{checkpoint} was trained on {len(seen)} of the {len(dataset.image_info)} photos that "
            f"are validated on, for example {min(seen)}. Give --beside a model that held out the "
            "same photos."
        )


def scored_beside(args: Namespace, data: Data, variants: Sequence[Variant]) -> dict[str, Any]:
    """Scores and times a Mask R-CNN, and times networks of the study in turn with it.

    Args:
        args: Arguments of `segment`; `beside` is its run folder or file.
        data: Data of all runs.
        variants: Trained networks.

    Returns:
        "name"; "mask_ap", COCO's; "validation", pixel scores on canvases of each size; "seconds"
        of an image; "seconds_of", those of each network.
    """
    checkpoint = checkpoint_in(args.beside)
    model = load_model(checkpoint, DETECTION_MIN_CONFIDENCE=MIN_SCORE)
    rows, journal = predict_resumable(
        model,
        data.validation,
        coco_results,
        {"weights": digest_of(checkpoint)},
        args.out / "beside.partial",
    )
    assert journal is not None  # a path was given
    journal.close()
    sizes = sorted({variant.size for variant in variants})
    with tqdm(total=ROUNDS * (1 + len(variants)), desc="timing", unit="round") as bar:
        together = math.lcm(args.batch, model.config.BATCH_SIZE)
        models = [detecting(model), *(segmenting(args, data, variant) for variant in variants)]
        seconds, *others = seconds_of(models, data.validation, together, bar)
    return {
        "name": f"Mask R-CNN ({checkpoint.parent.name}/{checkpoint.name})",
        "seconds": seconds,
        "mask_ap": evaluate_coco_ap(data.ground_truth, list(itertools.chain(*rows))),
        "validation": {size: painted_scores(data, rows, size) for size in sizes},
        "seconds_of": dict(zip(variants, others, strict=True)),
    }


def painted_scores(
    data: Data, rows: Sequence[Sequence[Mapping[str, Any]]], size: int
) -> dict[str, Any]:
    """Computes the pixel scores of detections, painted by the rule of `label_maps`.

    Args:
        data: Data of all runs.
        rows: COCO results of each validation image.
        size: Side of the canvases in pixels.

    Returns:
        See `pixel_scores`.
    """
    ontology, dataset = data.validation.ontology, data.validation
    counts = np.zeros((ontology.num_classes,) * 2, np.int64)
    for place, (image_id, of_image) in enumerate(zip(dataset.image_ids, rows, strict=True)):
        confident = [row for row in of_image if row["score"] >= PAINTED]
        confident.sort(key=lambda row: row["score"])  # of equal areas the best is painted last
        placement = placement_of(dataset, image_id, size)
        masks = RLEMasks.from_coco(
            [row["segmentation"] for row in confident], placement.original_hw
        )
        class_ids = np.array([ontology.class_id_of(row["category_id"]) for row in confident], int)
        predicted = paint(*masks_on_canvas(placement, masks), class_ids, placement.window)
        labels = data.canvases(size)[1][place][1]
        counts += confusion(labels, predicted, ontology.num_classes)
    return pixel_scores(counts, data.labels["categories"])


def seconds_of(models: Sequence[Model], dataset: Any, together: int, bar: tqdm) -> list[float]:
    """Times models in turn on the same images.

    Args:
        models: The models.
        dataset: Data set of the images.
        together: Number of images that fills the batches of every model. They see a multiple of
            it, `TIMED` different ones repeatedly.
        bar: Moves with each round of a model.

    Returns:
        Seconds for an image, the median of `ROUNDS` rounds, by model.
    """
    chosen = np.unique(np.linspace(0, len(dataset.image_ids) - 1, TIMED).astype(int))
    ids = [int(dataset.image_ids[i]) for i in chosen]
    images = [dataset.load_image(image_id) for image_id in ids]
    count = -(-TIMED // together) * together
    ids = [ids[i % len(chosen)] for i in range(count)]
    images = [images[i % len(chosen)] for i in range(count)]
    taken = np.zeros((ROUNDS + 1, len(models)))
    for round_index in range(ROUNDS + 1):  # the first one compiles, and does not count
        for i, model in enumerate(models):
            start = time.perf_counter()
            model(images, ids)
            taken[round_index, i] = time.perf_counter() - start
            bar.update(round_index > 0)
    return (np.median(taken[1:], axis=0) / count).tolist()


def detecting(model: FashionModel) -> Model:
    """Makes a Mask R-CNN ready to be timed, from images to run lengths.

    Args:
        model: Trained model.

    Returns:
        For `seconds_of`.
    """

    def detect(images, ids):
        for image_id, result in zip(ids, model.stream(images), strict=True):
            coco_results(result, image_id, model.ontology)

    return detect


def segmenting(args: Namespace, data: Data, variant: Variant) -> Model:
    """Makes a network of the study ready to be timed, from images to run lengths of objects.

    Args:
        args: Arguments of `segment`.
        data: Data of all runs.
        variant: Trained network.

    Returns:
        For `seconds_of`.
    """
    num_classes = data.validation.num_classes
    network = build_network(variant.network, variant.size, num_classes, args.width)
    load_weights(network, folder_of(args.out, variant, 1) / "weights.h5")
    segmenter, pixels = Segmenter(network, use_xla(Config())), NETWORKS[variant.network].pixels
    place_of = functools.partial(placement_of, data.validation, size=variant.size)

    def segment(images, ids):
        for start in range(0, len(ids), args.batch):
            placements = [place_of(image_id) for image_id in ids[start : start + args.batch]]
            canvases = np.zeros((args.batch, variant.size, variant.size, 3), np.uint8)
            for canvas, image, placement in zip(canvases, images[start:], placements):
                canvas[:] = placement.image(image)
            labels, probabilities = segmenter(normalise(canvases, *map(np.float32, pixels)))
            for one, probability, placement in zip(labels, probabilities, placements):
                instances_of(one, probability, placement)

    return segment
