"""Hyperparameter search: many trainings of one recipe with other settings, compared.

`space` and `names` need no Optuna; `study` opens its storage, `trials` runs a training of it.
"""
