"""What may be searched, and how it is set."""

import pytest

from fashion import search, train
from fashion.cli.training_settings import requested_config
from fashion.config import RECIPES
from fashion.hyperparameters.names import (
    _OF_OPTIMIZERS,
    check_effects,
    check_names,
    defaults_of,
    setting_of,
    words_of,
)
from fashion.hyperparameters.space_reader import read_space
from mrcnn.training.optimizers import make_optimizer


def config_of(*words, recipe="smoke"):
    args = train.parse(["--recipe", recipe, *words])
    return requested_config(args, RECIPES[recipe])


def defaults(*texts, recipe="smoke", stage="all"):
    return defaults_of(
        read_space(texts),
        config_of(recipe=recipe),
        lambda values: config_of(*words_of(values), recipe=recipe),
        stage,
    )


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        *(("lr", None), ("--lr", None), ("loss-weights", None), ("loss_weights", None)),
        *(("weight_decay", "WEIGHT_DECAY"), ("WEIGHT_DECAY", "WEIGHT_DECAY")),
        ("weight-decay", "WEIGHT_DECAY"),
    ],
)
def test_a_name_is_an_option_or_a_setting(name, setting):
    assert setting_of(name) == setting


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "learning_rte",
            "it is not a setting, and none of the options .* Did you mean LEARNING_RATE",
        ),
        ("momentum", "Did you mean LEARNING_MOMENTUM?"),
        ("optimzer", "Did you mean optimizer"),
        ("learning_rate", "search lr, the highest of them"),
        ("seed", "--seeds N repeats the best"),
        ("limit", "could not be compared. Give it once for all trainings"),
        ("LIMIT", "--space LIMIT cannot be searched: it decides which images are scored"),
        ("out", "These options are lr, batch, .*; `fashion settings` lists the settings"),
        ("EVALUATE_EVERY", "after which epochs"),
        ("BATCH_SIZE", "follows from other settings"),
        ("workers", "does not change the result"),
    ],
)
def test_what_may_not_be_searched_is_said(name, message):
    with pytest.raises(ValueError, match=message):
        setting_of(name)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lr": 1e-4, "batch": 2}, "--lr 0.0001 --batch 2"),
        ({"loss_weights": "ones"}, "--loss-weights ones"),
        ({"weight_decay": 0.5}, "--set WEIGHT_DECAY=0.5"),
        ({"SCALE_JITTER": "[0.5, 2]"}, "--set SCALE_JITTER=[0.5, 2]"),
        ({"ema": "none", "optimizer": "sgd"}, "--optimizer sgd"),
        ({"ema": 0.99}, "--ema 0.99"),
        ({"rebalance": "classes+missed"}, "--rebalance classes missed"),
        ({"rebalance": "none"}, ""),
        ({"weights": "none"}, "--weights none"),
    ],
)
def test_values_become_words_of_train(values, words):
    assert " ".join(words_of(values)) == words


@pytest.mark.parametrize(
    ("texts", "given", "settings", "message"),
    [
        (["lr=1,2"], ["lr"], [], "--lr is searched: leave the option out"),
        (["loss_weights=ones"], ["loss_weights"], [], "--loss-weights is searched"),
        (["optimizer=sgd"], [], ["OPTIMIZER"], "--set OPTIMIZER would replace"),
        (["batch=1"], [], ["IMAGES_PER_GPU"], "--set IMAGES_PER_GPU would replace"),
        (["optimizer=sgd", "OPTIMIZER=adam"], [], [], "optimizer and OPTIMIZER both change"),
        (["weight_decay=1", "WEIGHT_DECAY=2"], [], [], "both change WEIGHT_DECAY"),
        (["lr=1", "STAGES=x"], [], [], "lr and STAGES both change STAGES"),
    ],
)
def test_two_that_change_the_same_are_refused(texts, given, settings, message):
    with pytest.raises(ValueError, match=message):
        check_names(read_space(texts), given, settings)


