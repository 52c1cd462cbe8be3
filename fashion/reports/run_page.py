"""The page of a run: what training leaves at its end, and `fashion runs --page` writes again."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from fashion.evaluation.errors.confusion import confusion_matrix
from fashion.evaluation.errors.figures import confusion_figure
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.errors.side_by_side import LEGEND
from fashion.evaluation.matching import IOU_TYPES
from fashion.evaluation.report import categories
from fashion.evaluation.report.figures import precision_recall_figure
from fashion.evaluation.report.summary import MAIN_HEADLINES, headline_cards
from fashion.evaluation.scoring import category_rows
from fashion.pages.html import Page
from fashion.pages.text import count
from fashion.reports.next_commands import next_commands
from fashion.reports.run_facts import FINISHED, STOPPED, RunFacts, duration, read_run
from fashion.reports.run_figures import results_figure
from fashion.reports.run_scores import RunScores, score_run
from fashion.reports.run_settings import (
    layers_in_words,
    settings_in_words,
    start_weights_in_words,
)
from fashion.reports.sample_images import draw_sample
from mrcnn.drawing.grid import image_grid
from mrcnn.files import atomic_path
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array, PathLike

IMAGES = 16  # validation images that are drawn
_CELL_HW = (480, 720)  # pixels of one of them in validation.jpg


def write_run_page(run_folder: PathLike) -> str:
    """Writes what a run shows: pictures, metrics.json and index.html, in its folder.

    results.png has the curves over the epochs, curves.png precision over recall, confusion.png the
    confusion matrix and validation.jpg some validation images. Training stores the predictions of
    its best epoch; a run without them is predicted again.

    Args:
        run_folder: Run folder of any age, finished or not.

    Returns:
        A table of the categories and the next command, as text for the screen.

    Raises:
        FileNotFoundError: It is not a run folder.
        ValueError: A file of the run is damaged.
    """
    run = RunFolder(run_folder)
    facts, arguments = read_run(run.path), run.read_config()
    scored = score_run(run)
    page = Page(f"Training run {facts.name}", _subtitle(facts))
    page.facts(_origin(facts, arguments))
    images: list[tuple[Array, str]] = []
    if scored:
        page.cards(headline_cards(scored.scores, MAIN_HEADLINES))
        id_of = {row["file_name"]: row["id"] for row in scored.inputs.ground_truth["images"]}
        images = draw_sample(
            scored.inputs, lambda name: scored.dataset.load_image(id_of[name]), IMAGES
        )
        page.chapter("Validation images")
        page.text(LEGEND)
        page.gallery(images[:4])
    _add_curves(page, run)
    if scored:
        _add_scores(page, run, scored)
        _add_images(page, run, images)
    _add_settings(page, run, arguments)
    commands = next_commands(facts, arguments)
    page.chapter("Next commands")
    for what, command in commands:
        page.text(what)
        page.code(command)
    page.write(run.path / "index.html")
    return _screen_text(run, facts, scored, commands)


def _subtitle(facts: RunFacts) -> str:
    state = {FINISHED: "finished", STOPPED: "stopped early"}.get(facts.state, "still training")
    planned = f" of {facts.planned}" if facts.planned else ""
    epochs = "epoch" if (facts.planned or facts.epochs) == 1 else "epochs"
    text = f"{state} after {facts.epochs}{planned} {epochs}"
    if facts.state == FINISHED and facts.epochs < facts.planned:
        text += ", when the score no longer rose"
    if facts.best_epoch is not None:
        text += f"; scores of epoch {facts.best_epoch}, the best one"
    return text


def _origin(facts: RunFacts, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values for the top of the page."""
    versions = arguments.get("versions") or {}
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [
        ("Data", facts.data),
        ("Recipe", facts.recipe),
        ("Started", facts.started.strftime("%Y-%m-%d %H:%M") if facts.started else ""),
        ("Time in epochs", duration(facts.seconds) if facts.seconds is not None else ""),
        ("Weights at the start", start_weights_in_words(arguments)),
        ("Command", _command(arguments.get("command") or ())),
        ("Versions", shown),
    ]


