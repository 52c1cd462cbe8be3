"""Old import paths of this package's modules, see `mrcnn.moved`."""

from mrcnn.moved import Moved

MOVED_MODULES: Moved = {
    "fashion.ontology": "fashion.labels.ontology",
    "fashion.rle": "fashion.formats.rle",
    "fashion.rebalancing": "fashion.datasets.rebalancing",
    "fashion.holding_out": "fashion.datasets.holding_out",
    "fashion.datasets.annotation_csv": "fashion.formats.annotation_csv",
    "fashion.datasets.annotations": "fashion.formats.annotations",
    "fashion.datasets.csv_table": "fashion.formats.csv_table",
    "fashion.datasets.index_cache": "fashion.formats.index_cache",
    "fashion.datasets.resized_runs": "fashion.formats.resized_runs",
    "fashion.submission.table": "fashion.formats.submission_table",
    "fashion.evaluation.frames": "fashion.formats.coco_rle",
}
