"""Old import paths of this package's modules, see `mrcnn.moved`."""

from mrcnn.moved import Moved

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
    "fashion.page": "fashion.pages.html",
    "fashion.plots": ("fashion.pages.plots", _PLOT_NAMES),
    "fashion.pictures": ("fashion.pages.overlays", {"Illustrator": "OverlayRenderer"}),
    "fashion.preview": "fashion.exploration.preview",
    "fashion.evaluation.errors.page_of_errors": "fashion.evaluation.errors.page",
    "fashion.evaluation.report.page_of_scores": "fashion.evaluation.report.page",
    "fashion.evaluation.thresholds.attributes": "fashion.evaluation.thresholds.attribute_search",
    "fashion.evaluation.thresholds.choice": "fashion.evaluation.thresholds.candidate",
    "fashion.evaluation.thresholds.evidence": "fashion.evaluation.thresholds.tuning_data",
    "fashion.evaluation.thresholds.goals": "fashion.evaluation.thresholds.objectives",
    "fashion.exploration.page_of_data": "fashion.exploration.page",
    "fashion.exploration.suspicious": "fashion.exploration.data_issues",
    "fashion.exploration.quantiles": "fashion.exploration.sizes",
}
