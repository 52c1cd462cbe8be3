"""Page of the classifiers: networks side by side, the report's claim, a chapter for each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.classify.data import Images
from fashion.classify.networks import NETWORKS, PARAMETERS
from fashion.classify.results import Result, most_confident_mistakes
from fashion.pages.html import Page
from fashion.studies.classifier_figures import confusion_figure, curves_figure, mistakes_sheet
from fashion.studies.seed_statistics import mean_text

# Results, a seed each, by (recipe, network, epoch).
Key = tuple[str, str, int]
Results = Mapping[Key, Sequence[Result]]

CLAIM = 0.93  # accuracy that the report gives its largest network
PARTS = {"train": "training images", "validation": "validation images", "test": "test images"}
_MISTAKES = 36
_WORDS = {"one": "One convolution", "two": "Two convolutions", "three": "Three convolutions"}


def write_page(path: Path, results: Results, test: Images) -> None:
    """Writes the page.

    Args:
        path: The HTML file.
        results: Results of all runs, at least one.
        test: Test images.
    """
    networks = dict.fromkeys(network for _, network, _ in sorted(results, key=_order))
    page = Page(
        "Classifiers of Fashion-MNIST",
        f"{len(test):,} test images · networks: {', '.join(networks)}",
    )
    _add_cards(page, results, test)
    _add_side_by_side(page, results)
    _add_claim(page, results, test)
    last = {}
    for recipe, network, epoch in sorted(results, key=_order):  # of each run its last measurement
        last[recipe, network] = epoch
    for (recipe, network), epoch in last.items():
        _add_network(page, recipe, network, results[recipe, network, epoch], test)
    page.write(path)


def rows_of(results: Results) -> list[list[Any]]:
    """Lists all measurements: means over the seeds, and standard deviations of several.

    Args:
        results: Results of all runs.

    Returns:
        Rows of a table, the header first.
    """
    header = ["network", "recipe", "epochs", "parameters", "seeds"]
    header += [f"{name}, accuracy" for name in PARTS.values()]
    rows: list[list[Any]] = [[*header, "micro F1", "macro F1", "seconds an epoch"]]
    for key in sorted(results, key=_order):
        recipe, network, epoch = key
        runs = [result.metrics for result in results[key]]
        seconds = np.median([run["seconds_per_epoch"] for run in runs])
        rows.append(
            [
                network,
                recipe,
                epoch,
                f"{runs[0]['parameters']:,}",
                len(runs),
                *(_mean(runs, part, "accuracy") for part in PARTS),
                _mean(runs, "test", "micro_f1"),
                _mean(runs, "test", "macro_f1"),
                f"{seconds:.1f}",
            ]
        )
    return rows


def _order(key: Key) -> tuple:
    recipe, network, epoch = key
    return recipe != "report", recipe, list(NETWORKS).index(network), epoch


def _values(runs, part, name):
    return [run[part][name] for run in runs if part in run]


def _mean(runs, part, name):
    return mean_text(_values(runs, part, name), 4)


def _add_cards(page, results, test):
    def score(key):
        return np.mean(_values([result.metrics for result in results[key]], "test", "accuracy"))

    best = max(results, key=score)
    recipe, network, epoch = best
    page.cards(
        [
            (f"{score(best):.2%}", "highest test accuracy", f"{network}, {recipe}, {epoch} epochs"),
            (f"{CLAIM:.0%}", "the report's claim", "of its largest network"),
            (f"{PARAMETERS[network]:,}", "parameters", f"of the network {network}"),
            (
                f"± {1.96 * _standard_error(score(best), len(test)):.2%}",
                "is chance",
                f"95 % interval of an accuracy on {len(test):,} images",
            ),
        ]
    )


def _standard_error(share, count):
    return float(np.sqrt(share * (1 - share) / count))


def _add_side_by_side(page, results):
    page.chapter("Side by side")
    page.table(rows_of(results))
    page.note(
        "After the last epoch: no epoch was chosen by validation or test images. Accuracy on the "
        "training images is measured without dropout and augmentation; the curves below show it "
        "while training, with them. Micro F1 is the accuracy, since every image has one label and "
        "gets one. ±: standard deviation over the seeds."
    )


def _add_claim(page, results, test):
    page.chapter("The report's 93 %")
    largest = [key for key in sorted(results, key=_order) if key[:2] == ("report", "three")]
    page.text(
        "The report gives 93 % for its largest network. An accuracy says little without the images "
        "it was measured on: on images that the network was trained on it mostly says how well "
        "they were memorized; on validation images it is a little too high if the best epoch is "
        "quoted, since chance has a part in which epoch that is. The test accuracy after an epoch "
        "that was fixed before is what one should compare, and what other work on this data set "
        "gives."
    )
    if not largest:
        page.text("The largest network has not been trained by the recipe report here.")
        return
    header = ["epochs", "seed", "training images", "validation images"]
    rows = [[*header, "validation, best epoch", "test images", "test, 95 % interval"]]
    for key in largest:
        rows += [_claim_row(key[2], result.metrics, len(test)) for result in results[key]]
    page.table(rows)
    metrics = [result.metrics for result in results[largest[-1]]]
    page.text(verdict(metrics, largest[-1][2], len(test)))


def _claim_row(epoch, metrics, num_test):
    values = {part: metrics[part]["accuracy"] for part in PARTS}
    half = 1.96 * _standard_error(values["test"], num_test)
    return [
        epoch,
        metrics["seed"],
        f"{values['train']:.4f}",
        f"{values['validation']:.4f}",
        f"{metrics['best_validation_accuracy']:.4f}",
        f"{values['test']:.4f}",
        f"{values['test'] - half:.4f} to {values['test'] + half:.4f}",
    ]


def verdict(runs: Sequence[Mapping[str, Any]], epochs: int, count: int) -> str:
    """Says where the largest network reaches the claim.

    Args:
        runs: Metrics of its seeds.
        epochs: Epochs of its training.
        count: Number of test images.

    Returns:
        Two sentences.
    """
    means = {part: float(np.mean(_values(runs, part, "accuracy"))) for part in PARTS}
    reached: list[str] = []
    missed: list[str] = []
    for part, name in PARTS.items():
        (reached if means[part] >= CLAIM else missed).append(f"{name} ({means[part]:.2%})")
    half = 1.96 * _standard_error(means["test"], count)
    low, high = means["test"] - half, means["test"] + half
    within = "lies within" if low <= CLAIM <= high else "lies outside"
    return (
        f"After {epochs} epochs 93 % is reached on {_listed(reached) or 'no images'}"
        + (f", and not on {_listed(missed)}" if missed else "")
        + f". 93 % {within} the 95 % interval of the test accuracy, {low:.2%} to {high:.2%}."
    )


def _listed(words):
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _add_network(page, recipe, network, results, test):
    first = results[0]
    metrics, runs = first.metrics, [result.metrics for result in results]
    page.chapter(f"{_WORDS[network]}, {recipe}")
    which = "."
    if len(results) > 1:
        which = f". What follows is of seed {metrics['seed']}; the others are the pale lines."
    page.text(
        f"{metrics['parameters']:,} trainable parameters, {metrics['epoch']} epochs; "
        f"{metrics['summary']}. Test accuracy {_mean(runs, 'test', 'accuracy')}, "
        f"macro F1 {_mean(runs, 'test', 'macro_f1')}{which}"
    )
    page.figure(
        curves_figure([result.history for result in results]),
        "Accuracy and loss by epoch. In training with dropout and augmentation in force, which "
        "validation is free of.",
    )
    _add_classes(page, metrics["test"])
    rows = most_confident_mistakes(first.test, test.labels, _MISTAKES)
    if len(rows):
        page.section("The most confident mistakes")
        page.image(
            mistakes_sheet(test.pixels[rows], test.labels[rows], first.test[rows]),
            f"The {len(rows)} most confident wrong predictions on the test images: the predicted "
            "class, its probability, and the label. Some labels look wrong themselves.",
            wide=True,
        )


def _add_classes(page, scores):
    page.section("Classes")
    rows = [["class", "images", "precision", "recall", "F1"]]
    for name, row in scores["per_class"].items():
        texts = [f"{row[key]:.4f}" for key in ("precision", "recall", "f1")]
        rows.append([name, row["images"], *texts])
    page.table(rows)
    page.figure(
        confusion_figure(scores["confusion"]),
        "Confusion on the test images: rows are the ground truth, columns the prediction.",
    )
