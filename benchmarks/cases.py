"""Cases: the recipes, sizes and batches that are measured, made comparable."""

from dataclasses import dataclass, field

from fashion.config import RECIPES

# torchvision's RPN has 256 channels and no attribute head: with these settings both do the same
# work.
SAME_WORK = {"RPN_CHANNELS": 256, "NUM_ATTRIBUTES": 0}


@dataclass(frozen=True)
class Case:
    """A network to measure.

    Attributes:
        recipe: Of fashion/config.py.
        settings: Replace the recipe's.
        batch: Images of a step.
        peer: Whether torchvision is measured instead.
    """

    name: str
    recipe: str
    batch: int
    settings: dict = field(default_factory=dict)
    peer: bool = False

    def config(self, dtype):
        """The Config, in "float32" or "mixed_bfloat16".

        A least score of 0 keeps every detection, so that untrained networks have some.
        """
        own = {
            "IMAGES_PER_GPU": self.batch,
            "GPU_COUNT": 1,
            "MIXED_PRECISION": dtype == "mixed_bfloat16",
            "DETECTION_MIN_CONFIDENCE": 0.0,
        }
        return RECIPES[self.recipe].from_dict(self.settings | own)


def _resnet(name, size, batch, settings=None, peer=False):
    sizes = {"IMAGE_MIN_DIM": size, "IMAGE_MAX_DIM": size, "BACKBONE": "resnet50"}
    return Case(name, "baseline", batch, sizes | (settings or {}), peer)


CASES = {
    case.name: case
    for case in (
        _resnet("r50-512", 512, 16),
        _resnet("r50-512-same-work", 512, 16, SAME_WORK),
        _resnet("torchvision-512", 512, 16, SAME_WORK, peer=True),
        _resnet("r50-1024", 1024, 4),
        _resnet("r50-1024-same-work", 1024, 4, SAME_WORK),
        _resnet("torchvision-1024", 1024, 4, SAME_WORK, peer=True),
        Case("smoke", "smoke", 4),
        Case("ccp", "ccp", 4),
    )
}
