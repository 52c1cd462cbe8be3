"""Recipes: how a network is trained; as the report did, and as well as its largest network can be."""

from dataclasses import dataclass, replace

from fashion.classify.data import HELD_OUT

BATCH_SIZE = 128


@dataclass(frozen=True)
class Recipe:
    """One way to train. The learning rate stays, or falls in half a cosine to 1 % of its height at the last epoch."""

    summary: str
    epochs: tuple = (10, 50)  # measured after each of these; the last one ends the training
    rate: float = 1e-3  # of Adam, at its height
    warmup: float = 0.0  # epochs over which the rate rises from 0
    shape: str = "constant"  # of the rate: "constant" or "cosine"
    weight_decay: float = 0.0  # decoupled (AdamW), of kernels
    smoothing: float = 0.0  # share of a label that is spread over all classes
    dropout: tuple = (0.25, 0.25)  # before the hidden layer, before the last one
    mirror: bool = False  # pictures are mirrored at random
    shift: int = 0  # most pixels that they are shifted by
    erase: float = 0.0  # share of them that a rectangle is erased from
    average: float = 0.0  # momentum of the moving average of the weights that is measured and kept
    both_sides: bool = False  # a prediction is the mean of the picture's and its mirror image's
    held_out: float = HELD_OUT  # share of the training images that is validated on

    def __post_init__(self):
        if self.shape == "cosine" and len(self.epochs) > 1:
            raise ValueError(
                f"A rate that falls to the end of the training has one end: give one number of epochs. Got {self.epochs}. "
                "For several, train into several folders."
            )


# AdamW with warm-up and cosine: Loshchilov & Hutter 2019. Smoothing: Szegedy et al. 2016. Erasing: Zhong et al. 2020, who measure it on
# Fashion-MNIST with mirrored and shifted pictures. Averages: Polyak & Juditsky 1992, with Tan & Le 2019's moving form.
BEST = Recipe(
    "the report's network, trained better: augmentation, a cosine, smoothing, decay, averaged weights",
    (100,),
    warmup=2.0,
    shape="cosine",
    weight_decay=0.05,
    smoothing=0.1,
    dropout=(0.25, 0.4),
    mirror=True,
    shift=2,
    erase=0.5,
    average=0.998,
    both_sides=True,
)
RECIPES = {
    "report": Recipe("as the report did: Adam at 0.001, no augmentation"),
    "best": BEST,
    "best-all": replace(
        BEST,
        held_out=0.0,
        summary="the same on all 60,000 training images, with nothing left to validate on",
    ),
}
