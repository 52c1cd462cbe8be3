"""The built-in data set: drawn dolls in Kaggle's 2020 layout, to try everything offline."""

from fashion.datasets.sample.write import make_sample

__all__ = ["make_sample"]
