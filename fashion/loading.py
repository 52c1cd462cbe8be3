"""Loading: a model that predicts, from a checkpoint with Keras or from an exported file without.

This module imports without Keras.
"""

from typing import Any

from fashion.formats.model_files import model_in
from fashion.labels.ontology import Ontology
from fashion.results import TrainedModel, setting_of
from fashion.results import settings_beside as settings_beside_checkpoint
from mrcnn.inference.exported_files import format_of, read_export_metadata
from mrcnn.typing import PathLike


def load_model(path: PathLike, **settings: Any) -> TrainedModel:
    """Loads a model that predicts.

    Args:
        path: Checkpoint, run folder, or exported model.
        **settings: As of `fashion.model.load_model`, and of `fashion.exported.ExportedModel`.

    Returns:
        The model.

    Raises:
        FileNotFoundError: There is none.
        PackageMissing: A package is not installed; the message says how to get it.
        ValueError: It is damaged, or a setting does not fit.
    """
    if format_of(path):
        from fashion.exported import ExportedModel

        return ExportedModel(path, **settings)
    from fashion import model  # here, since exported files need no Keras

    return model.load_model(path, **settings)


def default_confidence(path: PathLike) -> float:
    """Reads from which confidence score on a model's detections are reported by default.

    Args:
        path: Checkpoint, run folder, or exported model.

    Returns:
        Its CONFIDENCE_THRESHOLD.

    Raises:
        FileNotFoundError: There is none.
        ValueError: A file is damaged.
    """
    if format_of(path):
        metadata = read_export_metadata(path)
        stored = metadata.get("config")
        threshold = setting_of(stored if isinstance(stored, dict) else {}, "CONFIDENCE_THRESHOLD")
        return max(float(threshold), float(metadata.get("min_score") or 0))
    from fashion import model

    return model.default_confidence(path)


def labels_of(path: PathLike) -> Ontology | None:
    """Reads the label list of a model without its weights, and without Keras.

    Args:
        path: Checkpoint, run folder, or exported model.

    Returns:
        The list; None if the file does not say it, or is damaged: loading the model says which.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file cannot be read.
    """
    if format_of(path):
        stored = read_export_metadata(path).get("labels")
    else:
        from mrcnn.weights.h5_files import read_metadata  # h5py: exported models do without

        stored = read_metadata(model_in(path)).get("ontology")
    if not isinstance(stored, dict):
        return None
    try:
        return Ontology.from_dict(stored)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        return None


def settings_beside(path: PathLike) -> dict[str, Any]:
    """Reads the settings that were chosen after the training of a checkpoint.

    Args:
        path: Checkpoint, run folder, or exported model.

    Returns:
        Settings by name; {} for exported models, which have them inside.

    Raises:
        ValueError: As of `fashion.results.settings_beside`.
    """
    return {} if format_of(path) else settings_beside_checkpoint(model_in(path))


def noted_split(path: PathLike) -> dict[str, Any] | None:
    """Reads what a model notes about the split of its training.

    Args:
        path: Checkpoint, run folder, or exported model.

    Returns:
        As of `fashion.datasets.holding_out.noted_split`.

    Raises:
        ValueError: The note is malformed.
    """
    from fashion.datasets import holding_out

    metadata = read_export_metadata(path) if format_of(path) else None
    return holding_out.noted_split(model_in(path), metadata)
