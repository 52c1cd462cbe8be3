"""The whole job on the built-in data.        python fashion/demo.py

Trains the recipe "smoke" on drawn paper dolls, scores it on unseen ones, draws what it sees, and writes a Kaggle submission.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import shutil
import sys
from pathlib import Path

from PIL import Image

from fashion import evaluate, submit, train
from fashion.cli import SAMPLE_FOLDER, run_verb
from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import load_imaterialist
from fashion.model import load_model
from fashion.pages.overlays import OverlayRenderer
from mrcnn.drawing.grid import image_grid
from mrcnn.files import atomic_path

PICTURES = 6


def main(argv=None):
    """Run the demo; its last line gives the scores and the submission."""
    parser = argparse.ArgumentParser(
        prog="fashion demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of the recipe",
    )
    args = parser.parse_args(argv)

    run = train.main(
        [
            "--recipe",
            "smoke",
            "--out",
            str(args.out),
            *(word for s in args.set for word in ("--set", s)),
        ]
    )
    scores = evaluate.main(["--weights", str(run.path), "--out", str(run.path)])
    picture = draw_some(run.path)
    photos = test_photos(run.path)
    submission = submit.main(
        [
            "--weights",
            str(run.path),
            "--images",
            str(photos),
            "--output",
            str(run.path / "submission.csv"),
            "--restart",
        ]
    )
    print(f"picture: {picture}")
    print(
        f"demo: mask_ap50={scores['coco']['segm']['AP50']:.3f} attribute_micro_f1={scores['attributes']['micro_f1']:.3f} "
        f"submission={submission}"
    )


def draw_some(run_folder):
    """A picture of the model's predictions on a few unseen photos; returns its path."""
    model, dataset = load_model(run_folder), unseen()
    draw, photos = (
        OverlayRenderer(model.ontology),
        [dataset.load_image(i) for i in dataset.image_ids[:PICTURES]],
    )
    pictures = [
        draw(photo, result) for photo, result in zip(photos, model.predict(photos), strict=True)
    ]
    path = run_folder / "predictions.jpg"
    with atomic_path(path) as temporary:
        Image.fromarray(image_grid(pictures, columns=3)).save(temporary, quality=90)
    return path


def test_photos(run_folder):
    """A folder with the unseen photos alone, as a contest's test folder would hold them."""
    folder = run_folder / "test_photos"
    folder.mkdir(exist_ok=True)
    for info in unseen().image_info:
        copy = folder / Path(info["path"]).name
        if not copy.exists():
            shutil.copy(info["path"], copy)
    return folder


def unseen():
    """The built-in validation photos."""
    files = find_data(SAMPLE_FOLDER)
    return load_imaterialist(files.val_csv, files.images_dir, files.ontology())


if __name__ == "__main__":
    sys.exit(run_verb(main))
