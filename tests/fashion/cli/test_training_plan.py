"""The plan of a training, counted by hand."""

from fashion.cli.training_plan import plan_text
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
        "optimizer    adamw, cosine schedule, moving average of the weights with momentum 0.8",
        "stage heads  epoch 1 of 25 batches, all layers but the backbone, learning rate 0.001",
        "stage late   epochs 2 to 3 of 25 batches, all layers but the first 3 stages of the "
        "backbone, learning rate 0.0005",
        "in all       3 epochs, 75 batches, 300 images seen; evaluated after every epoch",
    ]


def test_the_warm_up_takes_at_most_half_of_a_stage():
    config = RECIPES["ccp"].from_dict({"WARMUP_STEPS": 100})
    plan = plan_text(config, [Stage("all", "all", 1, 5e-4)], 25, {})
    assert "12 batches of warm-up" in plan
