"""What two to ten runs or evaluations have in common, and where they differ."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fashion.evaluation.report.summary import headlines
from fashion.pages.text import count, difference, number, short_names
from fashion.reports.run_facts import FINISHED, RUNNING, RunFacts, read_run
from mrcnn.json_files import read_json_object
from mrcnn.training.run_folder import RunFolder

log = logging.getLogger(__name__)

Row = list[str]


@dataclass
class Entry:
    """One of the things that are compared.

    Attributes:
        path: Run folder, output folder of an evaluation, or metrics.json.
        label: Its name in tables and figures.
        metrics: The content of metrics.json; {} if there is none.
        history: Rows of history.csv; [] of an evaluation.
        settings: Settings and arguments of the training; {} of an evaluation.
        facts: Of a run; None of an evaluation.
    """

    path: Path
    label: str
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    facts: RunFacts | None = None

    @property
    def scores(self) -> dict[str, float]:
        """Headline numbers by name, of history.csv where there is no metrics.json."""
        if self.metrics:
            return headlines(self.metrics)
        if self.facts is None:
            return {}
        found = {
            "mask AP": self.facts.ap,
            "mask AP50": self.facts.ap50,
            "box AP": self.facts.box_ap,
            "attribute micro F1": self.facts.f1,
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def categories(self) -> dict[str, Mapping[str, Any]]:
        """Mask AP of the categories that have objects: {name: row}."""
        rows = self.metrics.get("coco", {}).get("segm", {}).get("per_category", {})
        return {row["name"]: row for row in rows.values() if row.get("instances")}


def read_entries(paths: Sequence[Path]) -> list[Entry]:
    """Reads what is compared.

    Args:
        paths: Run folders, output folders of evaluations, metrics.json files.

    Returns:
        One entry for each, with labels that differ.

    Raises:
        ValueError: A file is damaged, or holds no scores.
    """
    entries = []
    for path, label in zip(paths, _labels(paths)):
        metrics_path = path if path.is_file() else path / "metrics.json"
        metrics = read_json_object(metrics_path) if metrics_path.is_file() else {}
        if metrics and "coco" not in metrics:
            raise ValueError(
                f"{metrics_path} holds no scores. Expected a metrics.json of `fashion evaluate` or "
                "of a run."
            )
        entry = Entry(path, label, metrics)
        if path.is_dir() and (path / "config.json").is_file():
            run = RunFolder(path)
            arguments = run.read_config()
            chosen = ("recipe", "weights", "rebalance", "data", "stages")
            settings = {key: arguments[key] for key in chosen if key in arguments}
            settings |= arguments.get("config", {})
            # What was trained, which --epochs and --stage may have changed, and not the recipe's.
            settings.pop("STAGES", None)
            entry.settings = settings | {"stages": _stages_text(settings.get("stages"))}
            entry.history, entry.facts = run.read_history(), read_run(path)
        entries.append(entry)
    return entries


def _stages_text(stages: Any) -> str:
    """Stages of a run, as in "heads: 1 epoch at 0.001, all: 13 epochs at 0.0005"."""
    texts = []
    for stage in stages or ():
        epochs = count(int(stage.get("epochs", 0)), "epoch")
        texts.append(f"{stage.get('name')}: {epochs} at {stage.get('learning_rate'):g}")
    return ", ".join(texts)


def _labels(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that differ."""
    parts = []
    for path in paths:
        named = path.parent if path.name == "metrics.json" else path
        parts.append(named.resolve().parts)
    for length in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(each[-length:]) for each in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{'/'.join(each[-1:])} ({i})" for i, each in enumerate(parts, 1)]


def warnings(entries: Sequence[Entry]) -> list[str]:
    """Tells why scores may not be comparable.

    Args:
        entries: What is compared.

    Returns:
        Sentences; none if nothing is known against it.
    """
    found = []
    photos = [entry.metrics.get("photos") for entry in entries if entry.metrics]
    if len(set(photos)) > 1:
        numbers = ", ".join(map(str, photos))
        found.append(f"The scores are of different numbers of images: {numbers}.")
    data = {Path(str(_data_of(entry))).name for entry in entries if entry.metrics}
    if len(data) > 1:
        found.append(f"The scores are of different data: {', '.join(sorted(data))}.")
    for entry in entries:
        if entry.facts and entry.facts.state != FINISHED:
            state = "is still training" if entry.facts.state == RUNNING else "was stopped"
            done = f"{entry.facts.epochs} of {count(entry.facts.planned, 'epoch')}"
            found.append(f"{entry.label} {state}: its scores are those after {done}.")
    lacking = [entry.label for entry in entries if not entry.metrics]
    if lacking:
        found.append(
            f"There is no metrics.json in {', '.join(lacking)}, so only the scores of the training "
            "are shown. `fashion runs --page RUN` writes it."
        )
    return found


def _data_of(entry: Entry) -> Any:
    return entry.metrics.get("data") or entry.metrics.get("gt") or ""


def score_rows(entries: Sequence[Entry]) -> list[Row]:
    """Sets the headline scores side by side.

    Args:
        entries: What is compared; differences are from the first one.

    Returns:
        A heading, and a row for each score that any entry has.
    """
    names = list(dict.fromkeys(name for entry in entries for name in entry.scores))
    rows = [["score", *_headings(entries)]]
    for name in names:
        rows.append([name, *_side_by_side([entry.scores.get(name) for entry in entries])])
    return rows


def category_rows(entries: Sequence[Entry]) -> list[Row]:
    """Sets the mask AP of the categories side by side.

    Args:
        entries: What is compared; differences are from the first one.

    Returns:
        A heading, and a row for each category, the most frequent first; [] without metrics.
    """
    with_metrics = [entry for entry in entries if entry.metrics]
    if len(with_metrics) < len(entries) or not entries:
        return []
    objects: dict[str, int] = {}
    for entry in entries:
        for name, row in entry.categories.items():
            objects[name] = max(objects.get(name, 0), row["instances"])
    names = short_names(objects)
    rows = [["category", "objects", *_headings(entries)]]
    for name in sorted(objects, key=lambda name: -objects[name]):
        values = [entry.categories.get(name, {}).get("AP") for entry in entries]
        rows.append([names[name], str(objects[name]), *_side_by_side(values)])
    return rows


def setting_rows(entries: Sequence[Entry]) -> list[Row]:
    """Lists the settings that differ between runs.

    Args:
        entries: What is compared.

    Returns:
        A heading, and a row for each setting; [] where fewer than two have settings.
    """
    runs = [entry for entry in entries if entry.settings]
    if len(runs) < 2:
        return []
    names = list(dict.fromkeys(name for entry in runs for name in entry.settings))
    rows = [["setting", *(entry.label for entry in runs)]]
    for name in names:
        values = [_setting_text(entry.settings.get(name)) for entry in runs]
        if len(set(values)) > 1:
            rows.append([name, *values])
    return rows


def _setting_text(value: Any) -> str:
    """A value as --set takes it; a dash for none."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value)


def _headings(entries: Sequence[Entry]) -> Row:
    first, *others = [entry.label for entry in entries]
    headings = [first]
    for label in others:
        headings += [label, "difference"]
    return headings


def _side_by_side(values: Sequence[float | None]) -> Row:
    """Values, each but the first with its difference from the first."""
    known = [-1.0 if value is None else float(value) for value in values]
    cells = [number(known[0])]
    for value in known[1:]:
        cells += [number(value), difference(value, known[0])]
    return cells
