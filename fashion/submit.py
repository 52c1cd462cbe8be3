"""Write a Kaggle submission.        python fashion/submit.py --weights runs/fashion... --images test/ --format 2020 --output submission.csv

Goes on photo by photo where it broke off; the file gets its name only after it was checked against the server's rules. What counts is what
scores 0.5 or more, or what --thresholds says, a file of fashion/evaluate.py --tune.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import contextlib
import logging
import sys
from pathlib import Path

from tqdm import tqdm

from fashion.classify.garments.rescorer import file_of
from fashion.cli import add_model_arguments, model_settings, run_verb, working_in
from fashion.datasets.files import list_images
from fashion.evaluation.thresholds.files import read_thresholds, read_tuning
from fashion.model import checkpoint_in, load_model
from fashion.submission.resolve import MIN_SHARE
from fashion.submission.writer import SubmissionWriter
from mrcnn.data.image_io import header, read_image
from mrcnn.data.resize import check_placeable
from mrcnn.files import digest_of
from mrcnn.locks import FolderInUse

log = logging.getLogger(__name__)


def main(argv=None):
    """Write the submission that the arguments ask for; returns its path."""
    parser = argparse.ArgumentParser(
        prog="fashion submit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        help="leave out a mask of which better ones of its "
        "category leave less than this share (default: %(default)s)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="begin anew even if there is a partial file"
    )
    args = parser.parse_args(argv)

    if not 0 <= args.min_share <= 1:
        parser.error(f"--min-share lies between 0 and 1. Got {args.min_share}")
    if not args.images.is_dir():
        raise FileNotFoundError(
            f"There is no folder {args.images}. Give the folder that holds the test photos."
        )
    files = files_by_name(list_images(args.images), args.format)
    if not files:
        raise FileNotFoundError(f"There are no photos in {args.images}.")
    with locked_file(args.output):
        return write_submission(args, files)


def write_submission(args, files):
    """Write the submission of `files` ({ImageId: photo}); returns its path."""
    thresholds = read_thresholds(args.thresholds) if args.thresholds else None
    min_score = thresholds.min_score() if thresholds else args.min_score
    model = load_model(args.weights, **model_settings(args, min_score))
    settings = {
        "weights": digest_of(checkpoint_in(args.weights)),
        "min_score": min_score,
        "set": args.set,
    }
    if args.rescore:
        settings["rescore"] = digest_of(file_of(args.rescore))
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
    with SubmissionWriter(
        args.output,
        sizes_of(files),
        args.format,
        model.ontology,
        settings=settings,
        min_share=args.min_share,
        restart=args.restart,
    ) as writer:
        readable, broken = [], []
        todo = writer.remaining
        results = model.stream(read_photos(files, todo, readable, broken, model.config))
        for i, result in enumerate(
            tqdm(results, total=len(files), initial=len(files) - len(todo), unit="photo")
        ):
            writer.add(
                readable[i],
                thresholds.apply_to_result(result, model.ontology) if thresholds else result,
            )
        for name in broken:  # the server wants a row for every photo
            writer.add_nothing(name)
        writer.finish()
    print(f"{args.output}: {len(files)} photos, checked, format {args.format}{peak_memory()}")
    return args.output


def files_by_name(paths, year):
    """{name in the submission: path} of photos. Raises ValueError where two have one name."""
    files = {}
    for path in paths:
        name = path.name if year == 2019 else path.stem
        if name in files:
            raise ValueError(
                f"{files[name].name} and {path.name} are the same photo {name!r} in a "
                f"submission of {year}. Take one of them "
                f"out of {path.parent}."
            )
        files[name] = path
    return files


@contextlib.contextmanager
def locked_file(path):
    """Keeps a second command from writing the same submission. Locks are on folders, and others may be written beside it."""
    folder = path.with_name(f".{path.name}.lock")
    try:
        with working_in(folder, "submit"):
            yield
    except FolderInUse as error:
        raise FolderInUse(f"{path} is being written already: {error}") from error
    finally:
        with contextlib.suppress(
            OSError
        ):  # one that a killed command left, too; unless another is in it by now
            folder.rmdir()


def read_photos(files, names, readable, broken, config):
    """The photos of these names, one after the other; a name is appended to `readable`, or told and appended to `broken`."""
    for name in names:
        try:
            # as `predict` does: the network has not seen people lying on their side
            photo = read_image(files[name], upright=True)
            check_placeable(photo.shape[:2], config, files[name])
        except (OSError, ValueError) as error:
            tqdm.write(f"submitted as a photo without objects: {error}", file=sys.stderr)
            broken.append(name)
            continue
        readable.append(name)
        yield photo
        del photo


def sizes_of(files):
    """{name: (height, width)} of image files {name: path}, as `read_photos` turns them; (1, 1) for
    one without a header."""
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
            "pixels, "
            "save the photos without that tag.",
            len(turned),
            turned[0],
        )
    return sizes


def peak_memory():
    """ "; peak memory 812 MB", or nothing where the system does not tell (Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return ""
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux kilobytes
    return f"; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f} MB"


if __name__ == "__main__":
    sys.exit(run_verb(main))
