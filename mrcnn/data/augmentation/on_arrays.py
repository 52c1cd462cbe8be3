"""Lets an augmenter of samples be called with arrays, as scripts and notebooks do."""

import abc

import numpy as np

from mrcnn.data.sample import Sample
from mrcnn.typing import Array


class ArrayAugmenter(abc.ABC):
    """An augmenter of samples that is also a function of an image and its masks."""

    @abc.abstractmethod
    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """See `mrcnn.data.augmentation.pipeline.Augmenter`.

        Args:
            sample: Image and objects.
            rng: Source of randomness.

        Returns:
            The changed sample.

        Raises:
            ValueError: If the canvas changes.
        """

    def __call__(self, image: Array, masks: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Augments an image and full-size masks.

        Args:
            image: `(H, W, 3)` uint8.
            masks: `(H, W, N)` bool.
            rng: Source of randomness.

        Returns:
            image: `(H, W, 3)` uint8.
            masks: `(H, W, N)` bool.

        Raises:
            ValueError: For a wrong shape or a changed canvas.
        """
        sample = self.augment(Sample.from_dense(image, masks), rng)
        return sample.image, sample.masks.dense()
