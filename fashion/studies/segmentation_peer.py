"""A Mask R-CNN beside the networks of `segment`: scored on the same photos, canvases and objects, and timed in turn with them."""

import functools
import itertools
import math
import time

import numpy as np
from tqdm import tqdm

from fashion.datasets.holding_out import noted_split
from fashion.datasets.splits import load_as_trained
from fashion.evaluation.io.results import coco_results
from fashion.evaluation.io.resumable import predict_resumable
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.labels.ontology import Ontology
from fashion.model import checkpoint_in, load_model
from fashion.semantic.label_maps import paint, placement_of
from fashion.semantic.networks import NETWORKS, build_network
from fashion.semantic.segmenter import Segmenter, instances_of
from fashion.studies.segmentation_runs import folder_of
from mrcnn.config import Config
from mrcnn.data.loading.load_example import masks_on_canvas
from mrcnn.data.masks.rle import RLEMasks
from mrcnn.data.resize import normalise
from mrcnn.evaluation.semantic_iou import confusion, pixel_scores
from mrcnn.modeling.devices import use_xla
from mrcnn.weights.layer_files import load_weights, read_metadata

MIN_SCORE, PAINTED = (
    0.05,
    0.5,
)  # of detections that count for AP, and of those that are painted into label maps
TIMED, ROUNDS = 8, 5  # different photos, and how often each model sees them


def check_beside(args, data):
    """Raises ValueError if the Mask R-CNN of --beside knows other categories than the data, or was trained on validation photos."""
    checkpoint, dataset = checkpoint_in(args.beside), data.validation
    metadata = read_metadata(checkpoint)
    try:
        names = Ontology.from_dict(metadata.get("ontology")).category_names
    except ValueError:  # somebody else's file, or a damaged one
        names = ()
    if names != dataset.ontology.category_names:
        raise ValueError(
            f"{checkpoint} knows other categories ({len(names)}) than the data ({len(dataset.ontology.category_names)}). Give "
            "--beside a model that was trained on these data."
        )
    learned, _ = load_as_trained(
        data.files, dataset.ontology, noted_split(checkpoint, metadata), skip_bad=args.skip_bad
    )
    seen = {info["id"] for info in learned.image_info}.intersection(
        info["id"] for info in dataset.image_info
    )
    if seen:
        raise ValueError(
            f"{checkpoint} was trained on {len(seen)} of the {len(dataset.image_info)} photos that are validated on, "
            f"for example {min(seen)}. Give --beside a model that held out the same photos."
        )


def scored_beside(args, data, variants):
    """What the page says of a Mask R-CNN and of some of the networks beside it.

    args: with `beside`, its run folder or file; data: `segment_runs.Data`; variants: trained Variants
    Returns: {"name", "mask_ap": of `evaluate_coco_ap`, "validation": {size: pixel scores on canvases of that size}, "seconds": of a photo,
    "seconds_of": {Variant: likewise}}.
    """
    checkpoint = checkpoint_in(args.beside)
    model = load_model(checkpoint, DETECTION_MIN_CONFIDENCE=MIN_SCORE)
    rows, journal = predict_resumable(
        model,
        data.validation,
        coco_results,
        {"weights": str(checkpoint)},
        args.out / "beside.partial",
    )
    journal.close()
    sizes = sorted({variant.size for variant in variants})
    with tqdm(total=ROUNDS * (1 + len(variants)), desc="timing", unit="round") as bar:
        together = math.lcm(args.batch, model.config.BATCH_SIZE)
        models = [detecting(model), *(segmenting(args, data, variant) for variant in variants)]
        seconds, *others = seconds_of(models, data.validation, together, bar)
    return {
        "name": f"Mask R-CNN ({checkpoint.parent.name}/{checkpoint.name})",
        "seconds": seconds,
        "mask_ap": evaluate_coco_ap(data.truth, list(itertools.chain(*rows))),
        "validation": {size: painted_scores(data, rows, size) for size in sizes},
        "seconds_of": dict(zip(variants, others, strict=True)),
    }


def painted_scores(data, rows, size):
    """`pixel_scores` of detections, painted on canvases of `size` by the rule of `label_maps`. rows: COCO results of each photo"""
    ontology, dataset = data.validation.ontology, data.validation
    counts = np.zeros((ontology.num_classes,) * 2, np.int64)
    for place, (image_id, of_photo) in enumerate(zip(dataset.image_ids, rows, strict=True)):
        sure = sorted(
            (row for row in of_photo if row["score"] >= PAINTED), key=lambda row: row["score"]
        )
        placement = placement_of(dataset, image_id, size)
        masks = RLEMasks.from_coco([row["segmentation"] for row in sure], placement.original_hw)
        class_ids = [ontology.class_id_of(row["category_id"]) for row in sure]
        said = paint(*masks_on_canvas(placement, masks), class_ids, placement.window)
        counts += confusion(data.canvases(size)[1][place][1], said, ontology.num_classes)
    return pixel_scores(counts, data.labels["categories"])


def seconds_of(models, dataset, together, bar):
    """Seconds a photo of each of `models`, callables (photos, their image ids) that find all objects: medians of ROUNDS, in turn.

    together: a number of photos that fills the batches of every model; they see a multiple of it, TIMED different ones over and over
    """
    chosen = np.unique(np.linspace(0, len(dataset.image_ids) - 1, TIMED).astype(int))
    ids = [int(dataset.image_ids[i]) for i in chosen]
    photos = [dataset.load_image(image_id) for image_id in ids]
    count = -(-TIMED // together) * together
    ids, photos = ([column[i % len(column)] for i in range(count)] for column in (ids, photos))
    taken = np.zeros((ROUNDS + 1, len(models)))
    for round_index, (i, model) in itertools.product(
        range(ROUNDS + 1), enumerate(models)
    ):  # the first compiles
        start = time.perf_counter()
        model(photos, ids)
        taken[round_index, i] = time.perf_counter() - start
        bar.update(round_index > 0)
    return (np.median(taken[1:], axis=0) / count).tolist()


def detecting(model):
    """A Mask R-CNN for `seconds_of`: from photos to run lengths."""
    return lambda photos, ids: [
        coco_results(result, i, model.ontology)
        for i, result in zip(ids, model.stream(photos), strict=True)
    ]


def segmenting(args, data, variant):
    """A trained network of the study likewise: from photos to label maps, to the run lengths of their objects."""
    num_classes = data.validation.num_classes
    network = build_network(variant.network, variant.size, num_classes, args.width)
    load_weights(network, folder_of(args.out, variant, 1) / "weights.h5")
    segmenter, pixels = Segmenter(network, use_xla(Config())), NETWORKS[variant.network].pixels
    place_of = functools.partial(placement_of, data.validation, size=variant.size)

    def find(photos, ids):
        for start in range(0, len(ids), args.batch):
            placements = [place_of(image_id) for image_id in ids[start : start + args.batch]]
            images = np.zeros((args.batch, variant.size, variant.size, 3), np.uint8)
            for image, photo, placement in zip(images, photos[start:], placements):
                image[:] = placement.image(photo)
            for labels, probabilities, placement in zip(
                *segmenter(normalise(images, *map(np.float32, pixels))), placements
            ):
                instances_of(labels, probabilities, placement)

    return find