@pytest.mark.parametrize(
    ("texts", "optimizer", "message"),
    [
        (["weight_decay=1,2"], "adam", "weight_decay would change nothing: the optimizer adam has"),
        (["LEARNING_MOMENTUM=1,2"], "adamw", "adamw has no momentum. .* one of sgd, nesterov, rms"),
        (
            ["LEARNING_MOMENTUM=1,2", "optimizer=adam,adamw"],
            "sgd",
            "the optimizers adam and adamw have no m",
        ),
        (["weight_decay=1,2", "optimizer=adam"], "sgd", "the optimizer adam has no weight decay"),
        (
            ["weight_decay=log:1e-5:1e-2", "optimizer=adam,adamw"],
            "sgd",
            '"weight_decay=log:1e-05:0.01 if optimizer=adamw"',
        ),
        (
            ["learning-momentum=0,1 if batch=2", "OPTIMIZER=sgd,adam,rmsprop", "batch=2,4"],
            "sgd",
            '"learning-momentum=0,1 if batch=2 and OPTIMIZER=sgd,rmsprop"',
        ),
    ],
)
def test_a_setting_that_an_optimizer_does_not_have_is_refused(texts, optimizer, message):
    with pytest.raises(ValueError, match=message):
        check_effects(read_space(texts), optimizer)


@pytest.mark.parametrize(
    ("texts", "optimizer"),
    [
        (["weight_decay=1,2"], "adamw"),
        (["weight_decay=1,2 if optimizer=adamw", "optimizer=adam,adamw"], "adam"),
        (["weight_decay=1,2", "optimizer=sgd,adamw"], "adam"),
        (["lr=1,2", "optimizer=adam,adamw"], "adam"),
    ],
)
def test_a_setting_that_every_optimizer_has_is_searched(texts, optimizer):
    check_effects(read_space(texts), optimizer)


def test_settings_of_optimizers_are_those_that_keras_is_given():
    """What `check_effects` knows is read from the optimizers themselves."""
    for name in ("sgd", "nesterov", "adam", "adamw", "rmsprop"):
        made = []
        for value in (0.1, 0.2):
            config = config_of("--optimizer", name)
            config.WEIGHT_DECAY = config.LEARNING_MOMENTUM = value
            made.append(make_optimizer(config, 1e-3, 100).get_config())
        for setting, key in (("WEIGHT_DECAY", "weight_decay"), ("LEARNING_MOMENTUM", "momentum")):
            differs = made[0].get(key) != made[1].get(key)
            assert differs == (name in _OF_OPTIMIZERS[setting][1]), (name, setting)


def test_the_length_and_the_rate_of_a_training_are_searched_together():
    check_names(read_space(["lr=1,2", "epochs=3,4", "weight_decay=1,2"]), ["optimizer"], ["EMA"])


def test_the_first_trial_has_the_settings_of_the_recipe():
    texts = [
        *("lr=log:1e-5:1e-2", "batch=2,4", "optimizer=sgd,adamw", "imgsz=int:128:256:64"),
        *(
            "weight_decay=log:1e-5:1e-2 if optimizer=adamw",
            "learning_momentum=0.8,0.9 if optimizer=sgd",
        ),
        *("loss_weights=best,ones", "ema=none,0.99", "rebalance=classes,none", "weights=imagenet"),
        *("AUGMENT=false,true", "SCALE_JITTER=null,[0.5,2]", "epochs=int:5:30", "patience=none,5"),
    ]
    values, reason = defaults(*texts, recipe="smoke")
    assert not reason and values == {
        **{"lr": 1e-3, "batch": 4, "optimizer": "adamw", "weight_decay": 1e-3, "imgsz": 192},
        **{"loss_weights": "ones", "ema": "none", "rebalance": "none", "weights": "imagenet"},
        **{"AUGMENT": "true", "SCALE_JITTER": "null", "epochs": 19, "patience": "none"},
    }


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["lr=log:1e-5:1e-4"], "lr (0.001, not log:1e-05:0.0001)"),
        (["batch=2,8"], "batch (4, not 2,8)"),
        (["batch=2,4", "optimizer=sgd,adam"], "optimizer (another value, not sgd,adam)"),
    ],
)
def test_a_recipe_outside_the_space_is_said(texts, reason):
    assert defaults(*texts) == (None, reason)


def test_the_rate_of_one_stage_is_its_own():
    assert defaults("lr=0.001,0.0005", recipe="ccp")[0] == {"lr": 0.001}
    assert defaults("lr=0.001,0.0005", recipe="ccp", stage="all")[0] == {"lr": 0.001}
    config = config_of("--set", 'STAGES=[["heads","heads",1,0.004],["rest","all",9,0.0005]]')
    values, _ = defaults_of(read_space(["lr=0.004,0.0005"]), config, lambda _: config, "rest")
    assert values == {"lr": 0.0005}


def test_every_option_that_may_be_searched_is_one_of_train():
    args = vars(train.parse([]))
    from fashion.hyperparameters.names import OPTIONS

    assert not set(OPTIONS) - set(args)
    assert set(vars(search.parse(["--space", "lr=1e-4,1e-3"])))
