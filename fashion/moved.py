"""Old import paths of this package's modules, see `mrcnn.moved`."""

import importlib
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

from mrcnn.moved import Moved


def moved_attributes(
    module: str, home: str, names: Collection[str] | Mapping[str, str]
) -> Callable[[str], Any]:
    """Makes a module's `__getattr__` that finds what has moved into another module.

    The other module is imported when one of the names is used.

    Args:
        module: Name of the module, `__name__`.
        home: Name of the other module.
        names: What has moved; a mapping from old names to new ones where they changed. A new name
            with dots lies in yet another module.

    Returns:
        A function to assign to `__getattr__` in the module.
    """

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new_name = names[name] if isinstance(names, Mapping) else name
        full_name = new_name if "." in new_name else f"{home}.{new_name}"
        place, _, new_name = full_name.rpartition(".")
        warnings.warn(
            f"{module}.{name} has moved to {place}.{new_name}. The old name will be removed.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(importlib.import_module(place), new_name)

    return look_up


_PLOT_NAMES = {
    "dress": "style_axes",
    "POINTS": "FONT_SIZE",
    "INK": "TEXT_COLOR",
    "PALE": "LABEL_COLOR",
    "RULE": "GRID_COLOR",
    "FAINT": "LIGHT",
    "WIDEST": "MAX_WIDTH",
}

MOVED_MODULES: Moved = {
    "fashion.formats.json_files": "mrcnn.json_files",
    "fashion.evaluation.errors.attributes": "fashion.evaluation.errors.attribute_errors",
    "fashion.evaluation.errors.bins": (
        "fashion.evaluation.errors.error_types",
        {"sort_into_bins": "classify_errors", "price_bins": "cost_of_errors"},
    ),
    "fashion.evaluation.errors.precision": "fashion.evaluation.errors.ap50",
    "fashion.evaluation.report.cells": "fashion.pages.text",
    "fashion.evaluation.thresholds.attributes": "fashion.evaluation.thresholds.attribute_search",
    "fashion.evaluation.thresholds.choice": (
        "fashion.evaluation.thresholds.candidate",
        {"Choice": "Candidate"},
    ),
    "fashion.evaluation.thresholds.evidence": (
        "fashion.evaluation.thresholds.tuning_data",
        {"read_evidence": "read_tuning_data"},
    ),
    "fashion.evaluation.thresholds.goals": (
        "fashion.evaluation.thresholds.objectives",
        {"GOALS": "OBJECTIVES", "Goal": "Objective"},
    ),
    "fashion.ontology": "fashion.labels.ontology",
    "fashion.rle": "fashion.formats.rle",
    "fashion.rebalancing": "fashion.datasets.rebalancing",
    "fashion.holding_out": "fashion.datasets.holding_out",
    "fashion.datasets.annotation_csv": "fashion.formats.annotation_csv",
    "fashion.datasets.annotations": "fashion.formats.annotations",
    "fashion.datasets.csv_table": "fashion.formats.csv_table",
    "fashion.datasets.index_cache": "fashion.formats.index_cache",
    "fashion.datasets.photos": (
        "fashion.datasets.image_files",
        {"find_photos": "find_images", "photo_faults": "image_faults"},
    ),
    "fashion.attributes.targets": "fashion.attributes.losses",
    "fashion.datasets.resized_runs": "fashion.formats.resized_runs",
    "fashion.submission.table": "fashion.formats.submission_table",
    "fashion.evaluation.frames": "fashion.formats.coco_rle",
    "fashion.plots": ("fashion.pages.plots", _PLOT_NAMES),
    "fashion.pictures": ("fashion.pages.overlays", {"Illustrator": "OverlayRenderer"}),
    "fashion.preview": "fashion.exploration.preview",
    "fashion.evaluation.errors.page_of_errors": "fashion.evaluation.errors.page",
    "fashion.evaluation.report.page_of_scores": "fashion.evaluation.report.page",
    "fashion.exploration.page_of_data": "fashion.exploration.page",
    "fashion.exploration.suspicious": "fashion.exploration.data_issues",
    "fashion.exploration.quantiles": "fashion.exploration.sizes",
    "fashion.classify.garments.candidates": "fashion.classify.garments.batches",
    "fashion.classify.garments.page_of_rescoring": "fashion.classify.garments.page",
    "fashion.classify.idx": "fashion.classify.data",
    "fashion.classify.optimizer": "fashion.classify.recipes",
    "fashion.classify.scores": "fashion.classify.results",
    "fashion.classify.figures": "fashion.studies.classifier_figures",
    "fashion.classify.page_of_runs": "fashion.studies.classifier_page",
    "fashion.compare_tables": "fashion.studies.detector_tables",
    "fashion.run_config": "fashion.cli.run_arguments",
    "fashion.segment_beside": "fashion.studies.segmentation_peer",
    "fashion.segment_runs": "fashion.studies.segmentation_runs",
    "fashion.semantic.figures": "fashion.studies.segmentation_figures",
    "fashion.semantic.page_of_study": "fashion.studies.segmentation_page",
    "fashion.semantic.batches": "fashion.semantic.label_maps",
    "fashion.semantic.fcn": "fashion.semantic.networks",
    "fashion.semantic.instances": "fashion.semantic.segmenter",
    "fashion.semantic.segnet": "fashion.semantic.networks",
    "fashion.semantic.study": "fashion.studies.segmentation",
    "fashion.evaluation.attribute_f1": "fashion.evaluation.metrics.attributes",
    "fashion.evaluation.coco_ap": "fashion.evaluation.metrics.coco",
    "fashion.evaluation.corloc": "fashion.evaluation.metrics.corloc",
    "fashion.evaluation.every_score": (
        "fashion.evaluation.scoring",
        {"score_stored": "score_predictions"},
    ),
    "fashion.evaluation.f1_ap": "fashion.evaluation.metrics.f1_ap",
    "fashion.evaluation.fashionpedia_ap": "fashion.evaluation.metrics.fashionpedia",
    "fashion.evaluation.forms": "fashion.evaluation.coco_dicts",
    "fashion.evaluation.found": "fashion.evaluation.metrics.recall",
    "fashion.evaluation.greedy": "fashion.evaluation.matching",
    "fashion.evaluation.journal": (
        "fashion.evaluation.io.resumable",
        {"predict_noting": "predict_resumable", "begun_otherwise": "journal_differences"},
    ),
    "fashion.evaluation.kaggle": (
        "fashion.evaluation.metrics.kaggle",
        {"score_2020": "evaluate_2020"},
    ),
    "fashion.evaluation.pairs": "fashion.evaluation.matching",
    "fashion.evaluation.photo_ids": (
        "fashion.evaluation.io.image_ids",
        {"photo_ids": "resolve_image_ids"},
    ),
    "fashion.evaluation.pixels": "fashion.evaluation.metrics.pixels",
    "fashion.evaluation.precision_tables": "fashion.evaluation.average_precision",
    "fashion.evaluation.predictions": "fashion.evaluation.io.predictions",
    "fashion.evaluation.results": "fashion.evaluation.io.results",
    "fashion.evaluation.score": "fashion.evaluation.io.results",
    "fashion.evaluation.stored": "fashion.evaluation.io.ground_truth",
    "fashion.evaluation.submissions": "fashion.evaluation.io.submissions",
    "fashion.semantic.unet": "fashion.semantic.networks",
    "fashion.exploration.training_size": "fashion.exploration.sizes",
    "fashion.exploration.run_shapes": "fashion.exploration.objects",
    "fashion.exploration.comparison": "fashion.exploration.frequencies",
    "fashion.exploration.heat_maps": "fashion.exploration.frequency_figures",
}
