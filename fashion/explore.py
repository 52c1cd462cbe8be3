"""Look at a data set before training on it.        python fashion/explore.py --data ~/imaterialist --out exploration

Writes one page, index.html: sizes of photos; how often classes and attributes occur, and which together; sizes and shapes of masks; how
anchors fit at the training size of a recipe, and which would fit better; sample masks of every class; suspicious rows; and whether
train.csv and val.csv differ. Its numbers lie beside it: exploration.json, classes.csv, attributes.csv, suspicious.csv.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.cli import add_data_arguments, open_files, run_verb
from fashion.datasets.imaterialist import load_imaterialist
from fashion.exploration.analysis import analyse
from fashion.exploration.chapters.anchors import settings_line
from fashion.exploration.data_issues import TINY
from fashion.exploration.objects import measure_objects
from fashion.exploration.page import write_exploration
from fashion.exploration.samples import sample_rows, sample_sheet
from mrcnn.config import parse_setting
from mrcnn.drawing.colors import distinct_colors


def main(argv=None):
    """Explore as the arguments say; returns the path of the page."""
    from fashion.config import RECIPES

    parser = argparse.ArgumentParser(
        prog="fashion explore",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_arguments(parser, skip_bad=False)  # wrong rows are listed on the page
    parser.add_argument(
        "--out", type=Path, default=Path("exploration"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--recipe",
        choices=sorted(RECIPES),
        default="baseline",
        help="whose training size and anchors the objects are compared with (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of the recipe",
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=6,
        metavar="N",
        help="objects drawn of each class (default: %(default)s)",
    )
    parser.add_argument(
        "--tiny",
        type=int,
        default=TINY,
        metavar="PIXELS",
        help="masks of fewer pixels are suspicious (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default: %(default)s)")
    args = parser.parse_args(argv)
    for name, least in (("samples", 0), ("tiny", 0), ("seed", 0)):
        if getattr(args, name) < least:
            parser.error(f"--{name} must be {least} or more. Got {getattr(args, name)}")
    config = RECIPES[args.recipe].from_dict(
        dict(parse_setting(text, RECIPES[args.recipe]) for text in args.set)
    )
    args.out.mkdir(parents=True, exist_ok=True)  # before the work, not after it

    files = open_files(args.data)
    ontology = files.ontology()
    parts = [
        load_imaterialist(path, files.images_dir, ontology, skip_bad=True)
        for path in (files.train_csv, files.val_csv)
        if path
    ]
    parts = with_objects(parts)
    with tqdm(
        total=sum(len(part.annotations.line) for part in parts), unit="mask", desc="measuring"
    ) as bar:
        measured = [(part, measure_objects(part, bar.update)) for part in parts]
    dataset, objects = measured[0]
    # Attributes that training would leave out are not counted.
    analysis = analyse(
        dataset,
        objects,
        config,
        val=measured[1] if len(measured) > 1 else None,
        tiny=args.tiny,
        drop_strays=files.year == 2019,
        seed=args.seed,
    )
    sheets = draw_samples(readable(dataset), objects, args.samples, args.seed)
    page = write_exploration(args.out, analysis, f"Data: {files.folder.resolve().name}", sheets)
    if analysis["anchors"]["changed"]:
        given, better = (analysis["anchors"][which]["all"] for which in ("given", "suggested"))
        print(
            f"anchors that fit better (mean IoU {given['mean']:.3f} -> {better['mean']:.3f}, from 0.7 on {100 * given['good']:.0f} % -> "
            f"{100 * better['good']:.0f} %):\n  {settings_line(analysis['anchors']['suggested'])}"
        )
    print(
        f"{len(analysis['suspicious'])} suspicious rows: {args.out / 'suspicious.csv'}\nexploration: {page}"
    )
    return page


def with_objects(parts):
    """The datasets of train.csv and val.csv, the latter only if it has objects.

    Raises ValueError if train.csv has none: then there is nothing to look at.
    """
    train, *val = parts
    if not len(train.annotations.line):
        raise ValueError(
            f"{train.annotations.csv_path} has {train.num_images:,} images and no object in any of "
            "them. "
            "Expected run lengths in EncodedPixels; is this the CSV to train on?"
        )
    for part in val:
        if not len(part.annotations.line):
            print(
                f"{part.annotations.csv_path} has no objects, so it is not compared.",
                file=sys.stderr,
            )
    return [train, *(part for part in val if len(part.annotations.line))]


def readable(dataset):
    """The dataset, of which a photo that turns out to be broken is grey and told on the screen, instead of ending the exploration."""
    load = dataset.load_image

    def load_image(image_id):
        try:
            return load(image_id)
        except OSError as error:
            print(f"suspicious: {error}", file=sys.stderr)
            return np.full((*dataset.image_hw(image_id), 3), 200, np.uint8)

    dataset.load_image = load_image
    return dataset


def draw_samples(dataset, objects, count, seed):
    """{class name: sheet of some of its objects}, for each class that occurs."""
    names = [name.split(",")[0] for name in dataset.ontology.category_names]
    rows = {k: sample_rows(objects, k, count, seed) for k in range(1, len(names) + 1)}
    rows = {k: some for k, some in rows.items() if some}
    colors = distinct_colors(len(names))
    return {
        names[k - 1]: sample_sheet(dataset, objects, some, colors[k - 1])
        for k, some in tqdm(rows.items(), unit="class", desc="samples")
    }


if __name__ == "__main__":
    sys.exit(run_verb(main))
