"""Options that several verbs have: the data, the trained model, and what they mean."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from fashion.datasets.files import DataFiles, find_data

SAMPLE_FOLDER = Path("data/sample")
# The shipped model: beside the packages in the repository, inside this one once installed.
_INSTALLED, _REPOSITORY = (
    folder / "weights" / "ccp.h5"
    for folder in (Path(__file__).parents[1], Path(__file__).parents[2])
)
SHIPPED_WEIGHTS = _INSTALLED if _INSTALLED.exists() else _REPOSITORY


def add_data_arguments(parser: ArgumentParser, skip_bad: bool = True) -> None:
    """Adds --data and --skip-bad.

    Args:
        parser: Parser of a verb that reads a data set.
        skip_bad: False leaves --skip-bad out.
    """
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder with train.csv and the photos, in Kaggle's layout of 2019 or 2020 "
        f"(without it: the built-in data, drawn into {SAMPLE_FOLDER})",
    )
    if skip_bad:
        parser.add_argument(
            "--skip-bad",
            action="store_true",
            help="leave bad rows of the CSV out instead of stopping",
        )


def open_files(data: str | Path | None) -> DataFiles:
    """Finds the files of a data set.

    Args:
        data: Its folder, the value of --data. None draws the built-in data set into
            `SAMPLE_FOLDER` first.

    Returns:
        Paths of its CSV files, label list and images.

    Raises:
        FileNotFoundError: The folder holds no data set.
    """
    if data is None:
        from fashion.datasets.sample import make_sample

        make_sample(SAMPLE_FOLDER)
        data = SAMPLE_FOLDER
    return find_data(data)


def add_model_arguments(
    parser: ArgumentParser,
    min_score: float,
    default: Path | None = SHIPPED_WEIGHTS,
    rescore: bool = True,
) -> None:
    """Adds --weights, --set, --min-score and --rescore.

    Args:
        parser: Parser of a verb that uses a trained model.
        min_score: Default of --min-score.
        default: Default of --weights; None for none.
        rescore: False leaves --rescore out.
    """
    shipped = " (default: the model trained on street photos that is shipped)" if default else ""
    parser.add_argument(
        "--weights",
        metavar="RUN_OR_FILE",
        default=default and str(default),
        help=f"run folder of training, or a .h5 checkpoint{shipped}",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the model that is other than in training, for instance "
        "ATTRIBUTE_SEEN_PAIRS=true",
    )
    parser.add_argument(
        "--min-score",
        type=float,
        default=min_score,
        metavar="S",
        help="leave out detections that are less sure than this (default: %(default)s)",
    )
    if rescore:
        parser.add_argument(
            "--rescore",
            type=Path,
            metavar="FILE",
            help="score detections again: rescorer.h5 of fashion/rescore.py, or its folder",
        )


def model_settings(args: Namespace, min_score: float | None = None) -> dict[str, Any]:
    """Collects the settings that the options of `add_model_arguments` override.

    Args:
        args: Parsed arguments.
        min_score: Least confidence score of a detection, in place of --min-score.

    Returns:
        Keyword arguments of `fashion.model.load_model`.

    Raises:
        ValueError: --set names an unknown setting, or a value that it cannot have.
    """
    # Not at the top: the settings import Keras, and `--help` should not wait for it.
    from fashion.config import FashionConfig
    from mrcnn.config import parse_setting

    settings = {
        "DETECTION_MIN_CONFIDENCE": args.min_score if min_score is None else min_score,
    }
    if getattr(args, "rescore", None):  # not every verb has --rescore
        settings["rescorer"] = args.rescore
    return settings | dict(parse_setting(text, FashionConfig) for text in args.set)
