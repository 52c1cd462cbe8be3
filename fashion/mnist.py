"""Train classifiers on Fashion-MNIST.        python fashion/mnist.py --out runs/mnist --epochs 10

Trains the networks of a student report, with one, two and three convolutions, each with every seed, and measures them on the test images:
index.html and metrics.json side by side; in the folder of each run its history.csv, metrics, predictions and weights. A killed run goes
on after its last whole epoch and ends as an unbroken one; what is finished is not done again, and --epochs 50 goes on from 10.
--recipe report trains as the report did, measured after 10 and 50 epochs; best trains better for 100; best-all on all training images.
Without --data the four official files are fetched into data/fashion_mnist.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import dataclasses
import json
import re
import sys
from pathlib import Path

from tqdm import tqdm

from fashion.classify.data import load_images
from fashion.classify.networks import NETWORKS, build, multiply_adds
from fashion.classify.recipes import RECIPES
from fashion.classify.results import read_result
from fashion.classify.training import epochs_done, train
from fashion.cli import run_verb, working_in
from fashion.studies.classifier_page import rows_of, write_page
from mrcnn.drawing.tables import text_table
from mrcnn.files import write_text

BAR = "{desc}{percentage:5.1f}%|{bar}| {elapsed}<{remaining}"  # the work is not counted in anything that a person would count


def main(argv=None):
    """Train as the arguments say; returns the path of the page."""
    args = parse(argv)
    with working_in(args.out, "mnist", below=True):
        return train_and_measure(args)


def train_and_measure(args):
    """What is missing of the runs, then the page of all."""
    recipe = RECIPES[args.recipe]
    if args.epochs:
        recipe = dataclasses.replace(recipe, epochs=tuple(sorted(set(args.epochs))))
    train_images, test_images = load_images(args.data)
    # One after the other: broken off, it leaves every network with the same seeds.
    runs = [
        (network, seed)
        for seed in range(1, 1 + args.seeds)
        for network in NETWORKS
        if network in (args.only or NETWORKS)
    ]
    images = len(train_images) - round(recipe.held_out * len(train_images))
    work = {network: multiply_adds(build(network)) * images for network in NETWORKS}  # of an epoch
    folders = {run: folder_of(args.out, args.recipe, *run) for run in runs}
    done = {run: min(epochs_done(folder), recipe.epochs[-1]) for run, folder in folders.items()}
    with tqdm(
        total=sum(work[network] * recipe.epochs[-1] for network, _ in runs),
        bar_format=BAR,
        initial=sum(work[run[0]] * epochs for run, epochs in done.items()),
    ) as bar:
        for network, seed in runs:
            train(
                folders[network, seed],
                network,
                recipe,
                seed,
                train_images,
                test_images,
                on_batch=lambda count, share=work[network] / images: bar.update(count * share),
                on_epoch=lambda epoch, name=f"{network}, seed {seed}": bar.set_description(
                    f"{name}, epoch {epoch}/{recipe.epochs[-1]}"
                ),
            )
    results = all_results(args.out)
    write_text(
        args.out / "metrics.json",
        json.dumps([r.metrics for some in results.values() for r in some], indent=1) + "\n",
    )
    write_page(args.out / "index.html", results, test_images)
    print(f"{text_table(rows_of(results))}\npage: {args.out / 'index.html'}")
    return args.out / "index.html"


def parse(argv):
    """The arguments, checked."""
    parser = argparse.ArgumentParser(
        prog="fashion mnist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with the four idx files, with or without .gz",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the runs and the page"
    )
    parser.add_argument(
        "--recipe", choices=list(RECIPES), default="report", help="default: %(default)s"
    )
    parser.add_argument(
        "--only",
        choices=list(NETWORKS),
        action="append",
        help="this network alone; may be given several times",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        nargs="+",
        metavar="N",
        help="measure after each of these; the largest ends the training (default: the recipe's)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="runs of each network (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    if args.seeds < 1 or min(args.epochs or [1]) < 1:
        parser.error(f"--seeds and --epochs are at least 1. Got {args.seeds} and {args.epochs}")
    return args


def folder_of(out, recipe, network, seed):
    """Where a run is."""
    return out / f"{recipe}-{network}" / f"seed{seed}"


def all_results(out):
    """{(recipe, network, epoch): [Result of each seed]} of all that was ever measured in `out`."""

    def seed_and_epoch(path):
        return [int(number) for number in re.findall(r"\d+", "/".join(path.parts[-2:]))]

    found = {}
    for path in sorted(out.glob("*/seed*/metrics_*.json"), key=seed_and_epoch):
        recipe, _, network = path.parts[-3].rpartition("-")
        epoch = int(path.stem.removeprefix("metrics_"))
        if recipe in RECIPES and network in NETWORKS:
            found.setdefault((recipe, network, epoch), []).append(read_result(path.parent, epoch))
    return found


if __name__ == "__main__":
    sys.exit(run_verb(main))
