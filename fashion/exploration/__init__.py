"""Exploration: what a data set contains, in numbers, figures and images, before any training."""
