"""What is real beyond the seeds of a study: tests of the differences, in a paragraph."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from fashion.pages.text import count
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
    rows, p_values = [], []
    for column in columns:
        for name, reference in references.items():
            pairs = known(results[name][column] - results[reference][column])
            if not len(pairs):
                continue
            half = half_interval(pairs)
            rows.append((column, name, reference, len(pairs), mean(pairs), half))
            p_values.append(paired_p(pairs))
    corrected = holm(p_values)
    return [Difference(*row, p) for row, p in zip(rows, corrected, strict=True)]


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
    """Writes what is real beyond the seeds.

    Args:
        differences: From `differences_of`.
        images: What the scores were measured on.

    Returns:
        A paragraph.
    """
    if not differences:
        return "There is nothing to compare yet: fewer than two variants have finished runs."
    tested = [row for row in differences if not np.isnan(row.p)]
    if not tested:
        return (
            "Nothing can be said beyond the seeds: each variant has one seed, and another seed "
            "might reverse any of these differences. The same command with --seeds 3 adds the "
            "others."
        )
    seeds = sorted({row.seeds for row in tested})
    of_seeds = count(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    real = [row for row in tested if row.p < LEVEL]
    rest = [row for row in tested if row.p >= LEVEL]
    sentences = [
        f"Paired t tests over {of_seeds}, {count(len(tested), 'comparison')}, corrected by Holm:"
    ]
    if real:
        listed = "; ".join(_described(row) for row in real)
        sentences.append(f"beyond the seeds are {listed}.")
    else:
        sentences.append("no difference is beyond the seeds.")
    if rest and real:
        names = "; ".join(f"{row.name} ({row.column})" for row in rest)
        sentences.append(f"Not told from chance: {names}.")
    elif rest:
        largest = max(rest, key=lambda row: abs(row.mean))
        sentences.append(f"The largest one is {_described(largest)}.")
    if seeds[-1] == 2:
        sentences.append(
            "Two seeds show large differences only: the interval is 12.7 standard errors wide on "
            "either side, and 4.3 with three seeds."
        )
    sentences.append(
        f"The intervals are of the seeds. They do not cover other {images} or other training data."
    )
    return " ".join(sentences)


def _described(row: Difference) -> str:
    """'mask AP +0.021 ± 0.010 of mlp over linear (p = 0.012)'."""
    p = f"p = {row.p:.3f}" if row.p >= 0.001 else "p < 0.001"
    return f"{row.column} {row.mean:+.3f} ± {row.half:.3f} of {row.name} over {row.reference} ({p})"
