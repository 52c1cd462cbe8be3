"""The model of an index: where it is, and the settings that it made the index with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion.config import FashionConfig
from fashion.formats.model_files import located, model_in, shipped_models
from fashion.retrieval.model_identity import check_embeddings, check_made_by
from mrcnn.config import parse_setting
from mrcnn.typing import PathLike

__all__ = ["model_of_index", "settings_of_index"]


def model_of_index(meta: Mapping[str, Any], weights: PathLike | None = None) -> Path:
    """Finds the model that made an index, and checks that it gives the vectors of the index.

    Args:
        meta: Of the index.
        weights: Where the model is; None for where it was, or among the shipped ones.

    Returns:
        Its file.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: It is another one, or was exported without --embeddings.
    """
    path = check_made_by(meta, weights or _stored_place(meta))
    check_embeddings(path)
    return path


def settings_of_index(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Reads the settings that a model made an index with.

    Args:
        meta: Of the index.

    Returns:
        Keyword arguments of `load_embedding_model`.
    """
    keys = meta["keys"]
    settings = dict(parse_setting(text, FashionConfig) for text in keys["set"])
    settings["DETECTION_MIN_CONFIDENCE"] = keys["min_score"]
    if "attribute_threshold" in keys:
        settings["ATTRIBUTE_THRESHOLD"] = keys["attribute_threshold"]
    return settings


def _stored_place(meta: Mapping[str, Any]) -> Path:
    about = meta["model"]
    path = Path(about["weights"])
    if path.exists():
        return model_in(path)
    shipped = shipped_models().get(Path(about["name"]).stem)
    if shipped is None:
        raise FileNotFoundError(
            f"The model of the index, {path}, is not there any more. Say where it is with "
            "--weights FILE."
        )
    return located(shipped)
