"""Classifiers: Fashion-MNIST with the networks of a student report, and crops of garments."""
