"""Draw what a model sees in photos.        python fashion/predict.py --weights runs/ccp... photo.jpg folder/ --out predictions

Writes one picture for each photo (mask, box, class, score and the surest attributes) and predictions.json (COCO run lengths).
The same command resumes after an interruption: predictions.partial holds what is done.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import contextlib
import itertools
import json
import sys
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from fashion.classify.garments.rescorer import file_of
from fashion.cli import add_model_arguments, model_settings, run_verb, working_in
from fashion.datasets.files import EXTENSIONS, list_images
from fashion.evaluation.io.results import coco_results
from fashion.evaluation.io.resumable import Journal, journal_differences, remaining
from fashion.model import checkpoint_in, load_model
from fashion.pages.overlays import OverlayRenderer
from mrcnn.data.image_io import read_image
from mrcnn.data.resize import check_placeable
from mrcnn.files import atomic_path, digest_of, write_text


def main(argv=None):
    """Predict as the arguments say; returns the folder of the pictures and the JSON."""
    args = parse(argv)
    photos = picture_paths(find_photos(args.photos), args.out)
    checkpoint = checkpoint_in(args.weights)
    with working_in(args.out, "predict"):
        about = {
            "weights": digest_of(checkpoint),
            "min_score": args.min_score,
            "set": args.set,
            "rescore": args.rescore and digest_of(file_of(args.rescore)),
            "photos": [str(path) for path in args.photos],
        }
        path = args.out / "predictions.partial"
        if args.restart:
            path.unlink(missing_ok=True)
        different = [
            f"{key} {there!r} there, {here!r} here"
            for key, there, here in journal_differences(path, about)
        ]
        if different:
            raise ValueError(
                f"{path} was begun with other arguments ({'; '.join(different)}). Give the same ones to resume, another "
                "folder with --out, or --restart to start over."
            )
        model = load_model(args.weights, **model_settings(args))
        images, annotations = predict_into(args, model, photos, Journal(path, about))
    if not images:
        raise OSError("None of the photos could be read.")
    print(
        f"{len(annotations)} objects in {len(images)} photos; pictures and predictions.json are in {args.out}"
    )
    return args.out


def parse(argv=None):
    """The arguments."""
    parser = argparse.ArgumentParser(
        prog="fashion predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("photos", nargs="+", type=Path, metavar="IMAGE|FOLDER")
    add_model_arguments(parser, min_score=0.5)
    parser.add_argument(
        "--out", type=Path, default=Path("predictions"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="start over even if there are predictions of an interrupted run",
    )
    return parser.parse_args(argv)


def predict_into(args, model, photos, journal):
    """Predicts and draws what the journal lacks, then writes predictions.json; what is done is written also where it is interrupted.

    photos: `{path of a picture: path of its photo}`, in the order in which they are done. Returns the images and the annotations of
    predictions.json.
    """
    path, about = args.out / "predictions.json", {"rescored": bool(args.rescore)}
    try:
        predict_photos(model, photos, journal, args.min_score)
    except BaseException:
        with contextlib.suppress(OSError):  # what stopped it matters more
            journal.close()
            write_json(path, journal, photos, model.ontology.to_dict(), **about)
        raise
    written = write_json(path, journal, photos, model.ontology.to_dict(), **about)
    journal.remove()
    return written


def predict_photos(model, photos, journal, min_score):
    """Predicts and draws the photos that the journal lacks.

    Args:
        model: A `FashionModel`.
        photos: `{path of a picture: path of its photo}`, in the order in which they are done.
        journal: A `Journal`; notes under the picture's name what the photo is and holds, or why it cannot be read.
        min_score: Least confidence score of what is drawn.
    """
    draw = OverlayRenderer(model.ontology, min_confidence=min_score)
    done = {picture for picture, photo in photos.items() if is_done(picture, photo, journal)}
    broken = {picture for picture in done if "broken" in journal.done[picture.name]}
    for picture in photos:
        if picture in broken:
            tqdm.write(f"left out: {journal.done[picture.name]['broken']}", file=sys.stderr)
    todo = remaining(
        [picture for picture in photos if picture not in broken], done, model.config.BATCH_SIZE
    )
    readable = []
    results = model.stream(
        read_photos({picture: photos[picture] for picture in todo}, readable, journal, model.config)
    )
    for number, result in enumerate(
        tqdm(results, total=len(photos), initial=len(photos) - len(todo), unit="photo")
    ):
        picture, about = readable[number]
        height, width = (int(edge) for edge in result["image_hw"])
        # The objects get the image's id when all photos are done: photos that cannot be read have none.
        row = about | {
            "height": height,
            "width": width,
            "objects": coco_results(result, 0, model.ontology, attribute_scores=True),
        }
        with atomic_path(picture, synced=False) as temporary:
            Image.fromarray(draw(read_image(photos[picture], upright=True), result)).save(
                temporary, quality=92
            )
        journal.add(picture.name, row)


def is_done(picture, photo, journal):
    """Whether the journal has this photo, unchanged since, with its picture, or as one that cannot be read."""
    row = journal.done.get(picture.name)
    if not isinstance(row, dict) or {
        key: row.get(key) for key in ("photo", "state")
    } != about_photo(photo):
        return False
    return "broken" in row or "objects" in row and picture.exists()


def about_photo(photo):
    """What tells a photo from others, and from an earlier one of its name."""
    try:
        status = photo.stat()
    except OSError:  # gone; who reads it says so
        return {"photo": str(photo), "state": None}
    return {"photo": str(photo), "state": [status.st_size, status.st_mtime_ns]}


def read_photos(photos, readable, journal, config):
    """The photos of {picture: photo}, one after the other.

    (picture, `about_photo`) of those that can be used are appended to `readable`. Others are told
    and noted: files that cannot be read, and strips that the `config` has no canvas for.
    """
    for picture, path in photos.items():
        about = about_photo(path)
        try:
            photo = read_image(path, upright=True)
            check_placeable(photo.shape[:2], config, path)
        except (OSError, ValueError) as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
            journal.add(picture.name, about | {"broken": str(error)})
            continue
        readable.append((picture, about))
        yield photo
        del photo


def write_json(path, journal, photos, names, **about):
    """COCO's layout: images, annotations with run lengths, and the label list (`Ontology.to_dict`); and what is `about` them all.

    Nothing is written where no photo is done. Returns the images and the annotations.
    """
    images, annotations = [], []
    for picture, photo in photos.items():
        row = journal.done.get(picture.name)
        if row is None or "objects" not in row or row["photo"] != str(photo):
            continue
        number = len(images) + 1
        images.append(
            {
                "id": number,
                "file_name": row["photo"],
                "height": row["height"],
                "width": row["width"],
            }
        )
        annotations += [found | {"image_id": number} for found in row["objects"]]
    if images:
        write_text(
            path,
            json.dumps(
                about
                | {
                    "images": images,
                    "annotations": [{"id": i, **a} for i, a in enumerate(annotations, start=1)],
                    **{
                        kind: [
                            dict(zip(("id", "name", "supercategory"), row, strict=True))
                            for row in names[kind]
                        ]
                        for kind in ("categories", "attributes")
                    },
                }
            ),
        )
    return images, annotations


def find_photos(paths):
    """Files and the photos in folders, in the order given. Raises FileNotFoundError for what is neither."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = list_images(path)
            if not inside:
                raise FileNotFoundError(
                    f"There are no photos ({', '.join(EXTENSIONS)}) in the folder {path}."
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"There is no photo or folder {path}.")
    return found


def picture_paths(files, out):
    """{where the picture of a photo goes: the photo}: <stem>.jpg in `out`, <stem>_2.jpg … for further photos of the same stem.

    Raises ValueError if that would overwrite one of the photos.
    """
    pictures, taken = [], set()
    for path in files:
        names = (path.stem + (f"_{n}" if n > 1 else "") for n in itertools.count(1))
        # Not told apart by case alone, which most file systems of macOS and Windows ignore.
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())
        pictures.append(out / f"{name}.jpg")
    photos = {path.resolve() for path in files}
    overwritten = [picture for picture in pictures if picture.resolve() in photos]
    if overwritten:
        raise ValueError(
            f"The picture of {overwritten[0]} would overwrite the photo. Give another folder: --out DIR."
        )
    return dict(zip(pictures, files, strict=True))


if __name__ == "__main__":
    sys.exit(run_verb(main))
