"""The site of an evaluation: an overview, and pages with all scores, the errors and thresholds."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fashion.cli.versions import installed_versions
from fashion.evaluation.errors.page import write_errors
from fashion.evaluation.errors.side_by_side import LEGEND
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.report import categories, thresholds
from fashion.evaluation.report.page import write_report
from fashion.evaluation.report.summary import MAIN_HEADLINES, headline_cards, headlines
from fashion.labels.ontology import Ontology
from fashion.pages.html import Page
from fashion.pages.text import difference, number
from fashion.reports.sample_images import draw_sample
from mrcnn.typing import Array

SITE = {"index.html": "Overview", "scores.html": "Scores", "errors.html": "Errors"}
THRESHOLDS = {"thresholds.html": "Thresholds"}  # only after a search, by --tune
_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "pycocotools")
_IMAGES = 8  # on the overview
_FINDINGS = 3  # on the overview
_CHECKPOINTS = ("best.h5", "last.h5")

ReadImage = Callable[[str], Array | None]


@dataclass(frozen=True)
class Evaluation:
    """What the site shows.

    Attributes:
        about: Where the predictions come from, the first part of metrics.json.
        inputs: What was scored.
        scores: Its scores.
        read_image: `file name -> (H, W, 3) uint8 RGB or None`; None without images.
        command: The command line that evaluated; "" if there is none.
        out: Folder of thresholds.json and of the site.
    """

    about: Mapping[str, Any]
    inputs: Inputs
    scores: Mapping[str, Any]
    read_image: ReadImage | None
    command: str
    out: Path

    @property
    def model(self) -> str:
        """Name of the model or of the file of predictions."""
        if members := self.about.get("ensemble"):
            return " + ".join(Path(member).name for member in members)
        path = Path(self.about.get("weights") or self.about["predictions"])
        return path.parent.name if path.name in _CHECKPOINTS else path.name

    @property
    def data(self) -> str:
        """Path of the ground truth."""
        return str(self.about.get("gt") or self.about.get("data") or "")

    @property
    def site(self) -> dict[str, str]:
        """File names and titles of the pages."""
        searched = "tuning" in self.scores or "grid" in self.scores
        return SITE | THRESHOLDS if searched else SITE

    @property
    def title(self) -> str:
        """Model and data, for headings."""
        return f"{self.model} on {Path(*Path(self.data).parts[-2:])}" if self.data else self.model


def write_site(evaluation: Evaluation) -> Path:
    """Writes index.html, scores.html, errors.html and errors.json; thresholds.html after a search.

    Args:
        evaluation: What was scored.

    Returns:
        Path of the overview.
    """
    inputs, out = evaluation.inputs, evaluation.out
    about_thresholds = ("tuning", "grid", "tuned")
    write_report(
        out,
        {k: v for k, v in evaluation.scores.items() if k not in about_thresholds},
        ground_truth=inputs.ground_truth,
        detections=inputs.detections,
        title=f"Scores of {evaluation.title}",
        file_name="scores.html",
        site=evaluation.site,
    )
    analysis = write_errors(
        out,
        inputs.ground_truth,
        inputs.detections,
        evaluation.read_image,
        score_threshold=inputs.score_threshold,
        table=inputs.masks,
        title=f"Errors of {evaluation.title}",
        file_name="errors.html",
        site=evaluation.site,
    )
    _write_thresholds(evaluation)
    return _write_overview(evaluation, analysis["findings"])


def next_command(evaluation: Evaluation) -> tuple[str, str]:
    """Suggests what to do after an evaluation.

    Args:
        evaluation: Of a model, or of stored predictions, whose model has to be filled in.

    Returns:
        What it does, and the command line: use the tuned thresholds; or else tune them for the
        score that the labels have, Kaggle's for official ones.
    """
    about, scores, out = evaluation.about, evaluation.scores, evaluation.out
    truth = evaluation.inputs.ground_truth
    labels = {key: truth.get(key) or [] for key in ("categories", "attributes")}
    official = Ontology.from_dict(labels).is_official()
    model = _model_words(about)
    if "tuning" in scores:
        thresholds = ["--thresholds", str(out / "thresholds.json"), "--images"]
        if official:
            words = ["fashion", "submit", *model, *thresholds, "TEST_IMAGES"]
            return "Write a submission with the tuned thresholds:", shlex.join(words)
        words = ["fashion", "predict", *model, *thresholds, "IMAGES"]
        return "Predict with the tuned thresholds:", shlex.join(words)
    if official or labels["attributes"]:
        goal = "kaggle_2020" if official else "attributes"
        score = "for Kaggle's score" if official else "for the attributes"
        return f"Search the thresholds that are best {score}:", _tune_command(evaluation, goal)
    best = scores.get("detection", {}).get("best", {}).get("confidence", -1)
    confidence = ["--conf", f"{best:.2f}"] if best >= 0 else []
    words = ["fashion", "predict", *model, *confidence, "--images", "IMAGES"]
    return "Predict from the confidence score on that has the best F1:", shlex.join(words)


def _model_words(about: Mapping[str, Any]) -> list[str]:
    """The options that name the model; it has to be filled in where that is not known."""
    if members := about.get("ensemble"):
        return ["--ensemble", *map(str, members)]
    return ["--weights", str(about.get("weights") or "RUN")]


def _tune_command(evaluation: Evaluation, goal: str) -> str:
    """The evaluation again, with --tune.

    Stored predictions of a model are not scored again: they may be of a part of the data.
    """
    options = shlex.join(["--tune", goal])
    if evaluation.command:
        return f"{evaluation.command} {options}"
    about = evaluation.about
    words = [*_model_words(about), "--data", evaluation.data]
    if about.get("predictions"):
        words = ["--gt", evaluation.data, "--predictions", str(about["predictions"])]
    return f"{shlex.join(['fashion', 'evaluate', *words, '--out', str(evaluation.out)])} {options}"


def _write_overview(evaluation: Evaluation, findings: Sequence[str]) -> Path:
    page = Page(f"Evaluation of {evaluation.title}", site=evaluation.site, here="index.html")
    scores = evaluation.scores
    page.facts(_origin(evaluation))
    page.cards(headline_cards(scores, MAIN_HEADLINES))
    images = draw_sample(evaluation.inputs, evaluation.read_image, _IMAGES)
    if images:
        page.chapter("Images")
        page.text(f"Evenly spaced images of the data set. {LEGEND}")
        page.gallery(images)
    if findings:
        page.chapter("Main findings")
        page.text(*findings[:_FINDINGS])
        page.link("All errors, and the worst images", "errors.html")
    categories.add_chapter(page, scores)
    page.link("All scores", "scores.html")
    page.chapter("Next command")
    _add_next_command(page, evaluation)
    path = evaluation.out / "index.html"
    page.write(path)
    return path


def _origin(evaluation: Evaluation) -> list[tuple[str, str]]:
    about = evaluation.about
    return [
        ("Model", ", ".join(about.get("ensemble") or [str(about.get("weights") or "")])),
        ("Predictions", str(about.get("predictions") or "")),
        ("Data", evaluation.data),
        ("Images", f"{len(evaluation.inputs.ground_truth['images']):,}"),
        ("Date", f"{datetime.now():%Y-%m-%d %H:%M}"),
        ("Minimum confidence score", f"{evaluation.inputs.score_threshold:g}, except in AP"),
        ("Thresholds", str(about.get("thresholds") or "")),
        ("Command", evaluation.command),
        ("Versions", _versions()),
    ]


def _versions() -> str:
    """Versions of Python and of the installed packages that scores depend on."""
    found = {"python": sys.version.split()[0], **installed_versions(_PACKAGES)}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _write_thresholds(evaluation: Evaluation) -> None:
    (name,) = THRESHOLDS
    if name not in evaluation.site:
        (evaluation.out / name).unlink(missing_ok=True)  # of an earlier evaluation
        return
    page = Page(f"Thresholds of {evaluation.title}", site=evaluation.site, here=name)
    page.chapter("Next command")
    _add_next_command(page, evaluation)
    tuned = evaluation.scores.get("tuned")
    if tuned:
        page.chapter("Scores with the tuned thresholds")
        page.table(tuned_rows(evaluation.scores))
        page.note(
            "On the images that the thresholds were tuned on, so the gain is optimistic. The "
            "scores on held-out images are below. Predictions below the thresholds are dropped, "
            "which lowers AP and recall."
        )
    thresholds.add_chapter(page, evaluation.scores)
    page.write(evaluation.out / name)


def tuned_rows(scores: Mapping[str, Any]) -> list[list[str]]:
    """Sets the scores with tuned thresholds beside those with the given ones.

    Args:
        scores: With "tuned", headline numbers by name.

    Returns:
        A heading, and a row for each score; numbers as text.
    """
    given, tuned = headlines(scores), scores["tuned"]
    rows = [["score", "as given", "tuned", "difference"]]
    for name, value in given.items():
        if name in tuned:
            change = difference(tuned[name], value)
            rows.append([name, number(value), number(tuned[name]), change])
    return rows


def _add_next_command(page: Page, evaluation: Evaluation) -> None:
    what, command = next_command(evaluation)
    page.text(what)
    page.code(command)
