"""Exploration: what a data set contains, in numbers, figures and images, before any training."""

TINY = 32  # pixels of the original image; smaller masks are data issues
