"""Body of `predict`: predicts and draws images one by one, and resumes after an interruption."""

import argparse
import contextlib
import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from fashion.cli.chosen_model import ChosenModel
from fashion.cli.interrupts import resumable
from fashion.cli.locks import working_in
from fashion.cli.resume_keys import check_same_keys, resume_keys
from fashion.commands.thresholded_model import ThresholdedModel, load_thresholded
from fashion.evaluation.io.results import coco_results
from fashion.evaluation.io.resumable import Journal, remaining
from fashion.pages.overlays import OverlayRenderer
from fashion.pages.text import count
from mrcnn.config import Config
from mrcnn.data.image_io import read_image
from mrcnn.data.resize import check_placeable
from mrcnn.files import atomic_path, write_text
from mrcnn.typing import Array

# An overlay, and the image that it is drawn on.
Overlays = Mapping[Path, Path]


def run(args: argparse.Namespace) -> Path:
    """Predicts as the arguments ask.

    Args:
        args: Result of `fashion.predict.parse`.

    Returns:
        The folder of the overlays and of predictions.json.

    Raises:
        OSError: No image can be read.
    """
    overlays = overlay_paths(args.files, args.out)
    chosen = ChosenModel(args)
    if args.conf is None:
        args.conf = chosen.default_confidence()
    with working_in(args.out, "predict"), resumable():
        partial, about = args.out / "predictions.partial", _keys(args, chosen)
        if args.restart:
            partial.unlink(missing_ok=True)
        check_same_keys(partial, about)
        model = load_thresholded(args, chosen)
        images, annotations = predict_into(args, model, overlays, Journal(partial, about))
    if not images:
        raise OSError("None of the images could be read.")
    print(
        f"{count(len(annotations), 'object')} in {count(len(images), 'image')}, {model.counted()}; "
        f"overlays and predictions.json are in {args.out}"
    )
    return args.out


def _keys(args, chosen):
    """What an interrupted command must have been asked for to be resumed."""
    keys = resume_keys(args, chosen.contents(), args.conf)
    limit = {"limit": args.limit} if args.limit else {}
    return keys | {"photos": [str(path) for path in args.images]} | limit


