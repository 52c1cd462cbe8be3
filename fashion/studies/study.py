"""What a study of the detector is: variants of a recipe, and how they are trained and compared."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# (layers, epochs, learning rate), see `mrcnn.training.stages`.
StageOf = tuple[str, int, float]
# Columns of `fashion.studies.detector_tables` that decide, and those on the screen.
JUDGED = ("mask AP", "mask f1AP")
ON_SCREEN = (
    "mask AP",
    "mask f1AP",
    "mask f1AP50",
    "Fashionpedia AP",
    "attribute micro F1",
    "attribute macro F1",
    "attribute mAP",
    "mAP, true boxes",
)


@dataclasses.dataclass(frozen=True)
class Study:
    """A comparison of variants.

    Attributes:
        title: Title of the table.
        variants: Settings by name. The others are compared with the first one.
        layers: Layers that are trained, see `mrcnn.training.stages`.
        needs_weights: Whether --weights must name a trained model.
        exclude: Regular expression; layers whose weights are not taken from it.
        options: More options of `train`, by variant.
        stages: Stages of the variants that have their own, with the epochs of a whole study.
        photos: Training images of a variant, as a share of --limit.
        settings: Settings that all variants have.
        builds_on: Whether each variant starts from the weights of the one before.
        by_step: Whether each variant is compared with the one before, not with the first one.
        recipe: Recipe, unless --recipe names another.
        weights: What runs start from, unless --weights names another; None for the recipe's.
        epochs: Epochs of the longest variant, unless --epochs says otherwise.
        rate: Highest learning rate, as above. None takes those of `stages`.
        limit: Training images of the largest variant, as above; None for all.
        sizes: Numbers of training images that are compared; the variants are named after them.
        evaluate: Options of `evaluate`.
        shown: Columns on the screen and in the plot.
        judged: Columns whose differences are tested.
        tables: Titles and columns of the tables of the page.
        factors: {factor: {variant: level}} of a factorial study; the first level of each factor
            is what others are compared with.
        reported: Scores in [0, 1] of a report, by variant and column.
        source: The report.
        trainers: {variant: "torchvision"}; the others are trained by `fashion train`.
        quick: Variants of --quick; all if empty.
        grid: Scores of a report, by (score threshold, attribute threshold) and column; then
            `evaluate` holds the option --tune f1_ap.
        recalls: Whether to write the recall of each category.
    """

    title: str
    variants: Mapping[str, Mapping[str, Any]]
    layers: str = "all"
    needs_weights: bool = False
    exclude: str = ""
    options: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    stages: Mapping[str, Sequence[StageOf]] = dataclasses.field(default_factory=dict)
    photos: Mapping[str, float] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    builds_on: bool = False
    by_step: bool = False
    recipe: str = "smoke"
    weights: str | None = None
    epochs: int = 3
    rate: float | None = 1e-3
    limit: int | None = None
    sizes: Sequence[int] = ()
    evaluate: Sequence[str] = ()
    shown: Sequence[str] = ON_SCREEN
    judged: Sequence[str] = JUDGED
    tables: Sequence[tuple[str, Sequence[str]]] = ()
    factors: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    reported: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    source: str = ""
    trainers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    quick: Sequence[str] = ()
    grid: Mapping[tuple[float, float], Mapping[str, float]] = dataclasses.field(
        default_factory=dict
    )
    recalls: bool = False

    def with_sizes(self, sizes: Iterable[int]) -> "Study":
        """Replaces the numbers of training images that are compared.

        Args:
            sizes: Numbers of images.

        Returns:
            A study with a variant for each, the smallest first.
        """
        sizes = sorted(set(sizes))
        return dataclasses.replace(
            self, sizes=tuple(sizes), variants={size_name(size): {} for size in sizes}
        )

    def stages_of(self, name: str, epochs: int, rate: float | None) -> list[list[Any]]:
        """Lists the stages of a variant, as the setting STAGES has them.

        Args:
            name: The variant.
            epochs: Epochs of the longest variant; the others keep their proportion to it.
            rate: Highest learning rate; the others keep their proportion to it. None keeps those
                of `stages`.

        Returns:
            [name, layers, epochs, rate] of each stage with at least one epoch.
        """
        if name not in self.stages:
            return [["compare", self.layers, epochs, rate]]
        from fashion.cli.training_settings import shared_epochs

        own = self.stages[name]
        longest = max(sum(stage[1] for stage in stages) for stages in self.stages.values())
        total = max(1, round(epochs * sum(stage[1] for stage in own) / longest))
        highest = max(stage[2] for stages in self.stages.values() for stage in stages)
        factor = 1.0 if rate is None else rate / highest
        lengths = shared_epochs([stage[1] for stage in own], total)
        result: list[list[Any]] = []
        for (layers, _, own_rate), length in zip(own, lengths, strict=True):
            if length:
                result.append([f"stage{len(result) + 1}", layers, length, own_rate * factor])
        return result

    def photos_of(self, name: str, limit: int | None) -> int | None:
        """Chooses the number of training images of a variant.

        Args:
            name: The variant.
            limit: Of the largest variant; None for all images.

        Returns:
            How many; None for all.
        """
        if self.sizes:
            return dict(zip(self.variants, self.sizes, strict=True))[name]
        if limit is None:
            return None
        return max(1, round(limit * self.photos.get(name, 1.0)))

    def references(self, names: Sequence[str]) -> dict[str, str]:
        """Chooses what each variant is compared with.

        Args:
            names: Variants that have runs, in the order of the table.

        Returns:
            {variant: the first one, or the one before}; the first one has none.
        """
        if self.by_step:
            return dict(zip(names[1:], names))
        return {name: names[0] for name in names[1:]}


def size_name(size: int) -> str:
    """Names the variant of a number of training images.

    Args:
        size: Number of images.

    Returns:
        The name.
    """
    return f"{size} photos"
