"""Run config: what a person or a disk changed in config.json is told by file, key, value and what
was expected.
"""

import copy
import json

import pytest

from fashion.cli.run_arguments import naming_config, ontology_of, read_run_arguments
from fashion.config import RECIPES
from fashion.datasets.splits import Split
from fashion.labels.ontology import Ontology
from mrcnn.training.run_folder import RunFolder

LABELS = Ontology.from_dict(
    {
        "categories": [[0, "shirt", "upper"], [1, "hat", None]],
        "attributes": [[7, "red", "color"]],
        "attribute_category_ids": [0],
    }
)


@pytest.fixture
def sound():
    """What config.json holds of each recipe's smallest sibling."""
    return {
        "recipe": "smoke",
        "stage": "all",
        "weights": "none",
        "exclude": None,
        "rebalance": ["classes"],
        "skip_bad": False,
        "data": "/data",
        "split": Split("stratified", (1, 5)).to_dict(),
        "seed": 0,
        "stages": [],
        "versions": {},
        "config": RECIPES["smoke"]().to_dict(),
        "ontology": LABELS.to_dict(),
    }


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "smoke2026")


def put(order, path, *value):
    """The order with one value at `path` changed, or removed where there is none."""
    order = copy.deepcopy(order)
    place = order
    for key in path[:-1]:
        place = place[key]
    if value:
        place[path[-1]] = value[0]
    else:
        del place[path[-1]]
    return order


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_every_recipe_writes_is_sound(sound, run, recipe):
    config = RECIPES[recipe]().to_dict()
    run.write_config(sound | {"recipe": recipe, "config": config})
    assert read_run_arguments(run)["config"] == config
    assert ontology_of(read_run_arguments(run)) == LABELS


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["rebalance"], True),
        (["rebalance"], None),
        (["exclude"], "mrcnn_.*"),
        (["split", "fold"], None),
        (["config", "TRAIN_BN"], None),
        (["config", "TRAIN_BN"], 0),
        (["config", "STEPS_PER_EPOCH"], None),
        (["config", "MEAN_PIXEL"], None),
        (["config", "SCALE_JITTER"], [0.5, 2]),
        (["config", "JIT_COMPILE"], True),
        (["config", "NUM_ATTRIBUTES"], 0),
        (["config", "DETECTION_MIN_CONFIDENCE"], None),
        (["config", "OF_A_NEWER_VERSION"], {"a": 1}),
        (["config", "BATCH_SIZE"], "derived"),
        (["config", "RPN_ANCHOR_RATIOS"], [1]),
        (["config", "COMPUTE_BACKBONE_SHAPE"], "shapes"),
        (["command"], 3),
        (["versions"], None),
    ],
)
def test_other_values_that_work_pass(sound, run, path, value):
    run.write_config(put(sound, path, value))
    read_run_arguments(run)


@pytest.mark.parametrize("missing", ["split", "data", "exclude", "rebalance", "versions"])
def test_what_older_versions_did_not_write_may_be_missing(sound, run, missing):
    run.write_config(put(sound, [missing]))
    read_run_arguments(run)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (["recipe"], "one of baseline, ccp, cs231n, full, smoke"),
        (["stage"], "'all' or the name of a stage"),
        (["weights"], "a file"),
        (["skip_bad"], "true or false"),
        (["config"], "an object"),
        (["ontology"], "an object"),
        (["ontology", "categories"], "a list"),
        (["config", "STAGES", 0, "epochs"], "a whole number"),
    ],
)
def test_a_missing_key_is_told(sound, run, path, expected):
    run.write_config(put(sound, path))
    with pytest.raises(ValueError, match="is missing; expected ") as told:
        read_run_arguments(run)
    assert (
        str(run.config) in str(told.value)
        and path[-1] in str(told.value)
        and expected in str(told.value)
    )


