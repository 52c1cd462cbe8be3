"""Body of `submit`: predicts image by image, and writes a submission that is checked."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from fashion.cli.chosen_model import ChosenModel
from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.cli.resume_keys import resume_keys
from fashion.commands.thresholded_model import load_thresholded
from fashion.pages.text import count
from fashion.submission.writer import SubmissionWriter
from mrcnn.config import Config
from mrcnn.data.image_io import header, read_image
from mrcnn.data.resize import check_placeable
from mrcnn.locks import FolderInUse
from mrcnn.typing import Array, Size

log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> Path:
    """Writes the submission that the arguments ask for.

    Args:
        args: Result of `fashion.submit.parse`.

    Returns:
        The submission.
    """
    if args.conf is None:
        args.conf = ChosenModel(args).default_confidence()
    with locked_file(args.out), resumable():
        return write_submission(args, args.files)


def write_submission(args: argparse.Namespace, files: Mapping[str, Path]) -> Path:
    """Writes a submission, resuming where an earlier command was interrupted.

    Args:
        args: Result of `fashion.submit.parse`.
        files: Image by ImageId.

    Returns:
        The submission.

    Raises:
        ValueError: The thresholds do not fit the model, or the submission breaks a rule.
    """
    chosen = ChosenModel(args)
    thresholded = load_thresholded(args, chosen)
    model = thresholded.model
    with SubmissionWriter(
        args.out,
        sizes_of(files),
        args.format,
        model.ontology,
        settings=resume_keys(args, chosen.contents(), thresholded.min_score),
        min_share=args.min_share,
        restart=args.restart,
    ) as writer:
        readable: list[str] = []
        broken: list[str] = []
        todo = writer.remaining
        results = thresholded.stream(read_images(files, todo, readable, broken, model.config))
        bar = tqdm(results, total=len(files), initial=len(files) - len(todo), unit="image")
        for i, result in enumerate(bar):
            writer.add(readable[i], result)
        for name in broken:  # the server wants a row for every image
            writer.add_nothing(name)
        writer.finish()
        without_attributes = writer.why_no_attributes()
    images = count(len(files), "image")
    print(
        f"{args.out}: {images}, checked, format {args.format}{peak_memory()}; objects "
        f"{thresholded.counted()}"
    )
    if without_attributes:
        print(without_attributes)
    return args.out


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
            tqdm.write(f"unreadable, so submitted without objects: {error}", file=sys.stderr)
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
