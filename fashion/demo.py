"""The whole job on the built-in data.

    python fashion/demo.py

Trains the recipe "smoke" on drawn paper dolls, scores it on unseen ones, draws what it sees, and
writes a Kaggle submission.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from fashion import evaluate, submit, train
from fashion.cli import SAMPLE_FOLDER, run_verb
from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import IMaterialistDataset, load_imaterialist
from fashion.model import load_model
from fashion.pages.overlays import OverlayRenderer
from mrcnn.drawing.grid import image_grid
from mrcnn.files import atomic_path

OVERLAYS = 6


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the demo; its last line gives the scores and the submission.

    Args:
        argv: Arguments; None takes those of the process.
    """
    args = parse(argv)
    settings = []
    for setting in args.set:
        settings += ["--set", setting]
    run = train.main(["--recipe", "smoke", "--out", str(args.out), *settings])
    assert run is not None  # neither a split nor a preview was asked for
    weights = ["--weights", str(run.path)]
    scores = evaluate.main([*weights, "--out", str(run.path / "evaluation")])
    overlays = draw_some(run.path)
    images, output = test_images(run.path), run.path / "submission.csv"
    submission = submit.main(
        [*weights, "--images", str(images), "--output", str(output), "--restart"]
    )
    print(f"picture: {overlays}")
    print(
        f"demo: mask_ap50={scores['coco']['segm']['AP50']:.3f} "
        f"attribute_micro_f1={scores['attributes']['micro_f1']:.3f} submission={submission}"
    )


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.
    """
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
    return parser.parse_args(argv)


def draw_some(run_folder: Path) -> Path:
    """Draws predictions on a few unseen images.

    Args:
        run_folder: Folder of the training.

    Returns:
        One image of all overlays.
    """
    model, dataset = load_model(run_folder), unseen()
    draw = OverlayRenderer(model.ontology)
    images = [dataset.load_image(i) for i in dataset.image_ids[:OVERLAYS]]
    results = model.predict(images)
    overlays = [draw(image, result) for image, result in zip(images, results, strict=True)]
    path = run_folder / "predictions.jpg"
    with atomic_path(path) as temporary:
        Image.fromarray(image_grid(overlays, columns=3)).save(temporary, quality=90)
    return path


def test_images(run_folder: Path) -> Path:
    """Copies the unseen images into a folder, like the test folder of a contest.

    Args:
        run_folder: Folder of the training.

    Returns:
        The folder.
    """
    folder = run_folder / "test_photos"
    folder.mkdir(exist_ok=True)
    for info in unseen().image_info:
        copy = folder / Path(info["path"]).name
        if not copy.exists():
            shutil.copy(info["path"], copy)
    return folder


def unseen() -> IMaterialistDataset:
    """Loads the built-in validation images.

    Returns:
        The data set.
    """
    files = find_data(SAMPLE_FOLDER)
    assert files.val_csv is not None
    return load_imaterialist(files.val_csv, files.images_dir, files.ontology())


if __name__ == "__main__":
    sys.exit(run_verb(main))
