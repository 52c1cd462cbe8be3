"""Options that several verbs have: one name, one meaning and one help text each."""

import argparse
import dataclasses
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fashion.cli.light_install import is_light
from fashion.cli.parser import did_you_mean, fraction, positive, whole
from fashion.cli.paths import check_file
from fashion.formats.model_files import SHIPPED_FOLDER, check_predicting_model, rescorer_in

# The model of --weights where none is named.
SHIPPED_WEIGHTS = SHIPPED_FOLDER / "street-small.h5"
DATE_SOURCES = ("exif", "folders")

# A parser, or one of its groups.
Arguments = Any


@dataclasses.dataclass(frozen=True)
class Option:
    """An option that several verbs have.

    Attributes:
        keywords: Arguments of `ArgumentParser.add_argument`.
        old_names: Earlier spellings, which stay valid and which `--help` does not show.
    """

    keywords: dict[str, Any]
    old_names: tuple[str, ...] = ()


def setting_text(text: str) -> str:
    """Checks an argument of --set.

    Args:
        text: KEY=VALUE.

    Returns:
        The same text; `mrcnn.config.parse_setting` takes it apart.
    """
    # Not at the top: most commands have no --set.
    from fashion.config import FashionConfig
    from mrcnn.config import DERIVED, parse_setting

    key = text.partition("=")[0]
    known = [name for name in dir(FashionConfig) if name.isupper()]
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"needs KEY=VALUE. Got {text}.")
    if key not in known and key not in DERIVED:
        raise argparse.ArgumentTypeError(
            f"has no setting {key}.{did_you_mean(key, known)} `fashion settings` lists all."
        )
    return _readable(text, lambda known: parse_setting(known, FashionConfig))


def tiles_text(text: str) -> str:
    """Checks an argument of --tiles.

    Args:
        text: Rows x columns, or the side of a window.

    Returns:
        The same text; `mrcnn.inference.tiles.tiling_of` reads it.
    """
    from mrcnn.inference.tiles import tiling_of

    return _readable(text, tiling_of)


def views_text(text: str) -> str:
    """Checks an argument of --tta.

    Args:
        text: Views, separated by commas.

    Returns:
        The same text; `mrcnn.inference.views.views_of` reads it.
    """
    if not text:  # the default, which argparse checks as well: no import for it
        return text
    from mrcnn.inference.views import views_of

    return _readable(text, views_of)


def _readable(text: str, read: Callable[[str], Any]) -> str:
    """The text, if it can be read."""
    try:
        read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"cannot be used: {error}") from error
    return text


