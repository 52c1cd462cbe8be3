"""Write a Kaggle submission.        python fashion/submit.py --weights runs/fashion... --images test/ --format 2020 --output submission.csv

Goes on photo by photo where it broke off; the file gets its name only after it was checked against the server's rules. What counts is what
scores 0.5 or more, or what --thresholds says, a file of fashion/evaluate.py --tune.
"""
if not __package__:                 # run as a script: the repository, not this folder, belongs on the import path
    import sys
    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import contextlib
import json
import logging
import sys
from pathlib import Path

from tqdm import tqdm

from fashion.classify.garments.rescorer import file_of
from fashion.commands import add_model_arguments, model_settings, run_verb, working_in
from fashion.datasets.files import list_images
from fashion.evaluation.thresholds.table import read_thresholds
from fashion.model import checkpoint_in, load_model
from fashion.submission.writer import SubmissionWriter
from mrcnn.data.images import image_hw, read_image
from mrcnn.files import digest_of
from mrcnn.locks import FolderInUse

log = logging.getLogger(__name__)


def main(argv=None):
    """Write the submission that the arguments ask for; returns its path."""
    parser = argparse.ArgumentParser(prog="fashion submit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser, min_score=0.5)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the test photos")
    parser.add_argument("--format", type=int, choices=(2019, 2020), default=2020, help="the year of the contest (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("submission.csv"), metavar="CSV", help="default: %(default)s")
    parser.add_argument("--thresholds", type=Path, metavar="JSON", help="thresholds.json of fashion/evaluate.py --tune; takes the place of "
                                                                        "--min-score and of the model's own attribute threshold")
    parser.add_argument("--restart", action="store_true", help="begin anew even if there is a partial file")
    args = parser.parse_args(argv)

    if not args.images.is_dir():
        raise FileNotFoundError(f"There is no folder {args.images}. Give the folder that holds the test photos.")
    files = {path.name if args.format == 2019 else path.stem: path for path in list_images(args.images)}
    if not files:
        raise FileNotFoundError(f"There are no photos in {args.images}.")
    with locked_file(args.output):
        return write_submission(args, files)


def write_submission(args, files):
    """Write the submission of `files` ({ImageId: photo}); returns its path."""
    thresholds = read_thresholds(args.thresholds) if args.thresholds else None
    min_score = thresholds.lowest_score() if thresholds else args.min_score
    model = load_model(args.weights, **model_settings(args, min_score))
    settings = {"weights": digest_of(checkpoint_in(args.weights)), "min_score": min_score, "set": args.set}
    if args.rescore:
        settings["rescore"] = digest_of(file_of(args.rescore))
    if thresholds:
        thresholds.check_ontology(model.ontology, args.thresholds)
        settings["thresholds"] = digest_of(args.thresholds)
        rescored = json.loads(args.thresholds.read_text(encoding="utf-8")).get("tuning", {}).get("rescored")
        if rescored is not None and rescored != bool(args.rescore):
            log.warning("%s was searched %s --rescore, so its thresholds are of other scores.", args.thresholds,
                        "with" if rescored else "without")
    with SubmissionWriter(args.output, {name: size_of(path) for name, path in files.items()}, args.format, model.ontology,
                          settings=settings, restart=args.restart) as writer:
        readable, broken = [], []
        todo = writer.remaining
        results = model.stream(read_photos(files, todo, readable, broken))
        for i, result in enumerate(tqdm(results, total=len(files), initial=len(files) - len(todo), unit="photo")):
            writer.add(readable[i], thresholds.applied(result, model.ontology) if thresholds else result)
        for name in broken:             # the server wants a row for every photo
            writer.add_nothing(name)
        writer.finish()
    print(f"{args.output}: {len(files)} photos, checked, format {args.format}{peak_memory()}")
    return args.output


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
        with contextlib.suppress(OSError):          # one that a killed command left, too; unless another is in it by now
            folder.rmdir()


def read_photos(files, names, readable, broken):
    """The photos of these names, one after the other; a name is appended to `readable`, or told and appended to `broken`."""
    for name in names:
        try:
            photo = read_image(files[name])
        except OSError as error:
            tqdm.write(f"submitted as a photo without objects: {error}", file=sys.stderr)
            broken.append(name)
            continue
        readable.append(name)
        yield photo
        del photo


def size_of(path):
    """(height, width) from the header of an image file; (1, 1) if it has none."""
    try:
        return image_hw(path)
    except OSError:
        return 1, 1


def peak_memory():
    """"; peak memory 812 MB", or nothing where the system does not tell (Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return ""
    unit = 2**20 if sys.platform == "darwin" else 2**10         # macOS counts bytes, Linux kilobytes
    return f"; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.0f} MB"


if __name__ == "__main__":
    sys.exit(run_verb(main))
