"""Classifiers of Fashion-MNIST: the three networks of a student report, trained as there and as well as they can be."""
