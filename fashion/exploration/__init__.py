"""Exploration: what is in a data set, in numbers, figures and pictures, before anything is trained on it."""
