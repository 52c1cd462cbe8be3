"""export: writes a model for another runtime, and checks the file before it gets its name."""

import contextlib
import copy
import dataclasses
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.export import check as checks
from mrcnn.export.check import ScoreCheck
from mrcnn.export.conversion import convert
from mrcnn.export.files import set_metadata
from mrcnn.export.graph import ExportSettings
from mrcnn.export.metadata import basic_metadata, described, detection_metadata, model_card
from mrcnn.export.networks import as_exported, detection_network, dotted_name, plain_network
from mrcnn.files import atomic_path, write_text
from mrcnn.inference.exported import ExportedPredictor
from mrcnn.inference.exported_files import METADATA_FILE, format_of
from mrcnn.inference.final_scores import ScoreSettings
from mrcnn.inference.predict import Predictor
from mrcnn.inference.preprocessing import place
from mrcnn.inference.runtimes import open_runtime
from mrcnn.modeling.build import FIXED_CANVAS
from mrcnn.modeling.detector import Detector
from mrcnn.modeling.devices import use_xla
from mrcnn.typing import Array, PathLike, Size, Tensor

__all__ = ["PRECISIONS", "export", "export_network", "format_of_name"]

PRECISIONS = ("fp32", "fp16", "int8")
MIN_SCORE = 0.01
# Height and width of a network input are multiples of it.
MULTIPLE = 64


