"""Body of `average`: writes the mean of the weights of several checkpoints."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from fashion.model import load_model
from mrcnn.weights.averaging import average_weights
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import save_weights

# Metadata of one checkpoint alone: its epoch, and its score after that.
_OF_ONE = ("epoch", "score")


def run(args: argparse.Namespace) -> Path:
    """Averages what the arguments name.

    Args:
        args: Result of `fashion.average.parse`.

    Returns:
        The file.

    Raises:
        ValueError: The checkpoints have different labels or layers.
    """
    described = [read_metadata(file) for file in args.files]
    _check_labels(args.files, described)
    first = args.files[0]
    model = load_model(first)
    # Lines that are logged go above the bar.
    with logging_redirect_tqdm(), tqdm(total=len(args.files), unit="checkpoint") as bar:
        average_weights(model.detector, args.files, on_file=bar.update)
    # Of the file itself: settings beside it were chosen for its own scores.
    kept = {key: value for key, value in described[0].items() if key not in _OF_ONE}
    dtype = "float16" if args.float16 else "float32"
    save_weights(model.detector, args.out, dtype=dtype, metadata=kept)
    print(
        f"mean of {len(args.files)} checkpoints, with the settings of {first}: {args.out}\n"
        f"next: fashion evaluate --weights {args.out} --data DIR"
    )
    return args.out


def _check_labels(files: Sequence[Path], described: Sequence[Mapping[str, Any]]) -> None:
    labels = described[0].get("ontology")
    for file, metadata in zip(files[1:], described[1:], strict=True):
        if metadata.get("ontology") != labels:
            raise ValueError(
                f"{file} was trained for other categories or attributes than {files[0]}. Only "
                "checkpoints with the same labels have a mean; `--ensemble` joins others."
            )