OPTIONS = {
    "--data": Option(
        {
            "metavar": "PATH",
            "help": "data set, a folder or a file: Kaggle's train.csv, COCO or Fashionpedia JSON, "
            "VIA, labelme, YOLO's data.yaml, DeepFashion2; see docs/data.md (default: the built-in "
            "drawings, written to data/sample)",
        }
    ),
    "--images": Option(
        {
            "nargs": "+",
            "type": Path,
            "metavar": "PATH",
            "help": "image files, or folders of images",
        },
        ("--photos",),
    ),
    "--out": Option(
        {
            "type": Path,
            "metavar": "DIR",
            "help": "folder of the results (default: %(default)s)",
        },
    ),
    "--weights": Option(
        {
            "metavar": "RUN|FILE|NAME",
            "default": str(SHIPPED_WEIGHTS),
            "help": "trained model: a run folder, a .h5 checkpoint, or the name of a shipped model "
            f"(default: {SHIPPED_WEIGHTS.stem}, which was trained on street photos)",
        }
    ),
    "--conf": Option(
        {
            "type": fraction,
            "metavar": "SCORE",
            "help": "minimum confidence score of a detection (default: that of the model, "
            "0.4 to 0.5)",
        },
        ("--min-score",),
    ),
    "--attr-conf": Option(
        {
            "type": fraction,
            "metavar": "SCORE",
            "help": "minimum confidence score of an attribute (default: that of the model, "
            "usually 0.5)",
        },
        ("--attribute-threshold",),
    ),
    "--thresholds": Option(
        {
            "type": Path,
            "metavar": "JSON",
            "help": "thresholds.json written by `fashion evaluate --tune`; replaces --conf and "
            "--attr-conf",
        }
    ),
    "--limit": Option(
        {
            "type": whole(1),
            "metavar": "N",
            "help": "use the first N images only (default: all)",
        }
    ),
    "--seed": Option(
        {
            "type": whole(0, 2**32 - 1),
            "default": 0,
            "metavar": "N",
            "help": "seed of all random choices (default: %(default)s)",
        }
    ),
    "--workers": Option(
        {
            "type": whole(1, 256),
            "default": 1,
            "metavar": "N",
            "help": "number of images that are prepared in parallel (default: %(default)s)",
        }
    ),
    "--batch": Option(
        {
            "type": whole(1),
            "metavar": "N",
            "help": "images per batch (default: %(default)s)",
        }
    ),
    "--epochs": Option(
        {
            "type": whole(1),
            "metavar": "N",
            "help": "number of epochs (default: %(default)s)",
        }
    ),
    "--lr": Option(
        {
            "type": positive,
            "metavar": "RATE",
            "help": "highest learning rate (default: %(default)s)",
        },
        ("--rate",),
    ),
    "--imgsz": Option(
        {
            "type": whole(32),
            "metavar": "PIXELS",
            "help": "side of the network input (default: %(default)s)",
        },
        ("--size",),
    ),
    "--optimizer": Option(
        {
            "metavar": "NAME",
            "help": "optimizer (default: %(default)s)",
        }
    ),
    "--rescore": Option(
        {
            "type": Path,
            "metavar": "FILE",
            "help": "re-score detections with a classifier: rescorer.h5 of `fashion rescore`, or "
            "its folder",
        }
    ),
    "--tta": Option(
        {
            "default": "",
            "type": views_text,
            "metavar": "VIEWS",
            "help": "test-time augmentation: also predict the mirror image (mirror), or other "
            "sizes (mirror,1.33x), and average; takes 2 to 6 times as long",
        }
    ),
    "--tiles": Option(
        {
            "default": "",
            "type": tiles_text,
            "metavar": "RxC|SIZE",
            "help": "also predict overlapping windows of each image, for small objects in large "
            "images: rows x columns (2x2), or their side in pixels (640); takes about twice as "
            "long for each window as for an image",
        }
    ),
    "--ensemble": Option(
        {
            "nargs": "+",
            "metavar": "RUN|FILE",
            "help": "in place of --weights, several models that predict together: run folders and "
            "weight files, or one ensemble file (JSON or YAML), see docs/ensembles.md",
        }
    ),
    "--skip-bad": Option(
        {
            "action": "store_true",
            "help": "leave out invalid rows of the CSV instead of stopping",
        }
    ),
    "--restart": Option(
        {
            "action": "store_true",
            "help": "start over instead of resuming an interrupted run",
        }
    ),
    "--dates": Option(
        {
            "default": "exif",
            "metavar": "SOURCE",
            "help": "dates of photos: exif, folders, or a CSV file with the columns image and "
            "date (default: %(default)s)",
        }
    ),
    "--title": Option(
        {
            "default": "Garments and attributes",
            "metavar": "TEXT",
            "help": "heading of the page (default: %(default)s)",
        }
    ),
    # Of pages to try a model. `explore --samples` is older: the number of images that it draws.
    "--samples": Option(
        {
            "nargs": "+",
            "type": Path,
            "default": [],
            "metavar": "IMAGE",
            "help": "photos that the page offers to try (default: none)",
        }
    ),
    "--set": Option(
        {
            "action": "append",
            "type": setting_text,
            "default": [],
            "metavar": "KEY=VALUE",
            "help": "change a setting, may be repeated; `fashion settings` lists all",
        }
    ),
}


