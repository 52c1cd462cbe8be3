"""Optimisers: what decays, what is clipped, and the step that a gradient makes, by hand."""

import keras
import numpy as np
import pytest

from mrcnn.keras_internals import moving_averages
from mrcnn.training.optimizers import (
    WarmupSchedule,
    average_momentum,
    make_optimizer,
    rate_factor,
)


def step(optimizer, name, value, gradient):
    """The value of a variable called `name` after one step."""
    variable = keras.Variable(np.float32(value), name=name)
    optimizer.apply([keras.ops.convert_to_tensor(np.float32(gradient))], [variable])
    return np.asarray(variable)


def test_decay_is_decoupled_and_spares_biases_and_batch_norm(plain_config):
    config = plain_config(WEIGHT_DECAY=0.1)
    assert step(make_optimizer(config, 0.5, 10), "kernel", [2.0], [0.0]) == pytest.approx(
        [2.0 - 0.5 * 0.1 * 2.0]
    )
    for name in ("bias", "gamma", "beta"):
        assert step(make_optimizer(config, 0.5, 10), name, [2.0], [0.0]) == pytest.approx([2.0])


def test_gradients_are_clipped_by_their_norm(plain_config):
    moved = step(
        make_optimizer(plain_config(WEIGHT_DECAY=0.0, GRADIENT_CLIP_NORM=1.0), 1.0, 10),
        "kernel",
        [0.0, 0.0],
        [30.0, 40.0],
    )
    assert moved == pytest.approx([-0.6, -0.8], abs=1e-5)


def test_the_config_chooses_the_optimiser(plain_config):
    assert isinstance(
        make_optimizer(plain_config(OPTIMIZER="adamw"), 0.1, 10), keras.optimizers.AdamW
    )
    sgd = make_optimizer(plain_config(LEARNING_MOMENTUM=0.8), 0.1, 10)
    assert isinstance(sgd, keras.optimizers.SGD) and sgd.momentum == 0.8


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "adamw", "rmsprop"])
def test_every_optimiser_walks_downhill(plain_config, name):
    moved = step(make_optimizer(plain_config(OPTIMIZER=name), 0.1, 10), "kernel", [2.0], [1.0])
    assert moved[0] < 2.0


def test_nesterov_looks_ahead_and_adam_does_not_decay(plain_config):
    nesterov = make_optimizer(plain_config(OPTIMIZER="nesterov", WEIGHT_DECAY=0.0), 0.1, 10)
    assert nesterov.nesterov and step(nesterov, "kernel", [1.0], [1.0]) == pytest.approx([0.81])
    adam = make_optimizer(plain_config(OPTIMIZER="adam", WEIGHT_DECAY=0.1), 0.5, 10)
    assert step(adam, "kernel", [2.0], [0.0]) == pytest.approx([2.0])


def test_an_update_has_the_mean_gradient_of_its_batches(plain_config):
    config = plain_config(ACCUMULATE=2, WEIGHT_DECAY=0.0, LEARNING_MOMENTUM=0.0)
    optimizer, variable = make_optimizer(config, 0.5, 10), keras.Variable(np.float32([2.0]))
    values = []
    for gradient in (1.0, 3.0, 1.0):
        optimizer.apply([keras.ops.convert_to_tensor(np.float32([gradient]))], [variable])
        values.append(float(np.asarray(variable)[0]))
    assert values == pytest.approx([2.0, 1.0, 1.0])


def test_an_average_covers_a_tenth_of_a_stage_at_most(plain_config):
    config = plain_config(EMA_MOMENTUM=0.999)
    assert average_momentum(config, 100_000) == 0.999
    assert average_momentum(config, 200) == pytest.approx(0.95)
    assert average_momentum(config, 1) == 0


def test_weights_stay_what_they_are_at_the_end_of_a_training(plain_config):
    optimizer, variable = (
        make_optimizer(plain_config(EMA_MOMENTUM=0.5, WEIGHT_DECAY=0.0), 0.1, 100),
        keras.Variable(np.float32([2.0])),
    )
    for _ in range(3):
        optimizer.apply([keras.ops.convert_to_tensor(np.float32([1.0]))], [variable])
    before = np.asarray(variable).copy()
    ((_, average),) = moving_averages(optimizer)
    optimizer.finalize_variable_values([variable])
    assert np.array_equal(variable, before) and np.asarray(average)[0] > before[0]


def test_warm_up_takes_half_of_a_short_stage_at_most(plain_config):
    optimizer = make_optimizer(plain_config(WARMUP_STEPS=1000), 0.4, total_steps=8)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)  # the first of four steps up to 0.4


def rates(schedule, *steps):
    return [float(schedule(step)) for step in steps]


def test_the_rate_rises_linearly_and_stays():
    assert rates(WarmupSchedule(0.1, warmup=4, total=10), 0, 1, 3, 4, 9, 100) == pytest.approx(
        [0.025, 0.05, 0.1, 0.1, 0.1, 0.1]
    )


def test_without_warm_up_the_first_step_is_at_full_height():
    assert rates(WarmupSchedule(0.1, warmup=0, total=10), 0) == pytest.approx([0.1])


def test_a_cosine_ends_at_a_hundredth_and_is_halfway_in_the_middle():
    schedule = WarmupSchedule(1.0, warmup=10, total=30, decay="cosine")
    assert rates(schedule, 10, 20, 30, 31) == pytest.approx([1.0, 0.505, 0.01, 0.01])


def test_a_cosine_as_short_as_its_warm_up_is_finite():
    assert rates(WarmupSchedule(1.0, warmup=1, total=1, decay="cosine"), 0, 1) == pytest.approx(
        [1.0, 1.0]
    )


def test_steps_divide_the_rate_at_fractions_of_the_stage():
    schedule = WarmupSchedule(1.0, 2, 9, "step", drops=(2 / 3, 8 / 9), factor=0.1)
    assert rates(schedule, 0, 1, 5, 6, 7, 8) == pytest.approx([0.5, 1, 1, 0.1, 0.1, 0.01])


def test_its_config_makes_the_same_schedule():
    schedule = WarmupSchedule(0.3, warmup=2, total=7, decay="cosine")
    assert rates(WarmupSchedule(**schedule.get_config()), 0, 3, 6) == rates(schedule, 0, 3, 6)


@pytest.mark.parametrize("name", ["sgd", "adamw", "rmsprop"])
def test_earlier_stages_of_the_backbone_move_less(plain_config, name):
    config = plain_config(OPTIMIZER=name, LAYER_DECAY=0.5, WEIGHT_DECAY=0.0, GRADIENT_CLIP_NORM=0)
    moved = {}
    for path in ("res5a_branch2a", "res3a_branch2a", "fpn_c5p5"):
        optimizer = make_optimizer(config, 0.01, 10)
        with keras.name_scope(path):
            variable = keras.Variable(np.float32([2.0]), name="kernel")
        optimizer.apply([keras.ops.convert_to_tensor(np.float32([1.0]))], [variable])
        moved[path] = 2.0 - np.asarray(variable)[0]
    assert moved["res5a_branch2a"] == pytest.approx(moved["fpn_c5p5"] / 2, rel=1e-3)
    assert moved["res3a_branch2a"] == pytest.approx(moved["fpn_c5p5"] / 8, rel=1e-3)


def test_stages_that_cannot_be_told_apart_learn_at_one_rate(plain_config):
    config = plain_config(LAYER_DECAY=0.5)
    config.BACKBONE = lambda image, **options: image
    assert rate_factor(config, "res2a_branch2a/kernel") == 1
