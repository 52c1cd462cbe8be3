"""Draw what a model sees in photos.        python fashion/predict.py --weights runs/ccp... photo.jpg folder/ --out predictions

Writes one picture for each photo (mask, box, class, score and the surest attributes) and predictions.json (COCO run lengths).
"""
if not __package__:                 # run as a script: the repository, not this folder, belongs on the import path
    import sys
    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import itertools
import json
import sys
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from fashion.commands import add_model_arguments, model_settings, run_verb
from fashion.datasets.files import EXTENSIONS, list_images
from fashion.evaluation.results import coco_results
from fashion.model import load_model
from fashion.pictures import Illustrator
from mrcnn.data.images import read_image
from mrcnn.files import atomic_path, write_text


def main(argv=None):
    """Predict as the arguments say; returns the folder of the pictures and the JSON."""
    parser = argparse.ArgumentParser(prog="fashion predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path, metavar="IMAGE|FOLDER")
    add_model_arguments(parser, min_score=0.5)
    parser.add_argument("--out", type=Path, default=Path("predictions"), metavar="DIR", help="default: %(default)s")
    args = parser.parse_args(argv)

    files = find_photos(args.photos)
    pictures = picture_paths(files, args.out)
    model = load_model(args.weights, **model_settings(args))
    draw = Illustrator(model.ontology, min_confidence=args.min_score)
    readable, images, annotations = [], [], []
    results = model.stream(read_photos(zip(files, pictures, strict=True), readable))
    try:
        for number, result in enumerate(tqdm(results, total=len(files), unit="photo"), start=1):
            path, picture = readable[number - 1]
            height, width = result["image_hw"]
            images.append({"id": number, "file_name": str(path), "height": height, "width": width})
            annotations += coco_results(result, number, model.ontology, attribute_scores=True)
            with atomic_path(picture, synced=False) as temporary:
                Image.fromarray(draw(read_image(path, upright=True), result)).save(temporary, quality=92)
    finally:
        if images:
            write_json(args.out / "predictions.json", images, annotations, model.ontology.to_dict(), rescored=bool(args.rescore))
    if not images:
        raise OSError("None of the photos could be read.")
    print(f"{len(annotations)} objects in {len(images)} photos; pictures and predictions.json are in {args.out}")
    return args.out


def read_photos(files, readable):
    """The photos of (path, picture) pairs, one after the other; those that can be read are appended to `readable`, others are told."""
    for path, picture in files:
        try:
            photo = read_image(path, upright=True)
        except OSError as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
            continue
        readable.append((path, picture))
        yield photo
        del photo


def write_json(path, images, annotations, names, **about):
    """COCO's layout: images, annotations with run lengths, and the label list (`Ontology.to_dict`); and what is `about` them all."""
    write_text(path, json.dumps(about | {
        "images": images, "annotations": [{"id": i, **a} for i, a in enumerate(annotations, start=1)],
        **{kind: [dict(zip(("id", "name", "supercategory"), row, strict=True)) for row in names[kind]]
           for kind in ("categories", "attributes")}}))


def find_photos(paths):
    """Files and the photos in folders, in the order given. Raises FileNotFoundError for what is neither."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = list_images(path)
            if not inside:
                raise FileNotFoundError(f"There are no photos ({', '.join(EXTENSIONS)}) in the folder {path}.")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"There is no photo or folder {path}.")
    return found


def picture_paths(files, out):
    """Where the pictures of the photos go: <stem>.jpg in `out`, <stem>_2.jpg … for further photos of the same stem.

    Raises ValueError if that would overwrite one of the photos.
    """
    pictures, taken = [], set()
    for path in files:
        names = (path.stem + (f"_{n}" if n > 1 else "") for n in itertools.count(1))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        pictures.append(out / f"{name}.jpg")
    photos = {path.resolve() for path in files}
    overwritten = [picture for picture in pictures if picture.resolve() in photos]
    if overwritten:
        raise ValueError(f"The picture of {overwritten[0]} would overwrite the photo. Give another folder: --out DIR.")
    return pictures


if __name__ == "__main__":
    sys.exit(run_verb(main))
