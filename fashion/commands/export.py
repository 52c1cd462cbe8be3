"""Body of `export`: writes each format, checked, and prints what was compared."""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fashion.classify.garments.rescorer import load_rescorer, pixels_of, probability_outputs
from fashion.cli.data import open_files
from fashion.cli.evaluation_input import labels_of_data, open_split
from fashion.cli.locks import working_in
from fashion.cli.options import model_settings
from fashion.datasets.holding_out import noted_split
from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.evaluation.io.results import predict_dataset
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.scoring import compute_metrics
from fashion.formats.model_files import checkpoint_in, shipped_models
from fashion.labels.ontology import Ontology
from fashion.model import FashionModel, load_model
from fashion.results import TrainedModel, settings_beside
from fashion.semantic.networks import NETWORKS, build_network
from fashion.semantic.segmenter import label_outputs
from mrcnn.data.image_io import read_image
from mrcnn.data.resize import make_placement
from mrcnn.export import ScoreCheck, export, export_network
from mrcnn.files import digest_of
from mrcnn.inference.batching import BatchPredictor
from mrcnn.typing import Array
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import load_weights

SUFFIXES = {"savedmodel": ".savedmodel", "onnx": ".onnx", "litert": ".tflite"}
SHIPPED_LICENCE = "MIT; trained on Apache-2.0 data"


def run(args: argparse.Namespace) -> list[Path]:
    """Exports as the arguments ask.

    Args:
        args: Result of `fashion.export.parse`.

    Returns:
        The files, and the folders of SavedModels.

    Raises:
        ExportCheckFailed: A file computes something else; it was not kept.
    """
    checkpoint = checkpoint_in(args.weights)
    metadata = read_metadata(checkpoint)
    with working_in(args.out, "export"):
        if "rescorer" in metadata:
            return _export_classifier(args, checkpoint)
        if "network" in metadata and "width" in metadata:
            return _export_semantic(args, checkpoint, metadata)
        return _export_detector(args, checkpoint, metadata)


def _export_detector(
    args: argparse.Namespace, checkpoint: Path, metadata: Mapping[str, Any]
) -> list[Path]:
    model = load_model(checkpoint, **model_settings(args))
    about = model.metadata()
    about = {
        **_about(args, checkpoint),
        "labels": about["ontology"],
        **{key: about[key] for key in ("attribute_counts",) if key in about},
        **{key: metadata[key] for key in ("split",) if metadata.get(key) is not None},
        "settings_beside": settings_beside(checkpoint),
    }
    dataset = None if args.files and args.precision == "fp32" else _dataset(args, model, metadata)
    score = None
    if args.precision != "fp32":
        score = ScoreCheck(_mask_ap(model, dataset), "mask AP", args.max_loss)
    written = []
    for to in args.formats:
        path = args.out / f"{_stem(args, checkpoint)}{SUFFIXES[to]}"
        found = export(
            model.detector,
            path,
            model.config,
            images=_images(args, dataset) if score is None else (),
            score=score,
            image_hw=args.imgsz,
            batch=args.batch,
            max_detections=args.max_detections,
            min_score=args.conf,
            precision=args.precision,
            calibration=map(_read, args.calibration),
            embeddings=args.embeddings,
            about=about,
        )
        _print(path, found)
        written.append(path)
    print(f"next: fashion predict --weights {written[-1]} --images PHOTO")
    return written


def _export_classifier(args: argparse.Namespace, checkpoint: Path) -> list[Path]:
    rescorer = load_rescorer(checkpoint, None)
    mean, std = pixels_of(rescorer.backbone)
    about = _about(args, checkpoint) | {"labels": rescorer.ontology.to_dict()}
    return _export_plain(
        args,
        checkpoint,
        rescorer.network,
        (rescorer.size, rescorer.size),
        outputs=probability_outputs,
        task="classification",
        mean=mean,
        std=std,
        about=about,
    )


