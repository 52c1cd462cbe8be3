"""Which model made an index, and whether one can: vectors of two models cannot be compared."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion.formats.model_files import digest_of_model, model_in
from mrcnn.inference.exported_files import format_of, read_export_metadata
from mrcnn.typing import PathLike

__all__ = ["EMBEDDINGS", "check_embeddings", "check_made_by", "identity_of"]

EMBEDDINGS = "embeddings"  # field of results, and output of exported models


def identity_of(path: PathLike) -> dict[str, Any]:
    """Identifies a model, for `GarmentIndex.meta["model"]`.

    Args:
        path: Checkpoint, run folder, exported model, or the name of a shipped one.

    Returns:
        "name" of the file; its "digest"; "weights", its absolute path; "source", the digest of the
        checkpoint that it was exported from, or its own; "precision" of what it computes with.
    """
    path = model_in(path)
    digest = digest_of_model(path).split()[-1]
    metadata = read_export_metadata(path) if format_of(path) else {}
    source = str(metadata.get("source") or digest).split()[-1]
    return {
        "name": path.name,
        "digest": digest,
        "weights": str(path.absolute()),
        "source": source,
        "precision": metadata.get("precision", "fp32"),
    }


def check_made_by(meta: Mapping[str, Any], path: PathLike) -> Path:
    """Checks that a model gives the vectors of an index.

    A checkpoint and a file that was exported from it give the same vectors, to rounding. Those of
    an int8 file differ.

    Args:
        meta: Of the index.
        path: The model, as of `identity_of`.

    Returns:
        Its file.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: It is another one.
    """
    made, given = meta["model"], identity_of(path)
    is_same = made["digest"] == given["digest"]
    if made["source"] == given["source"] and "int8" not in (made["precision"], given["precision"]):
        is_same = True
    if not is_same:
        raise ValueError(
            f"The index was made with {made['name']} ({made['digest']}), and {given['name']} "
            f"({given['digest']}) is another model, whose vectors cannot be compared with those of "
            "the index. Give that model, or make an index with this one."
        )
    return Path(given["weights"])


def check_embeddings(path: PathLike) -> None:
    """Checks that an exported model gives embeddings; of checkpoints all do.

    Args:
        path: Checkpoint, run folder, or exported model.

    Raises:
        ValueError: It was exported without --embeddings.
    """
    if not format_of(path):
        return
    outputs = read_export_metadata(path).get("outputs") or []
    if EMBEDDINGS not in {output.get("name") for output in outputs if isinstance(output, dict)}:
        raise ValueError(
            f"{path} gives no embeddings, which similar garments are found by. Export the model "
            "again with `fashion export --embeddings`, or give its checkpoint."
        )
