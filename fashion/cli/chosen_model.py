"""The chosen model of a command: what --weights or --ensemble names."""

import logging
from argparse import Namespace
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fashion.cli.options import model_settings
from fashion.formats.model_files import digest_of_model, member_in, model_in
from fashion.labels.ontology import Ontology
from fashion.loading import (
    default_confidence,
    labels_of,
    load_model,
    noted_split,
    settings_beside,
)
from fashion.results import TrainedModel

log = logging.getLogger(__name__)


class ChosenModel:
    """A model, or an ensemble of several.

    Args:
        args: Arguments with `weights` and `ensemble`, and the options that change settings.

    Attributes:
        ensemble: The ensemble; None for a model.
        checkpoint: File of the model, or of the first detector of the ensemble.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged, or the ensemble has no detector.
    """

    def __init__(self, args: Namespace) -> None:
        self.args = args
        self.ensemble = None
        if args.ensemble:
            # Not at the top: exported models need no Keras.
            from fashion.ensembles.files import ensemble_of
            from fashion.ensembles.models import first_detector

            self.ensemble = ensemble_of(args.ensemble)
            self.checkpoint: Path = member_in(first_detector(self.ensemble).path)
        else:
            self.checkpoint = model_in(args.weights)

    def default_confidence(self) -> float:
        """Reads from which confidence score on detections are reported by default.

        Returns:
            That of the model, or of the first detector.
        """
        return default_confidence(self.checkpoint)

    def labels(self) -> Ontology | None:
        """Reads the label list without loading the model.

        Returns:
            That of the model, or of the first detector; None if only loading it tells.
        """
        return labels_of(self.checkpoint)

    def load(self, min_score: float | None) -> TrainedModel:
        """Loads it.

        Args:
            min_score: Minimum confidence score of a detection; None for --conf.

        Returns:
            The model.
        """
        settings = model_settings(self.args, min_score)
        if self.ensemble is None:
            return load_model(self.args.weights, **settings)
        from fashion.ensembles.models import load_ensemble

        return load_ensemble(self.ensemble, **settings)

    def contents(self) -> dict[str, Any]:
        """Describes what decides the predictions, for the keys of a run that can resume.

        Returns:
            JSON-able; files by the digests of their contents.
        """
        if self.ensemble is not None:
            return {"ensemble": self.ensemble.contents()} | self._views()
        beside = settings_beside(self.checkpoint)
        about = {"weights": digest_of_model(self.checkpoint)} | self._views()
        return about | ({"settings": beside} if beside else {})

    def names(self) -> dict[str, Any]:
        """Names it for a page, and for metrics.json.

        Returns:
            "weights", the file, or "ensemble", the arguments of --ensemble.
        """
        if self.ensemble is None:
            return {"weights": str(self.checkpoint)}
        return {"ensemble": [str(argument) for argument in self.args.ensemble]}

    def warn_of_training_images(self, names: Collection[str]) -> None:
        """Warns if further members of an ensemble may have been trained on images that are scored.

        Args:
            names: ImageIds of the images that the first detector has held out.
        """
        for member in self.ensemble.members if self.ensemble else ():
            held_out = (noted_split(member_in(member.path)) or {}).get("held_out")
            seen = set(names) - set(held_out or names)
            if seen:
                log.warning(
                    "%s has held out other photos: %d of the %d that are scored may be among those "
                    "that it was trained on. Their scores are better than those of new ones.",
                    member.path,
                    len(seen),
                    len(names),
                )

    def _views(self):
        """Only what is given: older runs lack these keys."""
        given = {name: getattr(self.args, name, "") for name in ("tta", "tiles")}
        return {name: value for name, value in given.items() if value}
