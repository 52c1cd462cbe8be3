"""Metadata of exported files: what their readers need, and the model card for people.

Keys of the JSON object: "format_version"; "task" ("detection", "semantic" or "classification");
"inputs" and "outputs", with shape, dtype and meaning of each; "image_hw", "batch" (null: any),
"max_detections", "min_score"; "pixels": order, mean and std, which the file applies itself;
"scores": what the file has done to the scores; "convention" of boxes and pasted masks; "config",
the settings of preprocessing and thresholds; "labels" and whatever else the caller gives;
"license"; "precision", "opset", "runtime"; "versions" of what wrote the file; "check", what was
compared.
"""

import importlib.metadata
from collections.abc import Mapping
from typing import Any

import keras

from mrcnn.config import Config
from mrcnn.export.files import OPSET
from mrcnn.export.graph import ExportSettings
from mrcnn.inference.exported_files import FORMAT_VERSION
from mrcnn.inference.runtimes import RUNTIMES
from mrcnn.modeling.detector import Detector

__all__ = ["basic_metadata", "detection_metadata", "model_card"]

MEANINGS = {
    "images": "RGB, 0 to 255, laid on a black canvas of image_hw; the file normalizes it",
    "windows": "y1, x1, y2, x2 of the image on the canvas, pixels",
    "boxes": "y1, x1, y2, x2, pixels of the canvas",
    "class_ids": "from 1, in the order of the labels; 0 for rows beyond the count",
    "scores": "final confidence scores, descending",
    "count": "number of rows that hold a detection",
    "mask_probabilities": "probability of each cell of a grid that fills the box",
    "attribute_scores": "probability of each attribute, in the order of the labels",
    "embeddings": "hidden vector of the box head, of length 1",
    "labels": "most probable class of each pixel, 0 is the background",
    "probabilities": "softmax of the logits",
}
_WRITERS = ("keras", "tensorflow", "tf2onnx", "onnx")


def basic_metadata(task: str, to: str, precision: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Collects what the metadata of every file have.

    Args:
        task: "detection", "semantic" or "classification".
        to: Format of the file.
        precision: "fp32", "fp16" or "int8".
        about: What the caller adds, such as "labels" and "license"; JSON-able.

    Returns:
        JSON-able.
    """
    from mrcnn import __version__

    package, versions = RUNTIMES[to]
    found: dict[str, Any] = {"mrcnn": __version__}
    for name in _WRITERS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "format_version": FORMAT_VERSION,
        "task": task,
        "format": to,
        "precision": precision,
        "runtime": f"{package}{versions}",
        **({"opset": OPSET} if to == "onnx" else {}),
        "license": "not stated",
        "versions": found | {"backend": keras.backend.backend()},
        **about,
    }


def detection_metadata(
    detector: Detector, config: Config, settings: ExportSettings
) -> dict[str, Any]:
    """Collects what a reader needs to know of an exported detector.

    Args:
        detector: The detector.
        config: Settings of the export, see `exporting.export_config`.
        settings: What is fixed.

    Returns:
        JSON-able.
    """
    return {
        "image_hw": list(settings.image_hw),
        "batch": settings.batch,
        "max_detections": settings.max_detections,
        "min_score": settings.min_score,
        "pixels": {"order": "RGB", "mean": list(settings.mean), "std": list(settings.std)},
        "scores": {
            "background_logit": config.DETECTION_BACKGROUND_LOGIT,
            "nms_threshold": config.DETECTION_NMS_THRESHOLD,
            "mask_certainty": settings.scores.mask_certainty,
            "other_class": settings.scores.other_class,
            "calibration": settings.scores.calibration,
        },
        "convention": detector.convention.name,
        "config": config.to_dict(),
    }


def described(tensors: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Describes inputs or outputs.

    Args:
        tensors: (shape, dtype) by name.

    Returns:
        "name", "shape", "dtype" and "meaning" of each; JSON-able.
    """
    return [
        {"name": name, "shape": list(shape), "dtype": dtype, "meaning": MEANINGS.get(name, "")}
        for name, (shape, dtype) in tensors.items()
    ]


def model_card(title: str, metadata: Mapping[str, Any], size: int) -> str:
    """Writes the card of a file.

    Args:
        title: Name of the file.
        metadata: Of the file, with its check.
        size: Bytes.

    Returns:
        Markdown.
    """
    rows = {
        "task": metadata["task"],
        "format": f"{metadata['format']}, {metadata['precision']}, {size / 1e6:.1f} MB",
        "runs in": metadata["runtime"],
        "network input": "{} x {} pixels (height x width), batch {}".format(
            *metadata["image_hw"], metadata["batch"] or "of any size"
        ),
        "license": metadata["license"],
        "written by": ", ".join(f"{k} {v}" for k, v in metadata["versions"].items()),
    }
    if "opset" in metadata:
        rows["opset"] = metadata["opset"]
    if "source" in metadata:
        rows["made of"] = metadata["source"]
    lines = [f"# {title}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    for kind in ("inputs", "outputs"):
        lines += [
            "",
            f"## {kind.capitalize()}",
            "",
            "| name | shape | dtype | |",
            "|---|---|---|---|",
        ]
        for row in metadata[kind]:
            shape = " × ".join("any" if n is None else str(n) for n in row["shape"])
            lines.append(f"| {row['name']} | {shape} | {row['dtype']} | {row['meaning']} |")
    lines += ["", "## Check", "", *_check_lines(metadata["check"]), ""]
    if "scores" in metadata:
        lines += ["## Scores", "", "Applied inside the file:", ""]
        lines += [f"* {name}: {value}" for name, value in metadata["scores"].items()]
        lines.append("")
    return "\n".join(lines)


def _check_lines(check: Mapping[str, Any]) -> list[str]:
    if "score" in check:
        return [
            f"{check['score']} on the same images: {check['keras']:.4f} in Keras, "
            f"{check['exported']:.4f} in this file."
        ]
    what = f"{check['rows']} detections in " if "rows" in check else ""
    count = check.get("images", check.get("batches"))
    order = f" {check['reordered']} of them are in another order." if check.get("reordered") else ""
    lines = [
        f"The same images through Keras and through this file in its runtime: {what}{count} "
        f"images.{order} Largest differences:",
        "",
    ]
    return lines + [f"* {name}: {value:.2g}" for name, value in check["worst"].items()]
