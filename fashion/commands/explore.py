"""Body of `explore`: measures a data set and writes its page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fashion.cli.data import open_files
from fashion.cli.locks import working_in
from fashion.datasets.annotated import load_part
from fashion.datasets.imaterialist import IMaterialistDataset, load_imaterialist
from fashion.exploration.analysis import analyse
from fashion.exploration.chapters.anchors import is_improvement, settings_line
from fashion.exploration.objects import measure_objects
from fashion.exploration.page import write_exploration
from fashion.exploration.samples import sample_rows, sample_sheet
from fashion.pages.text import count, short_name
from mrcnn.drawing.colors import distinct_colors


def run(args: argparse.Namespace) -> Path:
    """Explores as the arguments ask.

    Args:
        args: Result of `fashion.explore.parse`.

    Returns:
        The page.
    """
    with working_in(args.out, "explore"):
        return explore(args)


def explore(args: argparse.Namespace) -> Path:
    """Explores a data set.

    Args:
        args: Result of `fashion.explore.parse`.

    Returns:
        The page.
    """
    files = open_files(args.data, args.images, args.val)
    ontology = files.ontology()
    parts = with_objects([_load(part, ontology) for part in (files.train, files.val) if part])
    total = sum(len(part.annotations.line) for part in parts)
    with tqdm(total=total, unit="mask", desc="measuring") as bar:
        measured = [(part, measure_objects(part, bar.update)) for part in parts]
    dataset, objects = measured[0]
    analysis = analyse(
        dataset,
        objects,
        args.config,
        val=measured[1] if len(measured) > 1 else None,
        tiny=args.tiny,
        drop_strays=files.year == 2019,  # training leaves those attributes out
        seed=args.seed,
    )
    analysis["training"]["recipe"] = args.recipe  # its NAME begins names of run folders
    sheets = draw_samples(readable(dataset), objects, args.samples, args.seed)
    page = write_exploration(args.out, analysis, f"Data: {files.folder.resolve().name}", sheets)
    if is_improvement(analysis["anchors"]):
        print(_suggestion(analysis["anchors"]))
    print(f"{count(len(analysis['suspicious']), 'data issue')}: {args.out / 'suspicious.csv'}")
    print(f"exploration: {page}")
    return page


def _load(part, ontology):
    if part.reader == "kaggle":  # all attributes, also those that training leaves out
        return load_imaterialist(part.annotations, part.images, ontology, skip_bad=True)
    return load_part(part, ontology, skip_bad=True)


def _suggestion(anchors):
    given, better = anchors["given"]["all"], anchors["suggested"]["all"]
    return (
        f"anchors that fit better (mean IoU {given['mean']:.3f} -> {better['mean']:.3f}, from 0.7 "
        f"on {100 * given['good']:.0f} % -> {100 * better['good']:.0f} %):\n"
        f"  {settings_line(anchors['suggested'])}"
    )


def with_objects(parts: Sequence[IMaterialistDataset]) -> list[IMaterialistDataset]:
    """Leaves out val.csv if it has no objects.

    Args:
        parts: Data sets of train.csv and, if there is one, val.csv.

    Returns:
        Data sets with objects.

    Raises:
        ValueError: train.csv has no objects.
    """
    train, *val = parts
    if not len(train.annotations.line):
        raise ValueError(
            f"{train.annotations.csv_path} has {train.num_images:,} images and no object in any of "
            "them. Expected run lengths in EncodedPixels; is this the CSV to train on?"
        )
    kept = [train]
    for part in val:
        if len(part.annotations.line):
            kept.append(part)
        else:
            path = part.annotations.csv_path
            print(f"{path} has no objects, so it is not compared.", file=sys.stderr)
    return kept


def readable(dataset: IMaterialistDataset) -> IMaterialistDataset:
    """Replaces unreadable images by grey ones and prints what is wrong with them.

    Args:
        dataset: Changed in place.

    Returns:
        The data set.
    """
    load = dataset.load_image

    def load_image(image_id):
        try:
            return load(image_id)
        except OSError as error:
            print(f"data issue: {error}", file=sys.stderr)
            return np.full((*dataset.image_hw(image_id), 3), 200, np.uint8)

    dataset.load_image = load_image  # type: ignore[method-assign]
    return dataset


def draw_samples(
    dataset: IMaterialistDataset, objects: Any, count: int, seed: int
) -> dict[str, Any]:
    """Draws some objects of each class.

    Args:
        dataset: Data set of the objects.
        objects: Result of `measure_objects`.
        count: Objects of each class.
        seed: Chooses them.

    Returns:
        A sheet by class name, of the classes that occur.
    """
    names = [short_name(name) for name in dataset.ontology.category_names]
    rows = {k: sample_rows(objects, k, count, seed) for k in range(1, len(names) + 1)}
    rows = {k: some for k, some in rows.items() if some}
    colors = distinct_colors(len(names))
    return {
        names[k - 1]: sample_sheet(dataset, objects, some, colors[k - 1])
        for k, some in tqdm(rows.items(), unit="class", desc="samples")
    }
