"""Samplers: which images an epoch is made of, so that rare classes appear more often; deterministic by seed.

Labels are given as one (N,) int array of ids for each image, or as a matrix (n, L) of counts, or of bool: objects with label l in image i.
"""

import numpy as np


class RepeatSampler:
    """Draws every image as often as its repeat factor says.

    repeats: (n,) float, how often each of the n images should appear in a round; all ones gives a plain shuffle. A fraction is met
    on average over the rounds. `length`, the images of a round, stays fixed even if `repeats` is replaced later, so that the
    position in the sequence of batches keeps its meaning.
    """

    def __init__(self, repeats, seed=0):
        self.repeats = np.asarray(repeats, np.float64)
        self.seed = seed
        self._drawn = (
            None,
            None,
            None,
        )  # repeats, round and order of the last draw, which the next image wants again
        self.length = max(1, int(round(self.repeats.sum())))

    def draw(self, round_index):
        """The images of one round, shuffled: (length,) int64 into the n images.

        Systematic resampling: image i appears floor or ceil of its share times, so a plain shuffle visits each exactly once.
        """
        repeats, drawn_round, order = self._drawn
        if repeats is self.repeats and drawn_round == round_index:
            return order
        rng = np.random.default_rng([self.seed, round_index])
        shuffled = rng.permutation(len(self.repeats))
        edges = np.cumsum(self.repeats[shuffled])
        points = (np.arange(self.length) + rng.random()) * (edges[-1] / self.length)
        chosen = shuffled[
            np.minimum(np.searchsorted(edges, points, side="right"), len(shuffled) - 1)
        ]
        order = rng.permutation(chosen)
        self._drawn = (self.repeats, round_index, order)
        return order


def sampled_index(sampler, count, position):
    """Which of `count` images stands at a position that counts through all rounds, an int; without a sampler they stand in order."""
    round_index, place = divmod(position, sampler.length if sampler else count)
    return int(sampler.draw(round_index)[place]) if sampler else place


def label_matrix(labels):
    """(n, L) int or bool of labels in either form; a matrix stays as it is. Of lists, L is 1 + the largest id; crowds, whose ids are
    negative, are left out."""
    if isinstance(labels, np.ndarray) and labels.ndim == 2:
        return labels
    owner = np.repeat(np.arange(len(labels)), [len(ids) for ids in labels])
    ids = np.concatenate([*labels, np.zeros(0)]).astype(np.int64)
    owner, ids = owner[ids >= 0], ids[ids >= 0]
    width = 1 + int(ids.max(initial=0))
    return np.bincount(owner * width + ids, minlength=len(labels) * width).reshape(
        len(labels), width
    )


def objects_drawn(labels, repeats, length=None):
    """(L,) float64: the objects with each label that a round of `RepeatSampler(repeats)` shows on average.

    length: the images of a round, if other than the sum of `repeats`.
    """
    repeats = np.asarray(repeats, np.float64)
    length = max(1, int(round(repeats.sum()))) if length is None else length
    return (repeats * (length / repeats.sum())) @ label_matrix(labels)


def repeat_factors(labels, threshold):
    """Repeat factor of every image by its rarest label (LVIS, Gupta et al. 2019, appendix B).

    threshold: labels in a smaller share of the images are repeated.
    Returns: (n,) float64 >= 1: the image's maximum over its labels of max(1, sqrt(threshold / share of images with the label)).
    """
    present = label_matrix(labels) > 0
    share = present.sum(axis=0) / max(1, len(present))
    return _of_rarest(
        present, np.maximum(1.0, np.sqrt(threshold / np.where(share > 0, share, np.inf))), least=1.0
    )


def balanced_factors(labels):
    """Repeat factors that draw every label equally often: a label is drawn at random, then an image which has it (Shen et al. 2016).

    An image brings its other labels along, so objects of frequent classes still outnumber rare ones, by less than before. Images without
    labels are never drawn.
    Returns: (n,) float64, their sum is n. Raises ValueError if no image has a label.
    """
    present = label_matrix(labels) > 0
    images = present.sum(axis=0)
    if not images.any():
        raise ValueError("Labels cannot be balanced, for no image has any. Leave balancing out.")
    return present @ (1.0 / np.maximum(images, 1)) * (len(present) / np.count_nonzero(images))


def effective_number_weights(counts, beta):
    """Weights of classes that have so many examples: 1 / their effective number, (1 - beta) / (1 - beta^n) (Cui et al. 2019, eq. 2).

    counts: (L,) int; beta: 0 <= beta < 1. 0 weighs all classes alike, near 1 a weight goes as 1 / n; examples beyond 1 / (1 - beta)
        hardly count.
    Returns: (L,) float64 with a mean of 1 over the classes that occur, 0 for the others.
    """
    counts = np.asarray(counts, np.float64)
    occurs = counts > 0
    weights = np.where(
        occurs, (1.0 - beta) / np.where(occurs, 1.0 - np.power(float(beta), counts), 1.0), 0.0
    )
    return weights * (np.count_nonzero(occurs) / max(weights.sum(), np.finfo(float).tiny))


def effective_number_factors(labels, beta):
    """Repeat factors by effective numbers: an image has the weight of its rarest label, in images with the label.

    Returns: (n,) float64, their sum is n. An image without labels weighs as much as one with the most frequent label.
    """
    present = label_matrix(labels) > 0
    weights = effective_number_weights(present.sum(axis=0), beta)
    factors = _of_rarest(present, weights, least=weights[weights > 0].min(initial=1.0))
    return factors * (len(factors) / factors.sum())


def boost_missed_classes(labels, sensitivity, *, frequent_share=0.1, classes=5, factor=2.0):
    """Repeat factors that show images of the frequent classes the model misses most more often.

    sensitivity: label -> share of its validation objects that were found, 0..1
    frequent_share: a class is frequent if it is in at least this share of the images; classes: how many to boost; factor: by how much.
    Returns: (n,) float64, `factor` for images that hold one of those classes, else 1.
    """
    present = label_matrix(labels) > 0
    share = present.sum(axis=0) / max(1, len(present))
    frequent = [c for c in sensitivity if c < len(share) and share[c] >= frequent_share]
    missed = sorted(frequent, key=lambda c: (sensitivity[c], c))[:classes]
    return np.where(present[:, missed].any(axis=1), factor, 1.0)


def _of_rarest(present, weights, least):
    """(n,): the largest of the weights (L,) of each image's labels, at least `least`."""
    images, labels = np.nonzero(present)
    largest = np.full(len(present), float(least))
    np.maximum.at(largest, images, weights[labels])
    return largest