WRONG = [
    (["recipe"], -1, "one of"),
    (["recipe"], [], "one of"),
    (["recipe"], "Smoke", "one of"),
    (["stage"], None, "name of a stage"),
    (["weights"], ["a"], "a file"),
    (["weights"], "a\0b", "a file"),
    (["exclude"], "[", "regular expression"),
    (["exclude"], {}, "or null"),
    (["rebalance"], "missed", "a list of"),
    (["rebalance"], [["missed"]], "a list of"),
    (["rebalance"], 5, "a list of"),
    (["skip_bad"], "no", "true or false"),
    (["data"], 5, "folder"),
    (["data"], "\ud800", "folder"),
    (["split"], [], "an object"),
    (["split", "val_fraction"], "0.1", "a number above 0 and below 1"),
    (["split", "val_fraction"], float("nan"), "a number"),
    (["split", "val_fraction"], 1, "below 1"),
    (["split", "kind"], "best", "one of"),
    (["split", "kind"], {}, "one of"),
    (["split", "fold"], [1], "2 values, or null"),
    (["split", "fold"], "1/5", "2 values, or null"),
    (["split", "fold"], [6, 5], "Got 6/5"),
    (["split", "seed"], 1e30, "a whole number"),
    (["split", "near_duplicates"], "yes", "true"),
    (["split", "parts"], 3, "expected kind, fold"),
    (["config"], [1], "an object"),
    (["config", "EVALUATE_EVERY"], [{}], "a whole number"),
    (["config", "IMAGE_MAX_DIM"], "=cmd|x", "a whole number"),
    (["config", "IMAGE_MAX_DIM"], 128.5, "a whole number"),
    (["config", "IMAGE_MAX_DIM"], 10**300, "a whole number"),
    (["config", "ROI_POSITIVE_RATIO"], None, "a number"),
    (["config", "IMAGE_CHANNEL_COUNT"], "", "a whole number"),
    (["config", "BBOX_STD_DEV"], -1, "a list of 4 values"),
    (["config", "BBOX_STD_DEV"], [0.1, 0.1, 0.2, 0], "a number above 0"),
    (["config", "BBOX_STD_DEV"], [1, 2, 3], "a list of 4 values"),
    (["config", "FPN_CLASSIF_FC_LAYERS_SIZE"], [1, 2, 3], "a whole number"),
    (["config", "POOL_SIZE"], -7, "a whole number from 1"),
    (["config", "POOL_SIZE"], True, "a whole number"),
    (["config", "LEARNING_MOMENTUM"], float("inf"), "a number"),
    (["config", "WEIGHT_DECAY"], float("nan"), "a number"),
    (["config", "MASK_SHAPE"], [28], "2 values"),
    (["config", "MASK_SHAPE"], ["28", 28], "a whole number"),
    (["config", "MASK_BUCKETS"], [], "a list"),
    (["config", "RPN_ANCHOR_SCALES"], None, "a list"),
    (["config", "RPN_ANCHOR_SCALES"], [8, 16, [32], 64, 128], "a number above 0"),
    (["config", "LOSS_WEIGHTS"], [1], "an object"),
    (["config", "LOSS_WEIGHTS", "mrcnn_mask_loss"], "1", "a number"),
    (["config", "BACKBONE"], 50, "text, such as"),
    (["config", "BACKBONE"], None, "text, such as"),
    (["config", "AUGMENT"], "true", "true"),
    (["config", "MEAN_PIXEL"], "127", "a list, or null"),
    (["config", "PIXEL_STD"], [1, 1, 0], "a number above 0"),
    (["config", "SCALE_JITTER"], 2, "2 values, or null"),
    (["config", "JIT_COMPILE"], "xla", "or 'auto'"),
    (["config", "SEED"], -1, "a whole number from 0"),
    (["config", "STAGES"], [], "a list of stages"),
    (["config", "STAGES"], {"a": 1}, "a list of stages"),
    (["config", "STAGES", 0], ["heads", "heads", 1, 0.1], "an object"),
    (["config", "STAGES", 0, "epochs"], 1.5, "a whole number"),
    (["config", "STAGES", 0, "layers"], "(", "regular expression"),
    (["config", "STAGES", 0, "learning_rate"], "fast", "a number"),
    (["config", "STAGES", 0, "rate"], 1, "expected name, layers"),
    (["config", "validate"], 1, "names of settings"),
    (["config", "__init__"], None, "names of settings"),
    (["ontology"], "labels", "an object"),
    (["ontology", "categories"], {}, "a list"),
    (["ontology", "categories"], [], "a list"),
    (["ontology", "categories", 0], [0, "shirt"], "[id, name, supercategory]"),
    (["ontology", "categories", 0, 0], "0", "a whole number"),
    (["ontology", "categories", 0, 0], 1, "each id once"),
    (["ontology", "categories", 0, 1], 5, "text"),
    (["ontology", "attributes", 0, 0], -1, "a whole number from 0"),
    (["ontology", "attributes", 0, 2], [], "text, or null"),
    (["ontology", "attribute_category_ids"], None, "a list"),
    (["ontology", "attribute_category_ids", 0], [1], "a whole number"),
]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    WRONG,
    ids=[f"{'.'.join(map(str, w[0]))}={str(w[1])[:20]!a}" for w in WRONG],
)
def test_a_wrong_value_is_told(sound, run, path, value, expected):
    run.write_config(put(sound, path, value))
    with pytest.raises(ValueError, match="(?s).") as told:
        read_run_arguments(run)
    message = str(told.value)
    keys = [key for key in path if isinstance(key, str)]
    assert (
        message.startswith(f"{run.config}: {keys[0]}")
        and keys[-1] in message
        and expected in message
    ), message
    assert (
        "\n" not in message
        and "Correct it there, or leave --resume out to start a new run." in message
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty; expected a JSON object"),
        (b'{"recipe": "smo', "is not JSON: it cannot be read from line 1, column 12"),
        (b"[1, 2]", "must hold a JSON object"),
        (b"null", "must hold a JSON object"),
        (b'"text"', "must hold a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' * 100_000, "nested too deeply"),
        ("{}".encode("utf-16"), "is not UTF-8 text"),
        (b'{"data": "caf\xe9"}', "is not UTF-8 text"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "5,000 digits"),
        (b'{"stage": "all", "stage": "heads"}', "'stage' occurs twice|\"stage\" occurs twice"),
        (b"\0" * 100, "is not JSON"),
    ],
)
def test_a_file_that_is_no_json_object_is_told(run, content, told):
    run.path.mkdir()
    run.config.write_bytes(content)
    with pytest.raises(ValueError, match=told) as error:
        read_run_arguments(run)
    assert str(run.config) in str(error.value) and "\n" not in str(error.value)


def test_a_byte_order_mark_is_no_fault(sound, run):
    run.path.mkdir()
    run.config.write_bytes(b"\xef\xbb\xbf" + json.dumps(sound).encode())
    assert read_run_arguments(run)["recipe"] == "smoke"


def test_a_folder_in_place_of_the_file_is_told(run):
    run.config.mkdir(parents=True)
    with pytest.raises(ValueError, match="config.json is a folder"):
        read_run_arguments(run)


def test_an_error_names_the_file_once(run):
    with (
        pytest.raises(ValueError, match=r"config.json: too large\. Correct it there"),
        naming_config(run),
    ):
        raise ValueError("too large.")
    with pytest.raises(ValueError, match="^too large.$"), naming_config(None):
        raise ValueError("too large.")