def add_option(
    parser: Arguments, name: str, *, old_names: tuple[str, ...] | None = None, **changes: Any
) -> None:
    """Adds a shared option, and its earlier spellings without help.

    Args:
        parser: Parser of a verb, or one of its groups.
        name: One of OPTIONS.
        old_names: Earlier spellings; None for those that are the same in all verbs.
        **changes: Arguments of `add_argument` that differ in this verb, such as `default`.
    """
    option = OPTIONS[name]
    keywords = {"dest": name[2:].replace("-", "_"), **option.keywords, **changes}
    parser.add_argument(name, **keywords)
    hidden = keywords | {"help": argparse.SUPPRESS, "default": argparse.SUPPRESS}
    for old_name in option.old_names if old_names is None else old_names:
        parser.add_argument(old_name, **hidden)


def check_model_options(args: Namespace) -> None:
    """Checks the files that --weights or --ensemble, --rescore and --thresholds name.

    Without --weights and --ensemble, --weights becomes the shipped model.

    Args:
        args: Parsed arguments.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The weights are not a weight file, or both options are given.
    """
    if args.ensemble:
        if args.weights:
            raise ValueError(
                f"--ensemble takes the place of --weights. Give one of them, or name {args.weights}"
                " among the models of --ensemble."
            )
        from fashion.ensembles.files import ensemble_of

        ensemble_of(args.ensemble)
    else:
        args.weights = args.weights or str(SHIPPED_WEIGHTS)
        is_shipped = str(args.weights) == str(SHIPPED_WEIGHTS)
        if is_shipped and not SHIPPED_WEIGHTS.exists() and is_light():
            raise FileNotFoundError(
                "The light install brings no model. Give --weights FILE, an .onnx or .tflite file "
                "of `fashion export`."
            )
        check_predicting_model(args.weights)
    if args.rescore:
        rescorer_in(args.rescore)
    if getattr(args, "thresholds", None):
        check_file(args.thresholds, "--thresholds", "thresholds.json of `fashion evaluate --tune`")


def check_dates(args: Namespace) -> None:
    """Checks the file that --dates names, and makes it a path.

    Args:
        args: Parsed arguments.

    Raises:
        OSError: There is no such file.
    """
    if args.dates not in DATE_SOURCES:
        meant = did_you_mean(args.dates, DATE_SOURCES)
        args.dates = Path(args.dates)
        what = "exif, folders, or a CSV file with image and date"
        check_file(args.dates, "--dates", what, meant)


def add_data_arguments(parser: Arguments) -> None:
    """Adds --data and --skip-bad.

    Args:
        parser: Parser of a verb that reads a data set.
    """
    add_option(parser, "--data")
    add_option(parser, "--skip-bad")


def model_settings(args: Namespace, min_score: float | None = None) -> dict[str, Any]:
    """Collects the settings of a model that the options of a verb change.

    Args:
        args: Parsed arguments.
        min_score: Minimum confidence score of a detection; None for --conf.

    Returns:
        Keyword arguments of `fashion.model.load_model`.

    Raises:
        ValueError: --set names an unknown setting, or a value that it cannot have; --tta names no
            views.
    """
    # Not at the top: the settings import Keras, and `--help` should not wait for it.
    from fashion.config import FashionConfig
    from mrcnn.config import parse_setting

    if min_score is None:
        min_score = args.conf
    if min_score is None:
        from fashion.loading import default_confidence

        min_score = default_confidence(args.weights)
    settings: dict[str, Any] = {"DETECTION_MIN_CONFIDENCE": min_score}
    if getattr(args, "attr_conf", None) is not None:  # not every verb has --attr-conf
        settings["ATTRIBUTE_THRESHOLD"] = args.attr_conf
    if getattr(args, "rescore", None):  # not every verb has --rescore
        settings["rescorer"] = args.rescore
    if getattr(args, "tta", ""):  # not every verb has --tta
        from mrcnn.inference.views import views_of

        settings["views"] = views_of(args.tta)
    if getattr(args, "tiles", ""):
        from mrcnn.inference.tiles import tiling_of

        settings["tiles"] = tiling_of(args.tiles)
    return settings | dict(parse_setting(text, FashionConfig) for text in args.set)
