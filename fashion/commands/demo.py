"""Body of `demo`: calls the verbs one after the other on the built-in drawings."""

import argparse
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from fashion.cli.data import SAMPLE_FOLDER
from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import IMaterialistDataset, load_imaterialist
from fashion.model import load_model
from fashion.pages.overlays import OverlayRenderer
from mrcnn.drawing.grid import image_grid
from mrcnn.files import atomic_path

OVERLAYS = 6


def run(args: argparse.Namespace, verbs: Mapping[str, Callable[[list[str]], Any]]) -> None:
    """Runs the demo; its last line gives the scores and the submission.

    Args:
        args: Result of `fashion.demo.parse`.
        verbs: `main` of train, evaluate and submit.
    """
    settings = []
    for setting in args.set:
        settings += ["--set", setting]
    run = verbs["train"](["--recipe", "smoke", "--out", str(args.out), *settings])
    assert run is not None  # neither a split nor a preview was asked for
    weights = ["--weights", str(run.path)]
    scores = verbs["evaluate"]([*weights, "--out", str(run.path / "evaluation")])
    overlays = draw_some(run.path)
    images, output = test_images(run.path), run.path / "submission.csv"
    submission = verbs["submit"](
        [*weights, "--images", str(images), "--out", str(output), "--restart"]
    )
    print(f"overlays: {overlays}")
    print(
        f"demo: mask_ap50={scores['coco']['segm']['AP50']:.3f} "
        f"attribute_micro_f1={scores['attributes']['micro_f1']:.3f} submission={submission}"
    )


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
