"""Settings of a training: how options act on a recipe and its stages."""

import argparse
import json
import re
import subprocess
import sys

import pytest

from fashion import train
from fashion.cli.training_settings import (
    changed_stages,
    loss_weights,
    option_settings,
    read_recipe,
    shared_epochs,
    sized,
)
from fashion.config import LOSS_PRESETS, RECIPES, FashionConfig
from mrcnn.training.stages import Stage

STAGES = (Stage("heads", "heads", 10, 1e-3), Stage("all", "all", 90, 1e-4))


def settings_of(*words, recipe="baseline"):
    args = train.parse(["--recipe", recipe, *words])
    return option_settings(args, RECIPES[recipe](), args.stage or "all")


@pytest.mark.parametrize(
    ("lengths", "epochs", "shared"),
    [
        ([10, 90], None, [10, 90]),
        ([10, 90], 20, [2, 18]),
        ([1, 13], 2, [1, 1]),
        ([1, 13], 1, [0, 1]),
        ([1, 1, 1], 2, [0, 1, 1]),
        ([5, 0], 3, [2, 1]),
        ([7], 3, [3]),
        ([], 3, []),
    ],
)
def test_stages_share_epochs_as_in_the_recipe(lengths, epochs, shared):
    assert shared_epochs(lengths, epochs) == shared


def test_the_highest_rate_is_set_and_others_keep_their_proportion():
    heads, rest = changed_stages(STAGES, "all", None, 0.02)
    assert (heads.learning_rate, rest.learning_rate) == pytest.approx((0.02, 0.002))
    heads, rest = changed_stages(STAGES, "all", 10, 0.02)
    assert (heads.epochs, rest.epochs, heads.layers) == (1, 9, "heads")


def test_a_single_stage_has_all_epochs_and_the_rate():
    assert changed_stages(STAGES, "all", 3, 0.5) != STAGES
    heads, rest = changed_stages(STAGES, "heads", 3, 0.5)
    assert heads == Stage("heads", "heads", 3, 0.5) and rest == STAGES[1]


def test_options_that_are_not_given_change_nothing():
    assert settings_of() == {}


def test_every_option_becomes_its_setting():
    found = settings_of(
        *("--batch 8 --optimizer nesterov --schedule step --backbone resnet101".split()),
        *("--seed 3 --ema --accumulate 4 --augment none --loss-weights best".split()),
    )
    weights = found.pop("LOSS_WEIGHTS")
    assert found == {
        "IMAGES_PER_GPU": 8,
        "OPTIMIZER": "nesterov",
        "LR_SCHEDULE": "step",
        "BACKBONE": "resnet101",
        "SEED": 3,
        "EMA_MOMENTUM": 0.999,
        "ACCUMULATE": 4,
        "AUGMENT": False,
    }
    assert list(weights.values()) == [1, 0.8, 6, 6, 6, 0.15]
    assert settings_of("--ema", "0.9") == {"EMA_MOMENTUM": 0.9}
    assert settings_of("--seed", "0") == {"SEED": 0}


@pytest.mark.parametrize("words", [["--epochs", "3"], ["--limit", "10"]])
def test_an_epoch_is_every_image_once_where_its_number_or_the_images_are_given(words):
    assert settings_of(*words)["STEPS_PER_EPOCH"] is None


def test_a_limit_holds_for_validation_too():
    found = settings_of("--limit", "10", "--batch", "4")
    assert (found["VALIDATION_STEPS"], found["EVALUATE_IMAGES"]) == (3, 10)
    found = settings_of("--limit", "100000")
    assert (found["VALIDATION_STEPS"], found["EVALUATE_IMAGES"]) == (100, 500)


def test_a_batch_is_shared_by_the_devices():
    assert settings_of("--batch", "8", recipe="full") == {"IMAGES_PER_GPU": 4}
    with pytest.raises(ValueError, match="--batch must be a multiple of GPU_COUNT, which is 2"):
        settings_of("--batch", "7", recipe="full")


def test_sides_and_anchors_keep_their_proportion():
    assert sized(RECIPES["ccp"](), 192) == {
        "IMAGE_MAX_DIM": 192,
        "IMAGE_MIN_DIM": 128,
        "RPN_ANCHOR_SCALES": [8, 16, 32, 64, 128],
    }
    assert sized(FashionConfig(), 1024)["RPN_ANCHOR_SCALES"] == [32, 64, 128, 256, 512]
    for recipe in RECIPES.values():
        for side in (128, 192, 256, 640):
            recipe.from_dict(sized(recipe(), side))  # valid
    with pytest.raises(ValueError, match="--imgsz must be a multiple of 64.* nearest sizes are 64"):
        sized(FashionConfig(), 100)