def export(
    detector: Detector,
    path: PathLike,
    config: Config,
    *,
    images: Iterable[Array] = (),
    score: ScoreCheck | None = None,
    image_hw: Size | None = None,
    batch: int | None = 1,
    max_detections: int | None = None,
    min_score: float = MIN_SCORE,
    precision: str = "fp32",
    calibration: Iterable[Array] = (),
    embeddings: bool = False,
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a detector for another runtime.

    The file holds the whole detector with its non-maximum suppression, the normalisation of pixels,
    the final scores and metadata, see `mrcnn.export.metadata`. It gets its name once a check has
    passed: each of `images` gives the same detections in Keras and in the file, or, given `score`,
    it scores as well. A model card is written beside it.

    Args:
        detector: On any Keras backend; with another one than TensorFlow, a second process converts.
        path: Ends in .onnx for ONNX or .tflite for LiteRT; any other name is the folder of a
            SavedModel.
        config: Settings of the detector.
        images: `(h, w, C)` uint8 each, of what it was trained on; 24 are a good number.
        score: Compares scores instead; needed for "fp16" and "int8", which change some detections.
        image_hw: Height and width of the network input; None: those of the config.
        batch: Images that the file takes at once; None for any number.
        max_detections: Rows of the outputs; None: DETECTION_MAX_INSTANCES.
        min_score: Least final score of a detection. A reader can ask for more.
        precision: "fp32", "fp16" (weights of half the size) or "int8".
        calibration: Images that an ONNX file of "int8" is calibrated with, 16 or more, which should
            not be those that it is scored on.
        embeddings: Whether each detection gets the hidden vector of the box head, of length 1.
        about: More metadata, such as "labels" and "license"; JSON-able.

    Returns:
        The metadata; "check" is what was compared.

    Raises:
        ExportCheckFailed: The file computes something else; it was not kept.
        PackageMissing: A package is not installed; the message says how to get it.
        ValueError: The arguments do not fit together, or the images show nothing.
        OSError: The file cannot be written.
    """
    path, to = Path(path), format_of_name(path)
    _check_arguments(to, precision, score)
    settings = _settings(config, image_hw, batch, max_detections, min_score, embeddings)
    used = export_config(config, settings)
    values = {"settings": dataclasses.asdict(settings)}
    metadata = basic_metadata("detection", to, precision, about or {})
    metadata |= detection_metadata(detector, used, settings)
    batches = _calibration(calibration, used, detector, settings) if precision == "int8" else []
    maker = dotted_name(detection_network)
    with as_exported(detector, settings), _written(path, to) as temporary:
        convert(detector, maker, values, temporary, to, precision, batches)
        metadata |= _tensors(temporary, to, settings, len(settings.mean))
        set_metadata(temporary, to, metadata)
        ours = Predictor(detector, used, xla=use_xla(used), eager_photos=0)
        theirs = ExportedPredictor(temporary)
        if score is not None:
            metadata["check"] = checks.check_scores(ours, theirs, score)
        else:
            metadata["check"] = checks.check_detections(
                ours, theirs, images, min_score, settings.scores
            )
        set_metadata(temporary, to, metadata)
    _write_card(path, to, metadata)
    return metadata


def export_network(
    model: keras.Model,
    path: PathLike,
    outputs: Callable[[Tensor], dict[str, Tensor]],
    *,
    task: str,
    images: Iterable[Array],
    image_hw: Size,
    mean: Iterable[float],
    std: Iterable[float],
    batch: int | None = 1,
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a network from images to logits for another runtime, and checks the file.

    Args:
        model: `(B, H, W, C)` float32, normalised -> logits.
        path: As of `export`.
        outputs: Logits -> outputs by name; a function of a module.
        task: "semantic" or "classification".
        images: Network inputs `(H, W, C)` uint8, which the file is checked with.
        image_hw: Height and width of the input.
        mean: Of each channel, subtracted from pixels of 0..255.
        std: Of each channel, that they are divided by.
        batch: Images at once; None for any number.
        about: As of `export`.

    Returns:
        The metadata; "check" is what was compared.

    Raises:
        ExportCheckFailed: The file computes something else; it was not kept.
        PackageMissing: A package is not installed; the message says how to get it.
        OSError: The file cannot be written.
    """
    path, to = Path(path), format_of_name(path)
    mean, std = [float(n) for n in mean], [float(n) for n in std]
    hw = [int(n) for n in image_hw]
    values: dict[str, Any] = {"outputs": dotted_name(outputs), "image_hw": hw, "batch": batch}
    values |= {"mean": mean, "std": std}
    metadata = basic_metadata(task, to, "fp32", about or {})
    metadata |= {"image_hw": hw, "batch": batch}
    metadata["pixels"] = {"order": "RGB", "mean": mean, "std": std}
    batches = [np.repeat(image[None], batch or 1, axis=0) for image in images]
    network = plain_network(model, **values)
    with _written(path, to) as temporary:
        convert(model, dotted_name(plain_network), values, temporary, to)
        run = open_runtime(temporary)
        expected, found = [], []
        for canvases in batches:
            ours = network.run({"images": keras.ops.convert_to_tensor(canvases)})
            expected.append({n: keras.ops.convert_to_numpy(value) for n, value in ours.items()})
            found.append(run({"images": canvases}))
        metadata["check"] = checks.check_outputs(expected, found)
        metadata["inputs"] = described(network.inputs)
        metadata["outputs"] = _outputs_of(found[0], batch)
        set_metadata(temporary, to, metadata)
    _write_card(path, to, metadata)
    return metadata


def format_of_name(path: PathLike) -> str:
    """Returns which format a name asks for.

    Args:
        path: Of a file that is to be written.

    Returns:
        One of `mrcnn.inference.exported_files.FORMATS`.

    Raises:
        ValueError: It ends in something else.
    """
    path = Path(path)
    if path.suffix in ("", ".savedmodel") or path.is_dir():
        return "savedmodel"
    found = format_of(path)
    if found is None:
        raise ValueError(
            f"{path} ends in {path.suffix}. An export is a .onnx file, a .tflite file, or the "
            "folder of a SavedModel, whose name ends in .savedmodel or has no ending."
        )
    return found


def export_config(config: Config, settings: ExportSettings) -> Config:
    """Makes the settings that an exported file is used with.

    Args:
        config: Settings of the detector.
        settings: What is fixed.

    Returns:
        A copy.
    """
    used = copy.copy(config)
    used.DETECTION_MIN_CONFIDENCE = settings.min_score
    used.DETECTION_MAX_INSTANCES = settings.max_detections
    if used.IMAGE_RESIZE_MODE not in FIXED_CANVAS:
        used.IMAGE_RESIZE_MODE = "square"
    used.IMAGE_SHAPE = np.array([*settings.image_hw, config.IMAGE_CHANNEL_COUNT])
    if settings.batch is not None:
        used.IMAGES_PER_GPU, used.GPU_COUNT, used.BATCH_SIZE = settings.batch, 1, settings.batch
    return used


def _settings(config, image_hw, batch, max_detections, min_score, embeddings) -> ExportSettings:
    fixed = config.IMAGE_RESIZE_MODE in FIXED_CANVAS
    if image_hw is None and not fixed:
        raise ValueError(
            f"IMAGE_RESIZE_MODE {config.IMAGE_RESIZE_MODE!r} lets each image keep its size, and an "
            "exported file takes one size. Give image_hw."
        )
    height, width = (int(n) for n in image_hw or config.image_hw)
    if min(height, width) < MULTIPLE or height % MULTIPLE or width % MULTIPLE:
        raise ValueError(
            f"Height and width of the network input are multiples of {MULTIPLE} (the pyramid "
            f"halves the image six times). Got {height} x {width}."
        )
    if not 0 <= min_score < 1:
        raise ValueError(f"The least score of a detection lies in [0, 1). Got {min_score}.")
    mean, std = (np.broadcast_to(v, config.IMAGE_CHANNEL_COUNT) for v in _pixels(config))
    return ExportSettings(
        (height, width),
        tuple(float(n) for n in mean),
        tuple(float(n) for n in std),
        ScoreSettings.of(config),
        batch,
        int(max_detections or config.DETECTION_MAX_INSTANCES),
        float(min_score),
        embeddings,
    )


def _pixels(config):
    return np.asarray(config.MEAN_PIXEL, np.float32), np.asarray(config.PIXEL_STD, np.float32)


def _check_arguments(to: str, precision: str, score: ScoreCheck | None) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"A precision is one of {', '.join(PRECISIONS)}. Got {precision!r}.")
    if to == "savedmodel" and precision != "fp32":
        raise ValueError(
            f"A SavedModel is of fp32. Got {precision}; export ONNX or LiteRT in that precision."
        )
    if precision != "fp32" and score is None:
        raise ValueError(
            f"A file of {precision} changes some detections, so it is checked by its score on "
            "ground truth, and none was given."
        )


