r"""Write a Kaggle submission.

    python fashion/submit.py --weights runs/fashion... --images test/ --format 2020 \
        --output submission.csv

Goes on photo by photo where it broke off; the file gets its name only after it was checked against
the server's rules. What counts is what scores 0.5 or more, or what --thresholds says, a file of
fashion/evaluate.py --tune.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.cli import add_model_arguments, model_settings, run_verb, working_in
from fashion.datasets.files import list_images
from fashion.evaluation.thresholds.files import read_thresholds, read_tuning
from fashion.evaluation.thresholds.table import Thresholds
from fashion.formats.model_files import rescorer_in
from fashion.model import FashionModel, checkpoint_in, load_model
from fashion.submission.resolve import MIN_SHARE
from fashion.submission.writer import SubmissionWriter
from mrcnn.config import Config
from mrcnn.data.image_io import header, read_image
from mrcnn.data.resize import check_placeable
from mrcnn.files import digest_of
from mrcnn.locks import FolderInUse
from mrcnn.typing import Array, Size

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> Path:
    """Writes the submission that the arguments ask for.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The submission.
    """
    args = parse(argv)
    if args.output.is_dir():
        raise IsADirectoryError(f"{args.output} is a folder. --output names the file to write.")
    if not args.images.is_dir():
        raise FileNotFoundError(
            f"There is no folder {args.images}. Give the folder that holds the test photos."
        )
    files = files_by_name(list_images(args.images), args.format)
    if not files:
        raise FileNotFoundError(f"There are no photos in {args.images}.")
    with locked_file(args.output):
        return write_submission(args, files)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.
    """
    parser = argparse.ArgumentParser(
        prog="fashion submit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    args = parser.parse_args(argv)
    if not 0 <= args.min_share <= 1:
        parser.error(f"--min-share lies between 0 and 1. Got {args.min_share}")
    return args


def _add_arguments(parser):
    add_model_arguments(parser, min_score=0.5)
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of the test photos"
    )
    parser.add_argument(
        "--format",
        type=int,
        choices=(2019, 2020),
        default=2020,
        help="the year of the contest (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("submission.csv"),
        metavar="CSV",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--thresholds",
        type=Path,
        metavar="JSON",
        help="thresholds.json of fashion/evaluate.py --tune; takes the place of "
        "--min-score and of the model's own attribute threshold",
    )
    parser.add_argument(
        "--min-share",
        type=float,
        default=MIN_SHARE,
        metavar="S",
        help="leave out a mask of which better ones of its category leave less than this share "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="begin anew even if there is a partial file"
    )


def write_submission(args: argparse.Namespace, files: Mapping[str, Path]) -> Path:
    """Writes a submission, resuming where an earlier command was interrupted.

    Args:
        args: Result of `parse`.
        files: Image by ImageId.

    Returns:
        The submission.

    Raises:
        ValueError: The thresholds do not fit the model, or the submission breaks a rule.
    """
    thresholds = read_thresholds(args.thresholds) if args.thresholds else None
    min_score = thresholds.min_score() if thresholds else args.min_score
    model = load_model(args.weights, **model_settings(args, min_score))
    with SubmissionWriter(
        args.output,
        sizes_of(files),
        args.format,
        model.ontology,
        settings=_settings(args, model, thresholds, min_score),
        min_share=args.min_share,
        restart=args.restart,
    ) as writer:
        readable: list[str] = []
        broken: list[str] = []
        todo = writer.remaining
        results = model.stream(read_images(files, todo, readable, broken, model.config))
        bar = tqdm(results, total=len(files), initial=len(files) - len(todo), unit="photo")
        for i, result in enumerate(bar):
            counted = thresholds.apply_to_result(result, model.ontology) if thresholds else result
            writer.add(readable[i], counted)
        for name in broken:  # the server wants a row for every image
            writer.add_nothing(name)
        writer.finish()
    print(f"{args.output}: {len(files)} photos, checked, format {args.format}{peak_memory()}")
    return args.output


