"""Semantic segmentation: networks that label every pixel, after a student report."""