def _calibration(images, config, detector, settings) -> list[dict[str, Array]]:
    """Inputs of the file, one batch for each image."""
    batches = []
    for number, image in enumerate(images):
        canvas, placement = place(image, config, detector.convention, f"Image {number}")
        rows = settings.batch or 1
        batches.append(
            {
                "images": np.repeat(canvas[None], rows, axis=0),
                "windows": np.repeat(placement.window[None], rows, axis=0),
            }
        )
    return batches


def _tensors(path: Path, to: str, settings: ExportSettings, channels: int) -> dict[str, Any]:
    """Descriptions of the inputs and outputs, as the file has them."""
    rows = settings.batch or 1
    images = np.zeros((rows, *settings.image_hw, channels), np.uint8)
    windows = np.tile(np.array([0, 0, *settings.image_hw], np.float32), (rows, 1))
    found = open_runtime(path)({"images": images, "windows": windows})
    inputs = {
        "images": ((settings.batch, *images.shape[1:]), "uint8"),
        "windows": ((settings.batch, 4), "float32"),
    }
    return {"inputs": described(inputs), "outputs": _outputs_of(found, settings.batch)}


def _outputs_of(found: Mapping[str, Array], batch: int | None) -> list[dict[str, Any]]:
    tensors = {
        name: ((batch, *value.shape[1:]), str(value.dtype)) for name, value in sorted(found.items())
    }
    return described(tensors)


@contextlib.contextmanager
def _written(path: Path, to: str) -> Iterator[Path]:
    """Replaces a file, or the folder of a SavedModel, if the block succeeds."""
    if to != "savedmodel":
        with atomic_path(path) as temporary:
            yield temporary
        return
    if path.exists() and not (path / METADATA_FILE).is_file():
        raise FileExistsError(
            f"{path} exists and is not an exported model, so it is not replaced. Give another name."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing-{secrets.token_hex(4)}")
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_card(path: Path, to: str, metadata: Mapping[str, Any]) -> None:
    """The card lies in the folder of a SavedModel, and beside any other file."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    card = path / "README.md" if to == "savedmodel" else path.with_suffix(path.suffix + ".md")
    write_text(card, model_card(path.name, metadata, size))
