"""Train classifiers on Fashion-MNIST.

    python fashion/mnist.py --out runs/mnist --epochs 10

Trains the networks of a student report, with one, two and three convolutions, each with every
seed, and measures them on the test images: index.html and metrics.json side by side; in the folder
of each run its history.csv, metrics, predictions and weights. A killed run goes on after its last
whole epoch and ends as an unbroken one; what is finished is not done again, and --epochs 50 goes
on from 10. --recipe report trains as the report did, measured after 10 and 50 epochs; best trains
better for 100; best-all on all training images. Without --data the four official files are fetched
into data/fashion_mnist.
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."

import argparse
import dataclasses
import itertools
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from fashion.classify.data import load_images
from fashion.classify.networks import NETWORKS, build, multiply_adds
from fashion.classify.recipes import RECIPES
from fashion.classify.results import Result, read_result
from fashion.classify.training import epochs_done, train
from fashion.cli import run_verb, working_in
from fashion.studies.classifier_page import rows_of, write_page
from fashion.studies.runner import run_study
from mrcnn.drawing.tables import text_table
from mrcnn.files import write_text

# Without counts: the bar measures work in multiply-adds.
BAR = "{desc}{percentage:5.1f}%|{bar}| {elapsed}<{remaining}"


def main(argv: Sequence[str] | None = None) -> Path:
    """Trains and measures as the arguments ask.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The page.
    """
    args = parse(argv)
    with working_in(args.out, "mnist", below=True):
        return train_and_measure(args)


def train_and_measure(args: argparse.Namespace) -> Path:
    """Trains what is missing, then writes the page of all runs.

    Args:
        args: Result of `parse`.

    Returns:
        The page.
    """
    recipe = RECIPES[args.recipe]
    if args.epochs:
        recipe = dataclasses.replace(recipe, epochs=tuple(sorted(set(args.epochs))))
    train_images, test_images = load_images(args.data)
    networks = [network for network in NETWORKS if network in (args.only or NETWORKS)]
    last = recipe.epochs[-1]
    images = len(train_images) - round(recipe.held_out * len(train_images))
    work = {network: multiply_adds(build(network)) for network in NETWORKS}  # for each image
    total = done = 0
    for network, seed in itertools.product(networks, range(1, 1 + args.seeds)):
        epochs = epochs_done(folder_of(args.out, args.recipe, network, seed))
        total += work[network] * images * last
        done += work[network] * images * min(epochs, last)
    with tqdm(total=total, bar_format=BAR, initial=done) as bar:

        def run_one(network, seed):
            train(
                folder_of(args.out, args.recipe, network, seed),
                network,
                recipe,
                seed,
                train_images,
                test_images,
                on_batch=lambda count: bar.update(count * work[network]),
                on_epoch=lambda epoch: bar.set_description(
                    f"{network}, seed {seed}, epoch {epoch}/{last}"
                ),
            )

        run_study(networks, args.seeds, run_one)
    results = all_results(args.out)
    metrics = [result.metrics for result in itertools.chain.from_iterable(results.values())]
    write_text(args.out / "metrics.json", json.dumps(metrics, indent=1) + "\n")
    page = args.out / "index.html"
    write_page(page, results, test_images)
    print(f"{text_table(rows_of(results))}\npage: {page}")
    return page


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses and checks the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments.
    """
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


def folder_of(out: Path, recipe: str, network: str, seed: int) -> Path:
    """Chooses the folder of a run.

    Args:
        out: Folder of all runs.
        recipe: A key of `RECIPES`.
        network: A key of `NETWORKS`.
        seed: Seed of the run.

    Returns:
        The folder.
    """
    return out / f"{recipe}-{network}" / f"seed{seed}"


def all_results(out: Path) -> dict[tuple[str, str, int], list[Result]]:
    """Reads every measurement in a folder.

    Args:
        out: Folder of all runs.

    Returns:
        A result for each seed, by (recipe, network, epoch).
    """

    def seed_and_epoch(path):
        return [int(number) for number in re.findall(r"\d+", "/".join(path.parts[-2:]))]

    results: dict[tuple[str, str, int], list[Result]] = {}
    for path in sorted(out.glob("*/seed*/metrics_*.json"), key=seed_and_epoch):
        recipe, _, network = path.parts[-3].rpartition("-")
        epoch = int(path.stem.removeprefix("metrics_"))
        if recipe in RECIPES and network in NETWORKS:
            results.setdefault((recipe, network, epoch), []).append(read_result(path.parent, epoch))
    return results


if __name__ == "__main__":
    sys.exit(run_verb(main))