def predict_into(
    args: argparse.Namespace, model: ThresholdedModel, overlays: Overlays, journal: Journal
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Predicts what the journal lacks, then writes predictions.json, even if interrupted.

    Args:
        args: Result of `fashion.predict.parse`.
        model: Trained model.
        overlays: Image of each overlay, in the order in which they are done.
        journal: Finished images.

    Returns:
        images: Of predictions.json.
        annotations: Of predictions.json.
    """
    path = args.out / "predictions.json"
    about = {"rescored": bool(args.rescore)} | ChosenModel(args).names()
    labels = model.model.ontology.to_dict()
    try:
        predict_images(model, overlays, journal)
    except BaseException:
        with contextlib.suppress(OSError):  # the first exception matters more
            journal.close()
            write_json(path, journal, overlays, labels, **about)
        raise
    written = write_json(path, journal, overlays, labels, **about)
    journal.remove()
    return written


def predict_images(model: ThresholdedModel, overlays: Overlays, journal: Journal) -> None:
    """Predicts and draws the images that the journal lacks.

    Args:
        model: Trained model.
        overlays: Image of each overlay, in the order in which they are done.
        journal: Receives, by the name of the overlay, what the image is and holds, or why it
            cannot be read.
    """
    config, ontology = model.model.config, model.model.ontology
    draw = OverlayRenderer(ontology, min_confidence=model.min_score)
    done = {overlay for overlay, image in overlays.items() if is_done(overlay, image, journal)}
    broken = {overlay for overlay in done if "broken" in journal.done[overlay.name]}
    for overlay in overlays:
        if overlay in broken:
            tqdm.write(f"left out: {journal.done[overlay.name]['broken']}", file=sys.stderr)
    unbroken = [overlay for overlay in overlays if overlay not in broken]
    todo = remaining(unbroken, done, config.BATCH_SIZE)
    readable: list[tuple[Path, dict[str, Any]]] = []
    to_read = {overlay: overlays[overlay] for overlay in todo}
    results = model.stream(read_images(to_read, readable, journal, config))
    initial = len(overlays) - len(todo)
    bar = tqdm(results, total=len(overlays), initial=initial, unit="image")
    for number, result in enumerate(bar):
        overlay, about = readable[number]
        height, width = (int(edge) for edge in result["image_hw"])
        # Objects get their image id when all images are done: unreadable ones have none.
        objects = coco_results(result, 0, ontology, attribute_scores=True)
        row = about | {"height": height, "width": width, "objects": objects}
        drawn = draw(read_image(overlays[overlay], upright=True), result)
        with atomic_path(overlay, synced=False) as temporary:
            Image.fromarray(drawn).save(temporary, quality=92)
        journal.add(overlay.name, row)


def is_done(overlay: Path, image: Path, journal: Journal) -> bool:
    """Returns whether an image is finished.

    Args:
        overlay: Its overlay.
        image: The image.
        journal: Finished images.

    Returns:
        Whether the journal has it, unchanged since, with its overlay or as unreadable.
    """
    row = journal.done.get(overlay.name)
    if not isinstance(row, dict):
        return False
    if {key: row.get(key) for key in ("photo", "state")} != about_image(image):
        return False
    return "broken" in row or "objects" in row and overlay.exists()


def about_image(image: Path) -> dict[str, Any]:
    """Describes a file, so that another one of its name is recognised.

    Args:
        image: The image.

    Returns:
        "photo", its path; "state", its size and time of change, None if there is no such file.
    """
    try:
        status = image.stat()
    except OSError:  # reading it gives the error message
        return {"photo": str(image), "state": None}
    return {"photo": str(image), "state": [status.st_size, status.st_mtime_ns]}


def read_images(
    overlays: Overlays,
    readable: list[tuple[Path, dict[str, Any]]],
    journal: Journal,
    config: Config,
) -> Iterator[Array]:
    """Reads images; those that cannot be used are printed and noted.

    Args:
        overlays: Image of each overlay.
        readable: Receives, before each image, its overlay and `about_image`.
        journal: Receives what is wrong with unreadable files, and with strips that no canvas of
            `config` holds.
        config: Config of the model.

    Yields:
        `(H, W, 3)` uint8, upright.
    """
    for overlay, path in overlays.items():
        about = about_image(path)
        try:
            image = read_image(path, upright=True)
            check_placeable(image.shape[:2], config, str(path))
        except (OSError, ValueError) as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
            journal.add(overlay.name, about | {"broken": str(error)})
            continue
        readable.append((overlay, about))
        yield image
        del image


def write_json(
    path: Path, journal: Journal, overlays: Overlays, names: Mapping[str, Any], **about: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Writes predictions.json in COCO's layout, unless no image is finished.

    Args:
        path: The file.
        journal: Finished images.
        overlays: Image of each overlay.
        names: Label list, see `Ontology.to_dict`.
        **about: More entries of the file.

    Returns:
        images: Of the file.
        annotations: Of the file, with run lengths.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for overlay, image in overlays.items():
        row = journal.done.get(overlay.name)
        if row is None or "objects" not in row or row["photo"] != str(image):
            continue
        number = len(images) + 1
        size = {"height": row["height"], "width": row["width"]}
        images.append({"id": number, "file_name": row["photo"], **size})
        annotations += [found | {"image_id": number} for found in row["objects"]]
    if images:
        content = about | {
            "images": images,
            "annotations": [{"id": i, **row} for i, row in enumerate(annotations, start=1)],
        }
        for kind in ("categories", "attributes"):
            keys = ("id", "name", "supercategory")
            content[kind] = [dict(zip(keys, row, strict=True)) for row in names[kind]]
        write_text(path, json.dumps(content))
    return images, annotations


def overlay_paths(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Chooses where the overlay of each image goes.

    Args:
        files: The images.
        out: Folder of the overlays.

    Returns:
        Image by overlay: <stem>.jpg in `out`, then <stem>_2.jpg … for more images of that stem.

    Raises:
        ValueError: An overlay would overwrite one of the images.
    """
    overlays, taken = [], set()
    for path in files:
        names = (path.stem + (f"_{n}" if n > 1 else "") for n in itertools.count(1))
        # Names differ by more than case, which most file systems of macOS and Windows ignore.
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())
        overlays.append(out / f"{name}.jpg")
    images = {path.resolve() for path in files}
    overwritten = [overlay for overlay in overlays if overlay.resolve() in images]
    if overwritten:
        raise ValueError(
            f"The overlay of {overwritten[0]} would overwrite the image itself. Give another "
            "folder: --out DIR."
        )
    return dict(zip(overlays, files, strict=True))
