"""settings: every setting of a recipe, with its value and its meaning."""

import pytest

from fashion import settings
from fashion.cli.setting_meanings import MEANINGS
from fashion.config import RECIPES
from mrcnn.config import DERIVED


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_setting_has_a_meaning(recipe):
    known = [name for meanings in MEANINGS.values() for name in meanings]
    assert sorted(known) == sorted(RECIPES[recipe]().to_dict().keys() - DERIVED.keys())


def test_values_are_those_of_the_recipe_and_of_set(capsys):
    printed = settings.main(["ccp", "--set", "SEED=7"])
    assert capsys.readouterr().out == printed + "\n"
    words = [line.split() for line in printed.splitlines()]
    rows = {row[0]: row[1] for row in words if len(row) > 1}
    assert (rows["SEED"], rows["IMAGE_MAX_DIM"], rows["OPTIMIZER"]) == ("7", "384", '"adamw"')
    assert max(len(meaning) for meanings in MEANINGS.values() for meaning in meanings.values()) < 70


def test_an_unknown_recipe_is_reported(capsys):
    with pytest.raises(SystemExit):
        settings.main(["cpp"])
    assert "part of it. Got cpp. Did you mean ccp?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["LEARNING_RATE"], {"LEARNING_RATE"}),
        (["ccp", "seed"], {"SEED"}),
        (["epochs", "ema"], None),
        (["NMS"], {"DETECTION_NMS_THRESHOLD", "RPN_NMS_THRESHOLD"}),
    ],
)
def test_settings_are_shown_by_name_or_a_part_of_it(words, expected, capsys):
    if expected is None:  # there is no setting with "epochs" in its name
        with pytest.raises(SystemExit):
            settings.main(words)
        assert "Got epochs." in capsys.readouterr().err
        return
    printed = settings.main(words)
    shown = {line.split()[0] for line in printed.splitlines() if line.startswith("  ")}
    assert shown == expected or words == ["NMS"] and expected < shown
    assert all(words[-1].upper() in name for name in shown)
    recipe = "ccp" if "ccp" in words else "baseline"
    assert printed.startswith(f"Settings of the recipe {recipe}.")
