"""What the verbs share on the command line: where the data are, how they are opened, and how errors are told."""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from fashion.datasets.files import find_data
from mrcnn.files import is_full_disk, not_written, read_json_object, remove_leftovers, write_text
from mrcnn.locks import LOCK_NAME, FolderInUse, locked

SAMPLE_FOLDER = Path("data/sample")
# Beside the packages in the repository, inside this one once installed.
_INSTALLED, _REPOSITORY = (
    folder / "weights" / "ccp.h5"
    for folder in (Path(__file__).parent, Path(__file__).parent.parent)
)
SHIPPED_WEIGHTS = _INSTALLED if _INSTALLED.exists() else _REPOSITORY


def add_data_arguments(parser, skip_bad=True):
    """--data and, unless `skip_bad` is False, --skip-bad, which every verb that reads a data set understands alike."""
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


def open_files(data):
    """The DataFiles of the folder `data`; None draws the built-in data set first."""
    if data is None:
        from fashion.datasets.sample import make_sample

        make_sample(SAMPLE_FOLDER)
        data = SAMPLE_FOLDER
    return find_data(data)


def add_model_arguments(parser, min_score, default=SHIPPED_WEIGHTS, rescore=True):
    """--weights, --set, --min-score and, unless `rescore` is False, --rescore, for the verbs that use a trained model; default: of
    --weights, a path, or None for none."""
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
        help="a setting of the model that is other than in training, for instance ATTRIBUTE_SEEN_PAIRS=true",
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


def model_settings(args, min_score=None):
    """What --min-score (or another least score), --rescore and --set ask of the model, as `load_model` takes it."""
    from fashion.config import FashionConfig
    from mrcnn.config import parse_setting

    rescorer = (
        {"rescorer": args.rescore} if getattr(args, "rescore", None) else {}
    )  # which not every verb has
    return {
        "DETECTION_MIN_CONFIDENCE": args.min_score if min_score is None else min_score,
        **rescorer,
        **dict(parse_setting(text, FashionConfig) for text in args.set),
    }


def run_verb(main, argv=None):
    """Run a verb's `main`: errors that a person can act on are told in one line instead of a traceback. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        main(argv)
        return 0
    except (ValueError, OSError, FloatingPointError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and type(error) is not RuntimeError:
            raise  # a backend's own, not one of those that name a photo
        if isinstance(error, OSError) and is_full_disk(error):
            error = not_written(error.filename2 or error.filename or "A file", error)
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was finished is kept", file=sys.stderr)
        return 130


@contextlib.contextmanager
def working_in(folder: str | os.PathLike, verb: str, *, below: bool = False) -> Iterator[None]:
    """Keeps other commands out of a folder of output, and removes what killed ones left half written.

    Args:
        folder: Made if there is none; removed again if it was, and nothing came to lie in it.
        verb: The command that works there, for instance "predict"; others are told it.
        below: The folders inside are this command's, too: what was left in them is removed, except
            where another command works in one of them.

    Raises:
        mrcnn.locks.FolderInUse: Another command works in the folder.
        OSError: The folder cannot be written to.
    """
    folder = Path(folder)
    was_there = folder.exists()
    try:
        with locked(folder, f"fashion {verb}"):  # which removes what was left in the folder itself
            for inside in [path for path in folder.rglob("*") if path.is_dir()] if below else ():
                with contextlib.suppress(FolderInUse):
                    if (
                        inside / LOCK_NAME
                    ).exists():  # of a killed command: taken over, and removed
                        with locked(inside, f"fashion {verb}"):
                            pass
                    remove_leftovers(inside)
            yield
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()


def note_order(args, names):
    """Notes in the folder --out what all its runs have in common, the arguments `names`. Raises ValueError if they were begun otherwise;
    what was not yet noted when they were is taken to be the same."""
    order = {name: getattr(args, name) for name in names}
    path = args.out / "study.json"
    before = read_json_object(path) if path.exists() else order
    different = [
        f"{name} {before[name]!r} there, {value!r} here"
        for name, value in order.items()
        if before.get(name, value) != value
    ]
    if different:
        raise ValueError(
            f"{args.out} holds runs that were begun otherwise ({'; '.join(different)}). Give another folder with --out."
        )
    write_text(path, json.dumps(order, indent=1) + "\n")
