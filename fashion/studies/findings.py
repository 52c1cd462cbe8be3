"""Which differences of a study are significant: tests over its seeds, in a paragraph."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from fashion.pages.text import count, signed
from fashion.studies.seed_statistics import half_interval, known, mean
from mrcnn.typing import Array

Results = Mapping[str, Mapping[str, Array]]

LEVEL = 0.05  # of the tests together


@dataclasses.dataclass(frozen=True)
class Difference:
    """A paired difference between two variants.

    Attributes:
        column: The score.
        name: The variant.
        reference: What it is compared with.
        seeds: Seeds that both have.
        mean: Mean difference over these seeds.
        half: Half its 95 % interval; NaN of one seed.
        p: Of the paired t test, two-sided, corrected by `holm`; NaN of one seed.
    """

    column: str
    name: str
    reference: str
    seeds: int
    mean: float
    half: float
    p: float


def differences_of(
    results: Results, references: Mapping[str, str], columns: Sequence[str]
) -> list[Difference]:
    """Tests every variant against its reference.

    Args:
        results: Score of each seed by column, by variant.
        references: What each variant is compared with.
        columns: The scores to test.

    Returns:
        The differences that some seed measures, p values corrected for all of them together.
    """
    pairs = {}
    for column in columns:
        for name, reference in references.items():
            values = results[name][column] - results[reference][column]
            pairs[column, name, reference] = values
    return tested(pairs)


def tested(pairs: Mapping[tuple[str, str, str], Array]) -> list[Difference]:
    """Tests paired differences.

    Args:
        pairs: `(S,)` float64, NaN where a seed is missing, by column, what is changed, and what it
            is compared with.

    Returns:
        Those that some seed measures, p values corrected for all of them together.
    """
    measured = {key: known(values) for key, values in pairs.items() if len(known(values))}
    corrected = holm([paired_p(values) for values in measured.values()])
    return [
        Difference(*key, len(values), mean(values), half_interval(values), p)
        for (key, values), p in zip(measured.items(), corrected, strict=True)
    ]


def paired_p(differences: Array) -> float:
    """Computes the p value of a t test that paired differences have a mean of 0.

    Args:
        differences: `(n,)` float, without NaN.

    Returns:
        Two-sided p value; NaN of less than two differences.
    """
    if len(differences) < 2:
        return np.nan
    spread = np.std(differences, ddof=1)
    if spread == 0:  # equal differences in all seeds
        return 1.0 if not np.mean(differences) else 0.0
    t = np.mean(differences) / (spread / len(differences) ** 0.5)
    return float(2 * stats.t.sf(abs(t), len(differences) - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p values of several tests (Holm 1979): some wrong star has a chance of 5 %, at most.

    Args:
        p_values: Of the tests; NaN where nothing was tested.

    Returns:
        Corrected p values, in the same order.
    """
    values = np.asarray(p_values, np.float64)
    corrected = np.full(len(values), np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * values[index]))
        corrected[index] = highest
    return corrected.tolist()


def paragraph(differences: Sequence[Difference], images: str = "validation images") -> str:
    """Writes which differences are significant.

    Args:
        differences: From `differences_of`.
        images: What the scores were measured on.

    Returns:
        A paragraph.
    """
    if not differences:
        return "There is nothing to compare yet: fewer than two variants have finished runs."
    tested_rows = [row for row in differences if not np.isnan(row.p)]
    if not tested_rows:
        return (
            "No difference can be tested: each variant has one seed, and another seed might "
            "reverse any of them. The same command with --seeds 3 adds the others."
        )
    seeds = sorted({row.seeds for row in tested_rows})
    of_seeds = count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    real = [row for row in tested_rows if row.p < LEVEL]
    rest = [row for row in tested_rows if row.p >= LEVEL]
    sentences = [
        f"Paired t tests over {of_seeds}, {count(len(tested_rows), 'comparison')}, corrected by "
        "Holm."
    ]
    one = len({row.reference for row in tested_rows}) == 1
    if real:
        sentences.append(f"Significant at the {LEVEL:.0%} level: {_by_column(real, one)}.")
    else:
        sentences.append(f"No difference is significant at the {LEVEL:.0%} level.")
    if rest and real:
        sentences.append(f"Not significant: {_by_column(rest, one, numbers=False)}.")
    elif rest:
        largest = max(rest, key=lambda row: abs(row.mean))
        sentences.append(f"The largest one is {_by_column([largest], one)}.")
    if one and tested_rows[0].reference:
        sentences.append(f"All are compared with [{tested_rows[0].reference}].")
    if seeds[-1] == 2:
        sentences.append(
            "Two seeds show large differences only: the interval is 12.7 standard errors wide on "
            "either side, and 4.3 with three seeds."
        )
    sentences.append(
        f"The intervals cover seeds. They do not cover other {images} or other training data."
    )
    return " ".join(sentences)


def _by_column(rows: Sequence[Difference], one: bool, numbers: bool = True) -> str:
    """'in mask AP: [a] …, [b] …; in box AP: [c] …'. one: all have the same reference."""
    parts = []
    for column in dict.fromkeys(row.column for row in rows):
        listed = [_described(row, one, numbers) for row in rows if row.column == column]
        parts.append(f"in {column}: {', '.join(listed)}")
    return "; ".join(parts)


def _described(row: Difference, one: bool, numbers: bool) -> str:
    """'[mlp] +0.021 ± 0.010 (p = 0.012)'; brackets, for names of variants have commas."""
    text = f"[{row.name}]" if one else f"[{row.name}] against [{row.reference}]"
    if not numbers:
        return text
    p = f"p = {row.p:.3f}" if row.p >= 0.001 else "p < 0.001"
    return f"{text} {signed(row.mean)} ± {row.half:.3f} ({p})"
