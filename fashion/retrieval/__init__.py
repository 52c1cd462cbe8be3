"""Retrieval: an index of garments that finds similar ones.

This package imports without Keras, except for `head`.
"""