def _export_semantic(
    args: argparse.Namespace, checkpoint: Path, metadata: Mapping[str, Any]
) -> list[Path]:
    try:
        network, size = NETWORKS[metadata["network"]], int(metadata["size"])
        classes = 1 + len(metadata["categories"])
        model = build_network(metadata["network"], size, classes, int(metadata["width"]))
    except (LookupError, TypeError) as error:
        raise ValueError(
            f"{checkpoint} is damaged: the description of its network is invalid."
        ) from error
    load_weights(model, checkpoint)
    mean, std = network.pixels
    return _export_plain(
        args,
        checkpoint,
        model,
        (size, size),
        outputs=label_outputs,
        task="semantic",
        mean=mean,
        std=std,
        about=_about(args, checkpoint) | {"labels": {"categories": metadata["categories"]}},
    )


def _export_plain(args, checkpoint, model, image_hw, **how) -> list[Path]:
    """A network from images to logits, in each format."""
    if args.precision != "fp32":
        raise ValueError("Classifiers and networks for semantic segmentation are of fp32.")
    images: Iterable[Array] = map(_read, args.files or [])
    if args.files is None:
        dataset = open_split(
            open_files(args.data, None, args.val), args.split, Ontology.official(2020), True
        )
        ids = dataset.image_ids[: args.checked]
        images = (dataset.load_image(int(i)) for i in ids)
    canvases = []
    for image in images:
        placement = make_placement(image.shape[:2], image_hw, "square")
        canvases.append(placement.image(image))
    written = []
    for to in args.formats:
        path = args.out / f"{_stem(args, checkpoint)}{SUFFIXES[to]}"
        found = export_network(
            model, path, images=canvases, image_hw=image_hw, batch=args.batch, **how
        )
        _print(path, found)
        written.append(path)
    return written


def _about(args: argparse.Namespace, checkpoint: Path) -> dict[str, Any]:
    shipped = [model.resolve() for model in shipped_models().values()]
    is_shipped = checkpoint.resolve() in shipped
    licence = args.license or (SHIPPED_LICENCE if is_shipped else "not stated")
    return {"source": digest_of(checkpoint), "license": licence}


def _stem(args: argparse.Namespace, checkpoint: Path) -> str:
    """Name of a file: that of the checkpoint, or of its run."""
    stem = checkpoint.stem
    if stem in ("best", "last"):
        stem = checkpoint.resolve().parent.name
    return stem if args.precision == "fp32" else f"{stem}-{args.precision}"


def _dataset(
    args: argparse.Namespace, model: FashionModel, metadata: Mapping[str, Any]
) -> IMaterialistDataset:
    files = open_files(args.data, None, args.val)
    noted = noted_split(checkpoint_in(args.weights), metadata)
    labels = labels_of_data(files, args.split, model.ontology, False)
    dataset = open_split(files, args.split, labels, args.skip_bad, noted)
    if args.limit:
        dataset = dataset.subset([info["id"] for info in dataset.image_info[: args.limit]])
    return dataset


def _images(args: argparse.Namespace, dataset: IMaterialistDataset | None) -> Iterator[Array]:
    """Images that a file is checked with."""
    if dataset is None:
        yield from map(_read, args.files)
        return
    for image_id in dataset.image_ids[: args.checked]:
        yield dataset.load_image(int(image_id))


def _read(path: Path) -> Array:
    return np.asarray(read_image(path, upright=True))


def _mask_ap(model: FashionModel, dataset: IMaterialistDataset | None):
    """Makes the function that scores a predictor on a data set."""
    assert dataset is not None
    ground_truth = dataset.to_coco()

    def score(predictor: BatchPredictor) -> float:
        labelled = TrainedModel(predictor, model.config, model.ontology, model.counts)
        detections = predict_dataset(labelled, dataset, dataset.image_ids)
        return float(
            compute_metrics(Inputs(ground_truth, detections), {"coco"})["coco"]["segm"]["AP"]
        )

    return score


def _print(path: Path, metadata: Mapping[str, Any]) -> None:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size, check = sum(file.stat().st_size for file in files), metadata["check"]
    print(f"{path}: {size / 1e6:.1f} MB, {metadata['format']}, {metadata['precision']}")
    if "score" in check:
        print(f"  {check['score']}: {check['keras']:.4f} in Keras, {check['exported']:.4f} in it")
        return
    of = f"{check['rows']} detections in " if "rows" in check else ""
    print(f"  compared: {of}{check.get('images', check.get('batches'))} images; at most apart:")
    for name, value in check["worst"].items():
        print(f"    {name:20}{value:10.2g}")
    if check.get("reordered"):
        print(f"    {check['reordered']} detections with equal scores are in another order")
