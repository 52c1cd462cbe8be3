"""Semantic segmentation: networks that give every pixel one label, their training, and the study that compares them."""
