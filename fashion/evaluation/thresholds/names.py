"""Names that options of the command line take, without what they stand for."""

# Metrics that `objectives` maximises.
OBJECTIVE_NAMES = (
    "attributes",
    "f1_ap",
    "fashionpedia",
    "kaggle_2019",
    "kaggle_2019_pooled",
    "kaggle_2020",
)
# How finely thresholds are divided, the simplest first, see `level_search`.
LEVELS = ("given", "global", "supercategory", "category", "attribute")
