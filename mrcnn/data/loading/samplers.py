"""Samplers: how often each image appears in an epoch, so that rare classes are seen more often.

Labels are one `(N,)` int array of ids for each image, or a matrix `(n, L)` of counts or bool: the
objects with label l in image i.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from mrcnn.typing import Array

Labels: TypeAlias = Array | Sequence[Array] | Sequence[Sequence[int]]


class RepeatSampler:
    """Draws images in shuffled rounds, each image as often as its repeat factor says.

    Args:
        repeats: `(n,)` float, how often each of the n images appears in a round. All ones give a
            plain shuffle; fractions are met on average over the rounds.
        seed: Makes the order a function of (seed, round).

    Attributes:
        length: Images of a round. Fixed even if `repeats` is replaced later, so that a position in
            the sequence of examples keeps its meaning.
    """

    def __init__(self, repeats: Array | Sequence[float], seed: int = 0) -> None:
        self.repeats = np.asarray(repeats, np.float64)
        self.seed = seed
        # Repeats, round and result of the last draw: the next example needs the same.
        self._drawn: tuple[Array | None, int, Array] = (None, -1, np.zeros(0, np.int64))
        self.length = max(1, int(round(self.repeats.sum())))

    def draw(self, round_index: int) -> Array:
        """Draws the images of one round, shuffled.

        Systematic resampling: image i appears floor or ceil of its share times, so a plain shuffle
        visits each exactly once.

        Args:
            round_index: Number of the round, from 0.

        Returns:
            `(length,)` int64, indices into the n images.
        """
        repeats, drawn_round, order = self._drawn
        if repeats is self.repeats and drawn_round == round_index:
            return order
        rng = np.random.default_rng([self.seed, round_index])
        # Shuffled before and after: the grid must not favour neighbours in the file, and the
        # images of a round must not come in the order of the grid.
        shuffled = rng.permutation(len(self.repeats))
        edges = np.cumsum(self.repeats[shuffled])
        points = (np.arange(self.length) + rng.random()) * (edges[-1] / self.length)
        # Rounding may put the last point on the last edge.
        index = np.minimum(np.searchsorted(edges, points, side="right"), len(shuffled) - 1)
        order = rng.permutation(shuffled[index])
        self._drawn = (self.repeats, round_index, order)
        return order


def sampled_index(sampler: RepeatSampler | None, count: int, position: int) -> int:
    """Returns the image at a position of the sequence of all rounds.

    Args:
        sampler: None takes the images in order.
        count: Number of images.
        position: From 0, counted through all rounds.

    Returns:
        Index of the image.
    """
    if sampler is None:
        return position % count
    round_index, place = divmod(position, sampler.length)
    return int(sampler.draw(round_index)[place])


def label_matrix(labels: Labels) -> Array:
    """Converts labels to a matrix.

    Args:
        labels: In either form. Negative ids, those of crowds, are left out.

    Returns:
        `(n, L)` int or bool. A matrix is returned as it is; for lists, L is 1 + the largest id.
    """
    if isinstance(labels, np.ndarray) and labels.ndim == 2:
        return labels
    owner = np.repeat(np.arange(len(labels)), [len(ids) for ids in labels])
    ids = np.concatenate([*labels, np.zeros(0)]).astype(np.int64)
    owner, ids = owner[ids >= 0], ids[ids >= 0]
    width = 1 + int(ids.max(initial=0))
    flat = np.bincount(owner * width + ids, minlength=len(labels) * width)
    return flat.reshape(len(labels), width)


def objects_drawn(
    labels: Labels, repeats: Array | Sequence[float], length: int | None = None
) -> Array:
    """Computes how many objects with each label a round of `RepeatSampler` shows on average.

    Args:
        labels: Of n images.
        repeats: `(n,)` float.
        length: Images of a round, if other than the sum of `repeats`.

    Returns:
        `(L,)` float64.
    """
    repeats = np.asarray(repeats, np.float64)
    length = max(1, int(round(repeats.sum()))) if length is None else length
    return (repeats * (length / repeats.sum())) @ label_matrix(labels)


def repeat_factors(labels: Labels, threshold: float) -> Array:
    """Computes the repeat factor of every image by its rarest label.

    LVIS, Gupta et al. 2019, appendix B.

    Args:
        labels: Of n images.
        threshold: Labels in a smaller share of the images are repeated.

    Returns:
        `(n,)` float64, the image's maximum over its labels of
        max(1, sqrt(threshold / share of images with the label)).
    """
    present = label_matrix(labels) > 0
    share = present.sum(axis=0) / max(1, len(present))
    factors = np.maximum(1.0, np.sqrt(threshold / np.where(share > 0, share, np.inf)))
    return _max_over_labels(present, factors, least=1.0)


def balanced_factors(labels: Labels) -> Array:
    """Computes repeat factors that draw every label equally often.

    A label is drawn at random, then an image with this label (class-aware sampling, Shen et al.
    2016). An image brings its other labels along, so objects of frequent classes still outnumber
    rare ones, by less than before. Images without labels are never drawn.

    Args:
        labels: Of n images.

    Returns:
        `(n,)` float64, their sum is n.

    Raises:
        ValueError: If no image has a label.
    """
    present = label_matrix(labels) > 0
    images = present.sum(axis=0)
    if not images.any():
        raise ValueError("Labels cannot be balanced, for no image has any. Leave balancing out.")
    return present @ (1.0 / np.maximum(images, 1)) * (len(present) / np.count_nonzero(images))


def effective_number_weights(counts: Array | Sequence[int], beta: float) -> Array:
    """Computes weights of classes by the effective number of their examples.

    A weight is (1 - beta) / (1 - beta^n) (Cui et al. 2019, eq. 2).

    Args:
        counts: `(L,)` int, examples n of each class.
        beta: In [0, 1). 0 weighs all classes alike, near 1 a weight is proportional to 1 / n.
            Examples beyond 1 / (1 - beta) hardly count.

    Returns:
        `(L,)` float64 with mean 1 over the classes that occur; 0 for the others.
    """
    counts = np.asarray(counts, np.float64)
    occurs = counts > 0
    weights = np.where(
        occurs, (1.0 - beta) / np.where(occurs, 1.0 - np.power(float(beta), counts), 1.0), 0.0
    )
    return weights * (np.count_nonzero(occurs) / max(weights.sum(), np.finfo(float).tiny))


def effective_number_factors(labels: Labels, beta: float) -> Array:
    """Computes repeat factors by effective numbers: an image has the weight of its rarest label.

    Args:
        labels: Of n images. An image without labels weighs as much as one with the most frequent
            label.
        beta: See `effective_number_weights`; examples are images with the label.

    Returns:
        `(n,)` float64, their sum is n.
    """
    present = label_matrix(labels) > 0
    weights = effective_number_weights(present.sum(axis=0), beta)
    factors = _max_over_labels(present, weights, least=weights[weights > 0].min(initial=1.0))
    return factors * (len(factors) / factors.sum())


def boost_missed_classes(
    labels: Labels,
    recall: Mapping[int, float],
    *,
    frequent_share: float = 0.1,
    classes: int = 5,
    factor: float = 2.0,
) -> Array:
    """Computes repeat factors that boost the frequent classes with the lowest recall.

    Args:
        labels: Of n images.
        recall: By label, share of its validation objects that were matched, 0..1.
        frequent_share: A class is frequent if it is in at least this share of the images.
        classes: How many classes to boost.
        factor: Repeat factor of the images that show one of them.

    Returns:
        `(n,)` float64, `factor` or 1.
    """
    present = label_matrix(labels) > 0
    share = present.sum(axis=0) / max(1, len(present))
    frequent = [c for c in recall if c < len(share) and share[c] >= frequent_share]
    missed = sorted(frequent, key=lambda c: (recall[c], c))[:classes]
    return np.where(present[:, missed].any(axis=1), factor, 1.0)


def _max_over_labels(present: Array, weights: Array, least: float) -> Array:
    """Returns the largest of the weights `(L,)` of each image's labels, at least `least`."""
    images, labels = np.nonzero(present)
    largest = np.full(len(present), float(least))
    np.maximum.at(largest, images, weights[labels])
    return largest
