"""The built-in data set: drawn paper dolls in Kaggle's 2020 layout, to try everything without a download."""

from fashion.datasets.sample.write import make_sample

__all__ = ["make_sample"]
