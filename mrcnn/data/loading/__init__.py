"""Loads training examples: which image, how it is augmented, in which thread or process."""
