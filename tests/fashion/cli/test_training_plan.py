"""The plan of a training, counted by hand."""

from fashion.cli.training_plan import plan_text, used_text
from fashion.config import RECIPES
from mrcnn.training.stages import Stage


def test_the_plan_counts_epochs_batches_and_images():
    config = RECIPES["ccp"].from_dict(
        {"ACCUMULATE": 2, "EMA_MOMENTUM": 0.999, "EVALUATE_EVERY": 1, "WARMUP_STEPS": 0}
    )
    stages = [
        Stage("heads", "heads", 1, 1e-3),
        Stage("none", "all", 0, 1e-3),
        Stage("late", "4+", 2, 5e-4),
    ]
    assert plan_text(config, stages, 25, {"data": "photos/"}).splitlines() == [
        "data         photos/",
        "network      efficientnet_lite0, input 256 pixels wide and 384 high",
        "batch        4 images, 2 batches to an update",
        "optimizer    adamw, cosine schedule, moving average of the weights with momentum 0.999 "
        "(0.6 in stage heads, 0.8 in stage late: it spans at most a tenth of a stage)",
        "stage heads  epoch 1, 25 batches, all layers but the backbone, learning rate 0.001",
        "stage late   epochs 2 to 3, 25 batches each, all layers but the first 3 stages of the "
        "backbone, learning rate 0.0005",
        "in all       3 epochs, 75 batches, 300 images seen; evaluated after every epoch",
    ]


def test_the_warm_up_takes_at_most_half_of_a_stage():
    config = RECIPES["ccp"].from_dict({"WARMUP_STEPS": 100})
    plan = plan_text(config, [Stage("all", "all", 1, 5e-4)], 25, {})
    assert "12 batches of warm-up" in plan


def test_a_long_stage_has_the_momentum_that_was_asked_for():
    config = RECIPES["ccp"].from_dict({"EMA_MOMENTUM": 0.998})
    plan = plan_text(config, [Stage("all", "all", 10, 5e-4)], 1000, {})
    assert "moving average of the weights with momentum 0.998\n" in plan
    plan = plan_text(config, [Stage("all", "all", 1, 5e-4)], 3324, {})  # 1 - 1 / 332.4
    assert "with momentum 0.998 (0.997 in stage all: it spans" in plan


def test_the_plan_tells_how_many_validation_images_are_used():
    settings = {"EVALUATE_IMAGES": 40, "VALIDATION_STEPS": 5, "IMAGES_PER_GPU": 4, "GPU_COUNT": 1}
    config = RECIPES["ccp"].from_dict(settings)
    assert used_text(config, 103) == "; 40 images are scored, 20 are in the validation loss"
    assert used_text(config, 30) == "; 30 images are scored, 20 are in the validation loss"
    assert used_text(config, 20) == ""
    config = RECIPES["ccp"].from_dict(settings | {"VALIDATION_STEPS": None})
    assert used_text(config, 103) == "; 40 images are scored, 103 are in the validation loss"


def test_the_plan_says_when_a_training_is_evaluated():
    def end_of(every, *epochs):
        config = RECIPES["ccp"].from_dict({"EVALUATE_EVERY": every})
        stages = [Stage(f"stage {i}", "all", n, 1e-3) for i, n in enumerate(epochs)]
        return plan_text(config, stages, 25, {}).rpartition("; ")[2]

    assert end_of(2, 1) == "evaluated after it"
    assert end_of(2, 1, 0, 1) == "evaluated after every epoch"
    assert end_of(4, 3) == "evaluated at the end"
    assert end_of(4, 2, 2) == "evaluated at the end of each stage"
    assert end_of(4, 12) == "evaluated after every 4 epochs"
    assert end_of(4, 1, 19) == "evaluated after every 4 epochs and at the end of a stage"
