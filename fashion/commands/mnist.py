"""Body of `mnist`: trains what is missing of the classifiers, and writes the page of all runs."""

import argparse
import dataclasses
import itertools
import json
import re
from pathlib import Path

from tqdm import tqdm

from fashion.classify.data import load_images
from fashion.classify.networks import NETWORKS, build, multiply_adds
from fashion.classify.recipes import RECIPES
from fashion.classify.results import Result, read_result
from fashion.classify.training import epochs_done, train
from fashion.cli.interrupts import resumable
from fashion.cli.locks import start_over, working_in
from fashion.studies.classifier_page import rows_of, write_page
from fashion.studies.runner import run_study
from mrcnn.drawing.tables import text_table
from mrcnn.files import write_text

# Without counts: the bar measures work in multiply-adds.
BAR = "{desc}{percentage:5.1f}%|{bar}| {elapsed}<{remaining}"


def run(args: argparse.Namespace) -> Path:
    """Trains and measures as the arguments ask.

    Args:
        args: Result of `fashion.mnist.parse`.

    Returns:
        The page.
    """
    with working_in(args.out, "mnist", below=True), resumable():
        if args.restart:
            names = args.only or NETWORKS
            start_over(args.out, [f"{args.recipe}-{network}" for network in names])
        return train_and_measure(args)


def train_and_measure(args: argparse.Namespace) -> Path:
    """Trains what is missing, then writes the page of all runs.

    Args:
        args: Result of `fashion.mnist.parse`.

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
