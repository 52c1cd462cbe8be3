"""Factorial studies: the effect of each factor, averaged over the levels of the others."""

from collections.abc import Mapping, Sequence

import numpy as np

from fashion.studies.findings import Difference, tested
from fashion.studies.seed_statistics import difference_text, known
from mrcnn.typing import Array

Results = Mapping[str, Mapping[str, Array]]
Factors = Mapping[str, Mapping[str, str]]  # {factor: {variant: level}}


def main_effects(results: Results, factors: Factors, column: str) -> dict[tuple[str, str], Array]:
    """Computes what each level of a factor changes.

    Args:
        results: Score of each seed by column, by variant.
        factors: Levels of the variants. The first level of each factor is the reference.
        column: The score.

    Returns:
        {(factor, level): `(S,)` float64, for each seed the mean difference over all pairs of
        variants that differ in this factor alone; NaN where a seed has no such pair}.
    """
    effects = {}
    for factor, levels in factors.items():
        names = list(dict.fromkeys(levels.values()))
        for level in names[1:]:
            rows = [
                results[name][column] - results[partner][column]
                for name, partner in _pairs(results, factors, factor, names[0], level)
            ]
            if rows:
                effects[factor, level] = _mean_known(np.array(rows, np.float64))
    return effects


def _pairs(
    results: Results, factors: Factors, factor: str, reference: str, level: str
) -> list[tuple[str, str]]:
    """Variants with the level, each with the one that has the reference and is equal otherwise."""
    others = [levels for name, levels in factors.items() if name != factor]
    own = factors[factor]
    by_rest = {
        tuple(levels[name] for levels in others): name
        for name in results
        if own.get(name) == reference
    }
    pairs = []
    for name in results:
        if own.get(name) == level:
            partner = by_rest.get(tuple(levels[name] for levels in others))
            if partner:
                pairs.append((name, partner))
    return pairs


def _mean_known(rows: Array) -> Array:
    """The mean over rows without NaN; NaN where all are."""
    count = (~np.isnan(rows)).sum(axis=0)
    return np.where(count > 0, np.nansum(rows, axis=0) / np.maximum(count, 1), np.nan)


def effects_of(results: Results, factors: Factors, columns: Sequence[str]) -> list[Difference]:
    """Tests the effects.

    Args:
        results: As for `main_effects`.
        factors: Likewise.
        columns: The scores.

    Returns:
        The effects that some seed measures, p values corrected for all of them together.
    """
    pairs = {}
    for column in columns:
        for (factor, level), values in main_effects(results, factors, column).items():
            reference = next(iter(factors[factor].values()))
            pairs[column, f"{level} instead of {reference}", ""] = values
    return tested(pairs)


def effect_rows(results: Results, factors: Factors, columns: Sequence[str]) -> list[list[str]]:
    """Writes the effects as a table.

    Args:
        results: As for `main_effects`.
        factors: Likewise.
        columns: The scores.

    Returns:
        Rows, the header first: factor and level, then a mean with half its 95 % interval.
    """
    effects = {column: main_effects(results, factors, column) for column in columns}
    keys = dict.fromkeys(key for of_column in effects.values() for key in of_column)
    rows = [["change", *columns]]
    for factor, level in keys:
        reference = next(iter(factors[factor].values()))
        cells = [
            difference_text(known(effects[column].get((factor, level), np.empty(0))))
            for column in columns
        ]
        rows.append([f"{factor}: {level} instead of {reference}", *cells])
    return rows
