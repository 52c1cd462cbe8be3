"""Samplers: which images an epoch is made of, so that rare classes appear more often; deterministic by seed."""
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
        self._drawn = (None, None, None)            # repeats, round and order of the last draw, which the next image wants again
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
        chosen = shuffled[np.minimum(np.searchsorted(edges, points, side="right"), len(shuffled) - 1)]
        order = rng.permutation(chosen)
        self._drawn = (self.repeats, round_index, order)
        return order


def drawn_at(sampler, count, position):
    """Which of `count` images stands at a position that counts through all rounds, an int; without a sampler they stand in order."""
    round_index, place = divmod(position, sampler.length if sampler else count)
    return int(sampler.draw(round_index)[place]) if sampler else place


def repeat_factors(class_ids_per_image, threshold):
    """Repeat factor of every image by its rarest class (LVIS, Gupta et al. 2019, appendix B).

    class_ids_per_image: one (N,) int array for each image; threshold: classes in a smaller share of the images are repeated.
    Returns: (n,) float64 >= 1: the image's maximum over its classes of max(1, sqrt(threshold / share of images with the class)).
    """
    present = [np.unique(ids) for ids in class_ids_per_image]
    ids, counts = np.unique(np.concatenate([*present, np.zeros(0, int)]), return_counts=True)
    factor = np.maximum(1.0, np.sqrt(threshold / (counts / max(1, len(present)))))
    of_class = dict(zip(ids.tolist(), factor.tolist(), strict=True))
    return np.array([max([1.0, *(of_class[i] for i in ids.tolist())]) for ids in present])


def boost_missed_classes(class_ids_per_image, sensitivity, *, frequent_share=0.1, classes=5, factor=2.0):
    """Repeat factors that show images of the frequent classes the model misses most more often.

    sensitivity: class id -> share of its validation objects that were found, 0..1
    frequent_share: a class is frequent if it is in at least this share of the images; classes: how many to boost; factor: by how much.
    Returns: (n,) float64, `factor` for images that hold one of those classes, else 1.
    """
    present = [set(np.unique(ids).tolist()) for ids in class_ids_per_image]
    share = {c: sum(c in p for p in present) / max(1, len(present)) for c in sensitivity}
    frequent = [c for c in sensitivity if share[c] >= frequent_share]
    missed = set(sorted(frequent, key=lambda c: (sensitivity[c], c))[:classes])
    return np.array([factor if p & missed else 1.0 for p in present])
