"""A model that leaves out what its thresholds leave out: what `predict` and `submit` work with."""

import argparse
import dataclasses
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fashion.cli.chosen_model import ChosenModel
from fashion.evaluation.thresholds.files import read_thresholds, read_tuning
from fashion.evaluation.thresholds.table import Thresholds
from fashion.results import TrainedModel
from mrcnn.typing import Array

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ThresholdedModel:
    """A model, and which of its detections count.

    Attributes:
        model: The model.
        thresholds: Thresholds by category; None for those of the model's settings.
        min_score: Minimum confidence score of the detections that count.
    """

    model: TrainedModel
    thresholds: Thresholds | None
    min_score: float

    def counted(self) -> str:
        """Says which detections count.

        Returns:
            To follow "objects", for the screen.
        """
        if self.thresholds:
            return "accepted by the thresholds"
        return f"with a confidence score of at least {self.min_score:g}"

    def stream(self, images: Iterable[Array]) -> Iterator[Mapping[str, Any]]:
        """Detects garments in one image after the other.

        Args:
            images: Each `(h, w, 3)` uint8 RGB.

        Yields:
            Results of the detections that count.
        """
        for result in self.model.stream(images):
            if self.thresholds:
                result = self.thresholds.apply_to_result(result, self.model.ontology)
            yield result


def load_thresholded(args: argparse.Namespace, chosen: ChosenModel) -> ThresholdedModel:
    """Loads the model and the thresholds that a command was given.

    Args:
        args: Parsed arguments with `conf` and `thresholds`.
        chosen: What --weights or --ensemble names.

    Returns:
        The model. It detects from the lowest of its thresholds on, from `conf` on without them.

    Raises:
        ValueError: The thresholds cannot be read, or are of other categories than the model's.
    """
    thresholds = read_thresholds(args.thresholds) if args.thresholds else None
    min_score = thresholds.min_score() if thresholds else args.conf
    model = chosen.load(min_score)
    if thresholds:
        thresholds.check_ontology(model.ontology, args.thresholds)
        _warn_of_other_scores(args)
    return ThresholdedModel(model, thresholds, min_score)


def _warn_of_other_scores(args: argparse.Namespace) -> None:
    """Warns if thresholds were searched on scores with a rescorer and are used without, or so."""
    rescored = read_tuning(args.thresholds).get("rescored")
    if isinstance(rescored, bool) and rescored != bool(args.rescore):
        log.warning(
            "%s was searched %s --rescore, so its thresholds belong to other scores.",
            args.thresholds,
            "with" if rescored else "without",
        )
