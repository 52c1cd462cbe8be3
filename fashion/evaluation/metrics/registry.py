"""The registry of metrics: the screen table, metrics.json, the report and docs/metrics.md read it.

A metric is a file in this folder with a function that is decorated with `metric`. Importing
`fashion.evaluation.metrics` imports every file of the folder, so nothing else has to be edited.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from fashion.evaluation.matching import IOU_TYPES, MatchTable

# What a metric reads, and where the screen table shows it.
RANKED = "ranked"  # reads all predictions in order of confidence; average precision
CONFIDENT = "confident"  # reads the predictions of at least the score threshold
LAST = "last"  # reads all predictions; shown after the others

T = TypeVar("T")


class Inputs:
    """Ground truth, predictions, and what several metrics compute from them, each computed once.

    Args:
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`.
        score_threshold: Least confidence of the predictions that `CONFIDENT` metrics read.
        fixed: Whether to add our variant of Fashionpedia's AP where the official one applies.
    """

    def __init__(
        self,
        ground_truth: dict,
        detections: Sequence[dict],
        *,
        score_threshold: float = 0.5,
        fixed: bool = False,
    ) -> None:
        self.ground_truth, self.detections = ground_truth, detections
        self.score_threshold, self.fixed = score_threshold, fixed
        self._results: dict[tuple, Any] = {}

    @property
    def masks(self) -> MatchTable:
        """All predictions and objects, masks compared."""
        return self.table("segm")

    @property
    def boxes(self) -> MatchTable:
        """All predictions and objects, boxes compared."""
        return self.table("bbox")

    @cached_property
    def confident_masks(self) -> MatchTable:
        """Predictions of at least `score_threshold`, masks compared."""
        return self.masks.confident(self.score_threshold)

    def top(self, iou_type: str) -> MatchTable:
        """Looks up the match table that average precision reads.

        Args:
            iou_type: "segm" for masks, "bbox" for boxes.

        Returns:
            The table of at most 100 predictions of a category in an image.
        """
        return self.once(MatchTable.top, self.table(iou_type))

    def table(self, iou_type: str) -> MatchTable:
        """Looks up the match table.

        Args:
            iou_type: "segm" for masks, "bbox" for boxes.

        Returns:
            The table of all predictions.
        """
        return self.once(MatchTable.build, self.ground_truth, self.detections, iou_type)

    def once(self, function: Callable[..., T], *arguments: Any) -> T:
        """Calls a function, or looks up what it returned before.

        Args:
            function: Any function.
            *arguments: Of the call, compared by identity unless they are texts or numbers.

        Returns:
            The result of the first call with these arguments.
        """
        key = function, *(a if isinstance(a, (str, int, float)) else id(a) for a in arguments)
        if key not in self._results:
            # The arguments are kept, so that no other object gets their ids.
            self._results[key] = function(*arguments), arguments
        return self._results[key][0]


@dataclass(frozen=True)
class Metric:
    """An entry of the registry.

    Attributes:
        key: Its key in metrics.json.
        title: Heading in the table, the report and the documentation.
        compute: `Inputs` -> its numbers as JSON can hold them; None where it does not apply.
        formula: What is computed, in a line.
        source: Where the definition comes from.
        numbers: {key of a number: its meaning}, for the default chapter and the documentation.
        section: RANKED, CONFIDENT or LAST.
        order: Position among the metrics, ascending; then by key.
        rows: Scores of all metrics -> lines of the screen table. By default one line.
        chapter: Adds a chapter to the report: (page, scores of all metrics). By default a table of
            `numbers`; metrics with figures have theirs in `fashion.evaluation.report`.
        documentation: Markdown below the formula in docs/metrics.md.
    """

    key: str
    title: str
    compute: Callable[[Inputs], Any]
    formula: str
    source: str = ""
    numbers: Mapping[str, str] = field(default_factory=dict)
    section: str = LAST
    order: float = 100
    rows: Callable[[dict], list[str]] | None = None
    chapter: Callable[[Any, dict], None] | None = None
    documentation: str = ""

    def table_rows(self, scores: dict) -> list[str]:
        """Writes the lines of the screen table.

        Args:
            scores: {key of a metric: its numbers}.

        Returns:
            Lines; none where the metric does not apply.
        """
        if self.key not in scores:
            return []
        if self.rows:
            return self.rows(scores)
        numbers = self._shown(scores)
        values = ", ".join(
            f"{name.replace('_', ' ')} {_digits(value)}" for name, value in numbers.items()
        )
        return [f"{self.title}: {values}"] if numbers else []

    def add_chapter(self, page: Any, scores: dict) -> None:
        """Adds the chapter of the report.

        Args:
            page: `fashion.pages.html.Page`.
            scores: {key of a metric: its numbers}.
        """
        if self.key not in scores:
            return
        if self.chapter:
            self.chapter(page, scores)
            return
        page.chapter(self.title)
        page.text(" ".join(filter(None, (_sentence(self.formula), _sentence(self.source)))))
        rows = [
            [name.replace("_", " "), _digits(value), self.numbers[name]]
            for name, value in self._shown(scores).items()
        ]
        page.table([["", "value", "what it measures"], *rows])

    def _shown(self, scores: dict) -> dict[str, float]:
        """The single numbers that have a meaning; a metric may also be one number."""
        values = scores[self.key]
        if not isinstance(values, dict):
            values = {self.key: values}
        kinds = (int, float)
        return {name: values[name] for name in self.numbers if isinstance(values.get(name), kinds)}


METRICS: dict[str, Metric] = {}


def metric(key: str, title: str, **fields: Any) -> Callable[[Callable], Callable]:
    """Registers the decorated function as a metric.

    Args:
        key: See `Metric`.
        title: See `Metric`.
        **fields: The other attributes of `Metric`; `formula` is required.

    Returns:
        The decorator, which returns the function unchanged.

    Raises:
        ValueError: If another metric has the key.
    """

    def register(compute: Callable) -> Callable:
        known = METRICS.get(key)
        # A module that is imported again, as notebooks do, replaces its metric.
        if known and known.compute.__module__ != compute.__module__:
            raise ValueError(
                f"Two metrics have the key {key!r}, in {known.compute.__module__} and "
                f"{compute.__module__}. Keys of metrics.json are unique: choose another one."
            )
        METRICS[key] = Metric(key, title, compute, **fields)
        ordered = sorted(METRICS.values(), key=lambda entry: (entry.order, entry.key))
        METRICS.clear()
        METRICS.update((entry.key, entry) for entry in ordered)
        return compute

    return register


def column(value: float) -> str:
    """Writes a score for a column of the screen table.

    Args:
        value: In [0, 1], or below 0 where there is nothing to measure.

    Returns:
        Eight characters: three digits, or a dash.
    """
    return f"{'–':>8}" if value < 0 else f"{value:8.3f}"


def by_iou_type(compute: Callable[[str], T]) -> dict[str, T]:
    """Computes a metric of masks and of boxes.

    Args:
        compute: "segm" or "bbox" -> its numbers.

    Returns:
        {"segm", "bbox": the numbers}.
    """
    return {iou_type: compute(iou_type) for iou_type in IOU_TYPES}


def _digits(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return "–" if value < 0 else f"{value:.3f}"


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}" if text else ""