def test_presets_of_loss_weights_have_all_losses_of_mask_rcnn():
    assert set(LOSS_PRESETS) == {"ones", "best", "identification"}
    assert list(loss_weights("identification").values()) == [10, 0.8, 6, 6, 6]
    assert loss_weights('{"mrcnn_mask_loss": 2}') == {"mrcnn_mask_loss": 2}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bset", "must be one of ones, best, identification, .* Did you mean best"),
        ('{"mask": 2}', "LOSS_WEIGHTS has 'mask'. Did you mean 'mrcnn_mask_loss'"),
        ('{"total": 2}', "knows no loss total"),
        ('{"mrcnn_mask_loss": -1}', "at least 0"),
        ("[1, 2]", "must be one of ones"),
    ],
)
def test_other_loss_weights_are_refused(text, told):
    with pytest.raises(argparse.ArgumentTypeError, match=told):
        loss_weights(text)


def test_a_recipe_may_be_a_file(tmp_path):
    run, found, plain = (tmp_path / name for name in ("config.json", "best.json", "plain.yaml"))
    run.write_text(json.dumps({"recipe": "ccp", "config": RECIPES["ccp"]().to_dict()}))
    name, settings = read_recipe(str(run))
    assert name == "ccp" and settings["IMAGE_MAX_DIM"] == 384
    assert not {"NUM_CLASSES", "BATCH_SIZE", "NAME"} & set(settings)
    found.write_text(json.dumps({"recipe": "smoke", "settings": {"WEIGHT_DECAY": 0.1}, "score": 1}))
    assert read_recipe(str(found)) == ("smoke", {"WEIGHT_DECAY": 0.1})
    plain.write_text("OPTIMIZER: adamw\n")
    assert read_recipe(str(plain)) == (None, {"OPTIMIZER": "adamw"})
    args = train.parse(["--recipe", str(found), "--lr", "0.1"])
    assert args.recipe == "smoke" and args.recipe_settings == {"WEIGHT_DECAY": 0.1}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("baselien", None, "--recipe must be one of smoke, .* Did you mean baseline"),
        ("missing.json", None, "There is no file .*missing.json"),
        ("x.json", "{", "x.json"),
        ("x.json", '{"recipe": "ccd"}', "recipe must be one of .* Did you mean ccp"),
        ("x.json", '{"WEIGHT_DECY": 1}', "no setting WEIGHT_DECY. Did you mean WEIGHT_DECAY"),
        ("x.yaml", "a: [", "is not YAML"),
        ("x.yaml", "- 1", "must hold names with values"),
    ],
)
def test_other_recipes_are_refused(tmp_path, name, text, told):
    if text is not None:
        (tmp_path / name).write_text(text)
        name = str(tmp_path / name)
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        read_recipe(name)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--name a/b", "--name must be the name of a folder"),
        ("--data nowhere", "There is no data set nowhere"),
        ("--weights coca", "There is no file coca. Did you mean coco"),
        ("--augment nothing.json", "--augment must be default, none or a file"),
        ("--exclude (", "not a regular expression"),
        ("--recipe ccp --imgsz 100", "--imgsz must be a multiple of 64"),
        ("--recipe ccp --set IMAGE_MAX_DIM=100", "IMAGE_MAX_DIM must be a multiple of 64"),
        ("--set LEARNING_RATE=1", "Give --lr 1 instead"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_read(words, told):
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        train.parse(words.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--optimizer adan", "must be one of .* Did you mean adam?"),
        ("--epoch 3", "There is no option --epoch. Did you mean --epochs?"),
        ("--bogus 3", r"There is no option --bogus\. See"),
        ("--epochs 0", "--epochs must be a whole number of at least 1. Got 0."),
        ("--backbone resnet51", "Did you mean resnet50?"),
        ("--fold 1", "--fold must be I/K"),
        ("--resume --restart", "--resume and --restart exclude each other"),
    ],
)
def test_a_mistyped_option_is_told_in_one_line(words, told, capsys):
    with pytest.raises(SystemExit):
        train.parse(words.split())
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and re.search(told, printed)


@pytest.mark.parametrize("words", ["--help", "--epochs x", "--recipe ccp --imgsz 64 --lr 0.1"])
def test_arguments_are_checked_without_keras(words):
    code = (
        "import sys\nfrom fashion import train\n"
        f"try: train.parse({words.split()!r})\n"
        "except SystemExit: pass\n"
        "sys.exit(any(name in sys.modules for name in ('keras', 'cv2', 'matplotlib', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
