"""Ensembles: several models that predict together, and the fusion of stored predictions."""
