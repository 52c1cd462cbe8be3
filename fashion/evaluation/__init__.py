"""Scores of predictions: metrics, error analysis, threshold search and the pages about them."""