def _settings(
    args: argparse.Namespace, model: FashionModel, thresholds: Thresholds | None, min_score: float
) -> dict[str, Any]:
    """What a partial submission must have been written with to be resumed."""
    settings = {
        "weights": digest_of(checkpoint_in(args.weights)),
        "min_score": min_score,
        "set": args.set,
    }
    if args.rescore:
        settings["rescore"] = digest_of(rescorer_in(args.rescore))
    if thresholds:
        thresholds.check_ontology(model.ontology, args.thresholds)
        settings["thresholds"] = digest_of(args.thresholds)
        rescored = read_tuning(args.thresholds).get("rescored")
        if isinstance(rescored, bool) and rescored != bool(args.rescore):
            log.warning(
                "%s was searched %s --rescore, so its thresholds are of other scores.",
                args.thresholds,
                "with" if rescored else "without",
            )
    return settings


def files_by_name(paths: Sequence[Path], year: int) -> dict[str, Path]:
    """Lists images by the ImageId of a submission.

    Args:
        paths: Images.
        year: Year of the contest; in 2019 an ImageId has its extension.

    Returns:
        Image by ImageId.

    Raises:
        ValueError: Two images have one ImageId.
    """
    files: dict[str, Path] = {}
    for path in paths:
        name = path.name if year == 2019 else path.stem
        if name in files:
            raise ValueError(
                f"{files[name].name} and {path.name} are the same photo {name!r} in a submission "
                f"of {year}. Take one of them out of {path.parent}."
            )
        files[name] = path
    return files


@contextlib.contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Keeps a second command from writing the same submission.

    Locks are on folders, and other files may be written beside it. So the lock is a folder named
    after the file.

    Args:
        path: The submission.

    Yields:
        Nothing.

    Raises:
        FolderInUse: Another command writes it.
    """
    folder = path.with_name(f".{path.name}.lock")
    try:
        with working_in(folder, "submit"):
            yield
    except FolderInUse as error:
        raise FolderInUse(f"{path} is being written already: {error}") from error
    finally:
        # Removes that of a killed command, too. It fails if another command is in it by now.
        with contextlib.suppress(OSError):
            folder.rmdir()


def read_images(
    files: Mapping[str, Path],
    names: Sequence[str],
    readable: list[str],
    broken: list[str],
    config: Config,
) -> Iterator[Array]:
    """Reads images; those that cannot be used are printed.

    Args:
        files: Image by ImageId.
        names: ImageIds, in the order in which they are read.
        readable: Receives the ImageId before each image.
        broken: Receives the ImageIds of the others.
        config: Config of the model.

    Yields:
        `(H, W, 3)` uint8, upright as in `predict`: the training images are.
    """
    for name in names:
        try:
            # as `predict` does: the network has not seen people lying on their side
            image = read_image(files[name], upright=True)
            check_placeable(image.shape[:2], config, str(files[name]))
        except (OSError, ValueError) as error:
            tqdm.write(f"submitted as a photo without objects: {error}", file=sys.stderr)
            broken.append(name)
            continue
        readable.append(name)
        yield image
        del image


def sizes_of(files: Mapping[str, Path]) -> dict[str, Size]:
    """Reads the sizes of images from their headers.

    Args:
        files: Image by ImageId.

    Returns:
        (height, width) by ImageId, upright; (1, 1) for a file without a header.
    """
    sizes, turned = {}, []
    for name, path in files.items():
        try:
            (height, width), orientation = header(path)
        except OSError:
            sizes[name] = 1, 1
            continue
        sizes[name] = (width, height) if orientation >= 5 else (height, width)
        if orientation > 1:
            turned.append(path.name)
    if turned:
        log.warning(
            "%d photos have an EXIF orientation, %s for one. The model sees them turned by it, and "
            "their masks are those of the turned photos. If the server has masks of the stored "
            "pixels, save the photos without that tag.",
            len(turned),
            turned[0],
        )
    return sizes


def peak_memory() -> str:
    """Describes how much memory the process has used at most.

    Returns:
        "; peak memory 812 MB"; empty where the system does not tell (Windows).
    """
    try:
        import resource
    except ModuleNotFoundError:
        return ""
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux kilobytes
    return f"; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f} MB"


if __name__ == "__main__":
    sys.exit(run_verb(main))
