"""The plan of a training, as it is printed before the first batch."""

from collections.abc import Mapping, Sequence

from fashion.config import FashionConfig
from fashion.pages.text import count
from mrcnn.training.optimizers import average_momentum
from mrcnn.training.stages import Stage

LAYERS_IN_WORDS = {  # by the name that a stage has for them
    "heads": "all layers but the backbone",
    "all": "all layers",
    "3+": "all layers but the first 2 stages of the backbone",
    "4+": "all layers but the first 3 stages of the backbone",
    "5+": "all layers but the first 4 stages of the backbone",
}


def plan_text(
    config: FashionConfig, stages: Sequence[Stage], steps: int, facts: Mapping[str, str]
) -> str:
    """Writes the plan.

    Args:
        config: Settings of the training.
        stages: Those that are trained.
        steps: Batches of an epoch.
        facts: Lines to begin with, by their titles.

    Returns:
        Lines with a title each.
    """
    height, width = config.image_hw
    backbone = config.BACKBONE if isinstance(config.BACKBONE, str) else config.BACKBONE.__name__
    batch = count(config.BATCH_SIZE, "image")
    if config.ACCUMULATE > 1:
        batch += f", {config.ACCUMULATE} batches to an update"
    rows = [
        *facts.items(),
        ("network", f"{backbone}, input {width} pixels wide and {height} high"),
        ("batch", batch),
        ("optimizer", _optimizer(config, [s for s in stages if s.epochs], steps)),
    ]
    epochs, when = 0, _when(config, stages)
    for stage in stages:
        if stage.epochs:
            rows.append((f"stage {stage.name}", _stage(stage, epochs + 1, steps)))
        epochs += stage.epochs
    rows.append(
        (
            "in all",
            f"{count(epochs, 'epoch')}, {epochs * steps:,} batches, "
            f"{epochs * steps * config.BATCH_SIZE:,} images seen; evaluated {when}",
        )
    )
    longest = max(len(title) for title, _ in rows) + 2
    return "\n".join(f"{title:{longest}}{text}" for title, text in rows)


def used_text(config: FashionConfig, images: int) -> str:
    """Says how many validation images a training uses.

    Args:
        config: EVALUATE_IMAGES and VALIDATION_STEPS limit them.
        images: How many there are.

    Returns:
        To follow the summary of the validation data; empty if all are used.
    """
    scored = min(images, config.EVALUATE_IMAGES)
    steps = config.VALIDATION_STEPS
    in_loss = min(images, int(steps) * config.BATCH_SIZE) if steps else images
    if scored == in_loss == images:
        return ""
    return f"; {scored:,} images are scored, {in_loss:,} are in the validation loss"


def _stage(stage: Stage, first: int, steps: int) -> str:
    last = first + stage.epochs - 1
    epochs = f"epoch {first}" if first == last else f"epochs {first} to {last}"
    each = "" if first == last else " each"
    layers = LAYERS_IN_WORDS.get(stage.layers, f"layers {stage.layers}")
    batches = count(steps, "batch", "batches")
    return f"{epochs}, {batches}{each}, {layers}, learning rate {stage.learning_rate:g}"


def _when(config: FashionConfig, stages: Sequence[Stage]) -> str:
    """After which epochs a training is evaluated, as `RunRecorder` does it."""
    every, done = int(config.EVALUATE_EVERY), 0
    ends = []
    for stage in stages:
        done += stage.epochs
        if stage.epochs:
            ends.append(done)
    evaluated = {*range(every, done + 1, every), *ends}
    if done == 1:
        return "after it"
    if len(evaluated) == done:
        return "after every epoch"
    if evaluated == set(ends):
        return "at the end" if len(ends) == 1 else "at the end of each stage"
    last = "" if done % every == 0 and len(ends) == 1 else " and at the end of a stage"
    return f"after every {every} epochs{last}"


def _optimizer(config: FashionConfig, stages: Sequence[Stage], steps: int) -> str:
    parts = [f"{config.OPTIMIZER}, {config.LR_SCHEDULE} schedule"]
    # As `mrcnn.training.optimizers.make_optimizer` does in a stage of this length.
    warmup = min(config.WARMUP_STEPS, steps * max((s.epochs for s in stages), default=1) // 2)
    if warmup:
        parts.append(f"{count(warmup, 'batch', 'batches')} of warm-up")
    if config.EMA_MOMENTUM:
        parts.append(_average(config, stages, steps))
    return ", ".join(parts)


def _average(config: FashionConfig, stages: Sequence[Stage], steps: int) -> str:
    """The momentum of the moving average, and where it is lower than asked for."""
    asked = config.EMA_MOMENTUM
    lower = []
    for stage in stages:
        momentum = average_momentum(config, steps * stage.epochs)
        if round(momentum, 3) < round(asked, 3):
            lower.append(f"{momentum:.3g} in stage {stage.name}")
    text = f"moving average of the weights with momentum {asked:g}"
    # See AVERAGED_SHARE there.
    return f"{text} ({', '.join(lower)}: it spans at most a tenth of a stage)" if lower else text