def _command(argv: Sequence[str]) -> str:
    """The command as typed after installing, whichever way it was started."""
    program, *rest = [str(arg) for arg in argv] or [""]
    known = {"__main__.py": ["fashion"], "fashion": ["fashion"], "train.py": ["fashion", "train"]}
    return shlex.join([*known.get(Path(program).name, [program]), *rest]) if program else ""


def _add_curves(page: Page, run: RunFolder) -> None:
    figure = results_figure(run.read_history())
    page.chapter("Training")
    if figure is None:
        page.text("No epoch is complete yet.")
        return
    _save(run, "results.png", figure)
    page.figure(
        figure,
        "Losses of training and validation, the learning rate and the scores, over the epochs.",
    )


def _add_scores(page: Page, run: RunFolder, scored: RunScores) -> None:
    scores = scored.scores
    categories.add_chapter(page, scores)
    page.chapter("Precision and recall")
    of_all = {title: scores["curves"][kind]["all"] for kind, title in IOU_TYPES.items()}
    figure = precision_recall_figure(of_all, scores["curves"]["segm"]["recalls"])
    _save(run, "curves.png", figure)
    page.figure(figure, "Precision over recall, the mean over categories with objects.")
    page.chapter("Confusion matrix")
    overlaps = read_overlaps(
        scored.inputs.ground_truth, scored.inputs.detections, scored.inputs.masks
    )
    confusion = confusion_matrix(overlaps, scored.inputs.score_threshold)
    figure = confusion_figure(confusion["names"], confusion["matrix"])
    _save(run, "confusion.png", figure)
    page.figure(
        figure,
        "Objects of each category (rows) by the category that is predicted for them (columns). "
        "Darker: a larger share of the row. Predictions with a score of at least "
        f"{scored.inputs.score_threshold:g}, mask IoU 0.5 or more.",
    )


def _add_images(page: Page, run: RunFolder, images: Sequence[tuple[Array, str]]) -> None:
    if not images:
        return
    sheets, captions = zip(*images)
    with atomic_path(run.path / "validation.jpg") as path:
        grid = image_grid(sheets, captions, columns=2, cell_hw=_CELL_HW)
        Image.fromarray(grid).save(path, quality=85)
    if len(images) > 4:
        page.chapter("More validation images")
        page.gallery(images[4:])


def _add_settings(page: Page, run: RunFolder, arguments: Mapping[str, Any]) -> None:
    page.chapter("Settings")
    stages = [["stage", "trainable layers", "epochs", "learning rate"]]
    for stage in arguments.get("stages") or ():
        layers = layers_in_words(stage["layers"])
        stages.append([stage["name"], layers, stage["epochs"], stage["learning_rate"]])
    if len(stages) > 1:
        page.table(stages)
    page.facts(settings_in_words(arguments))
    rebalance = run.path / "rebalance.png"
    if rebalance.exists():
        with Image.open(rebalance) as image:
            page.image(
                np.asarray(image.convert("RGB")),
                "How often the labels are shown, without and with rebalancing.",
            )
    settings = sorted((arguments.get("config") or {}).items())
    rows = [["setting", "value"], *([name, json.dumps(value)] for name, value in settings)]
    page.folded_table(f"All {len(settings)} settings", rows)


def _save(run: RunFolder, name: str, figure: Figure) -> None:
    with atomic_path(run.path / name) as path:
        figure.savefig(path, dpi=130, bbox_inches="tight")


def _screen_text(
    run: RunFolder,
    facts: RunFacts,
    scored: RunScores | None,
    commands: Sequence[tuple[str, str]],
) -> str:
    lines = []
    if scored:
        photos = count(scored.scores["photos"], "validation image")
        lines += [f"{photos}, epoch {scored.scores['epoch']}:", ""]
        lines += [*category_rows(scored.scores), ""]
    lines.append(f"page of the run: {Path(run.path) / 'index.html'}")
    if commands:
        lines.append(f"next: {commands[0][1]}")
    return "\n".join(lines)
