"""Page of runs: networks side by side, the report's claim beside what was measured, and a chapter for each network and recipe."""

import numpy as np

from fashion.classify.networks import NETWORKS, PARAMETERS
from fashion.classify.results import most_confident_mistakes
from fashion.pages.html import Page
from fashion.studies.classifier_figures import confusion_figure, curves_figure, mistakes_sheet

CLAIM = 0.93  # accuracy that the report gives its largest network
PARTS = {"train": "training images", "validation": "validation images", "test": "test images"}
_MISTAKES = 36
_WORDS = {"one": "One convolution", "two": "Two convolutions", "three": "Three convolutions"}


def write_page(path, results, test):
    """Write the page. results: {(recipe, network, epoch): list of Result, one a seed}; test: Images, the test set"""
    networks = dict.fromkeys(network for _, network, _ in sorted(results, key=_order))
    page = Page(
        "Classifiers of Fashion-MNIST",
        f"{len(test):,} test images · networks: {', '.join(networks)}",
    )
    _cards(page, results, test)
    _side_by_side(page, results, test)
    _claim(page, results, test)
    last = {}
    for recipe, network, epoch in sorted(results, key=_order):  # of each run its last measurement
        last[recipe, network] = epoch
    for (recipe, network), epoch in last.items():
        _network_chapter(page, recipe, network, results[recipe, network, epoch], test)
    page.write(path)


def rows_of(results):
    """The table of all measurements, first the heading: means over the seeds, with their standard deviations where there are several."""
    rows = [
        [
            "network",
            "recipe",
            "epochs",
            "parameters",
            "seeds",
            *(f"{name}, accuracy" for name in PARTS.values()),
            "micro F1",
            "macro F1",
            "seconds an epoch",
        ]
    ]
    for key in sorted(results, key=_order):
        (recipe, network, epoch), runs = key, [result.metrics for result in results[key]]
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
                f"{np.median([run['seconds_per_epoch'] for run in runs]):.1f}",
            ]
        )
    return rows


def _order(key):
    recipe, network, epoch = key
    return recipe != "report", recipe, list(NETWORKS).index(network), epoch


def _values(runs, part, name):
    return [run[part][name] for run in runs if part in run]


def _mean(runs, part, name):
    values = _values(runs, part, name)
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}" if values else "–"


def _cards(page, results, test):
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


def _side_by_side(page, results, test):
    page.chapter("Side by side")
    page.table(rows_of(results))
    page.note(
        "After the last epoch: no epoch was chosen by validation or test images. Accuracy on the training images is measured "
        "without dropout and augmentation; the curves below show it while training, with them. Micro F1 is the accuracy, since "
        "every image has one label and gets one. ±: standard deviation over the seeds."
    )


def _claim(page, results, test):
    page.chapter("The report's 93 %")
    largest = [key for key in sorted(results, key=_order) if key[:2] == ("report", "three")]
    page.text(
        "The report gives 93 % for its largest network. An accuracy says little without the images it was measured on: on images "
        "that the network was trained on it mostly says how well they were memorised; on validation images it is a little too high "
        "if the best epoch is quoted, since chance has a part in which epoch that is. The test accuracy after an epoch that was "
        "fixed before is what one should compare, and what other work on this data set gives."
    )
    if not largest:
        page.text("The largest network has not been trained by the recipe report here.")
        return
    rows = [
        [
            "epochs",
            "seed",
            "training images",
            "validation images",
            "validation, best epoch",
            "test images",
            "test, 95 % interval",
        ]
    ]
    for key in largest:
        for result in results[key]:
            values = {part: result.metrics[part]["accuracy"] for part in PARTS}
            half = 1.96 * _standard_error(values["test"], len(test))
            rows.append(
                [
                    key[2],
                    result.metrics["seed"],
                    f"{values['train']:.4f}",
                    f"{values['validation']:.4f}",
                    f"{result.metrics['best_validation_accuracy']:.4f}",
                    f"{values['test']:.4f}",
                    f"{values['test'] - half:.4f} to {values['test'] + half:.4f}",
                ]
            )
    page.table(rows)
    page.text(
        verdict([result.metrics for result in results[largest[-1]]], largest[-1][2], len(test))
    )


def verdict(runs, epochs, count):
    """A sentence on where the largest network reaches the claim. runs: metrics of its seeds; count: of test images"""
    means = {part: float(np.mean(_values(runs, part, "accuracy"))) for part in PARTS}
    reaches = [
        f"{name} ({means[part]:.2%})" for part, name in PARTS.items() if means[part] >= CLAIM
    ]
    misses = [f"{name} ({means[part]:.2%})" for part, name in PARTS.items() if means[part] < CLAIM]
    low, high = (
        means["test"] + sign * 1.96 * _standard_error(means["test"], count) for sign in (-1, 1)
    )
    within = "lies within" if low <= CLAIM <= high else "lies outside"
    return (
        f"After {epochs} epochs 93 % is reached on {_listed(reaches) or 'no images'}"
        + (f", and not on {_listed(misses)}" if misses else "")
        + f". 93 % {within} the 95 % interval of the test accuracy, {low:.2%} to {high:.2%}."
    )


def _listed(words):
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _network_chapter(page, recipe, network, results, test):
    first = results[0]
    metrics, scores = first.metrics, first.metrics["test"]
    page.chapter(f"{_WORDS[network]}, {recipe}")
    accuracy, macro_f1 = (
        _mean([result.metrics for result in results], "test", name)
        for name in ("accuracy", "macro_f1")
    )
    page.text(
        f"{metrics['parameters']:,} trainable parameters, {metrics['epoch']} epochs; {metrics['summary']}. Test accuracy {accuracy}, "
        f"macro F1 {macro_f1}"
        + (
            f". What follows is of seed {metrics['seed']}; the others are the pale lines."
            if len(results) > 1
            else "."
        )
    )
    page.figure(
        curves_figure([result.history for result in results]),
        "Accuracy and loss by epoch. In training with dropout and "
        "augmentation in force, which validation is free of.",
    )
    page.section("Classes")
    page.table(
        [
            ["class", "images", "precision", "recall", "F1"],
            *(
                [name, row["images"], *(f"{row[key]:.4f}" for key in ("precision", "recall", "f1"))]
                for name, row in scores["per_class"].items()
            ),
        ]
    )
    page.figure(
        confusion_figure(scores["confusion"]),
        "Confusion on the test images: rows are the truth, columns the prediction.",
    )
    rows = most_confident_mistakes(first.test, test.labels, _MISTAKES)
    if len(rows):
        page.section("The surest mistakes")
        page.image(
            mistakes_sheet(test.pixels[rows], test.labels[rows], first.test[rows]),
            f"The {len(rows)} surest wrong predictions on "
            "the test images: what each was taken for, how surely, and what its label says. Some labels look wrong themselves.",
            wide=True,
        )
