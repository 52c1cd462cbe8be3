"""Draws images, predictions and tables: arrays in, arrays or matplotlib figures out."""
