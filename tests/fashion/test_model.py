"""FashionModel: results with attributes, and a checkpoint that is all one needs."""

import numpy as np
import pytest

from fashion.cli import SHIPPED_WEIGHTS
from fashion.commands.train import recipe_config
from fashion.config import FashionConfig
from fashion.formats.model_files import shipped_models
from fashion.model import (
    VIEW_MIN_SCORE,
    FashionModel,
    checkpoint_in,
    default_confidence,
    load_model,
    settings_beside,
)
from mrcnn.inference.views import View, views_of
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import save_weights

PHOTO = np.random.default_rng(0).integers(0, 256, (90, 60, 3)).astype(np.uint8)


def test_every_detection_has_attribute_scores_and_real_ascending_ids(tiny_model, ontology):
    (result,) = tiny_model.predict([PHOTO])
    n = len(result["scores"])
    assert (
        n > 0
        and result["attribute_scores"].shape == (n, ontology.num_attributes)
        and len(result["attributes"]) == n
    )
    for ids in result["attributes"]:
        assert ids == sorted(set(ids) & set(ontology.attribute_ids))


def test_attributes_are_those_above_the_threshold_of_classes_that_carry_any(tiny_model, ontology):
    scores = np.zeros(ontology.num_attributes, np.float32)
    scores[[0, 3]] = tiny_model.config.ATTRIBUTE_THRESHOLD, 0.9
    carrying = ontology.class_id_of(ontology.attribute_category_ids[0])
    assert tiny_model._attribute_ids(carrying, scores) == sorted(
        [ontology.attribute_ids[0], ontology.attribute_ids[3]]
    )
    bare = next(c for c in ontology.category_ids if not ontology.carries_attributes(c))
    assert tiny_model._attribute_ids(ontology.class_id_of(bare), scores) == []


@pytest.mark.slow
def test_views_are_fused_and_what_they_say_is_averaged(tiny_model, tiny_run):
    """A view that is seen twice changes nothing; its scores need not be above the least result."""
    (alone,) = tiny_model.predict([PHOTO])
    least = float(np.median(alone["scores"]))
    twice = load_model(tiny_run, views=[View(), View()], DETECTION_MIN_CONFIDENCE=least)
    (result,) = twice.predict([PHOTO])
    assert result.keys() == alone.keys() and 0 < len(result["scores"]) < len(alone["scores"])
    assert result["scores"].min() >= least
    assert twice.detector.settings.detections.min_confidence == VIEW_MIN_SCORE
    mirrored = load_model(tiny_run, views=views_of("mirror"))
    assert mirrored.predict([PHOTO])[0]["attribute_scores"].dtype == np.float32


def test_what_is_said_of_detections_is_said_of_them_when_they_are_given(
    tiny_model, ontology, monkeypatch
):
    (result,) = tiny_model.predict([PHOTO])
    monkeypatch.setattr(
        tiny_model.config, "ATTRIBUTE_THRESHOLD", float(np.median(result["attribute_scores"]))
    )
    (described,) = tiny_model.describe(iter([PHOTO]), [result["boxes"]], [result["class_ids"]])
    assert (
        described.keys() == result.keys()
        and (described["scores"] == 1).all()
        and len(result["scores"]) > 0
    )
    for name in ("boxes", "class_ids", "mask_probabilities", "attribute_scores"):
        np.testing.assert_allclose(described[name], result[name], rtol=1e-4, atol=1e-4)
    assert described["attributes"] == [
        ontology.ids_of(scores >= tiny_model.config.ATTRIBUTE_THRESHOLD)
        if ontology.carries_attributes(ontology.category_id_of(int(class_id)))
        else []
        for class_id, scores in zip(
            described["class_ids"], described["attribute_scores"], strict=True
        )
    ]
    assert any(described["attributes"])


class Half:
    """Stands for a Rescorer: every other detection gets a score of 0.9, and the photos it was given
    are kept.
    """

    def __init__(self):
        self.photos, self.leasts = [], []

    def min_score_before(self, least):
        return least / 10

    def __call__(self, photo, result, least):
        self.photos.append(photo)
        self.leasts.append(least)
        return {
            k: v if k in ("image_hw", "convention") else v[::2]
            for k, v in (result | {"scores": np.full(len(result["scores"]), 0.9)}).items()
        }


@pytest.mark.slow
def test_a_rescorer_sees_each_photo_with_its_detections(ontology, tiny_settings, tiny_model):
    rescorer = Half()
    model = FashionModel(
        recipe_config("smoke", ontology, tiny_settings | {"DETECTION_MIN_CONFIDENCE": 0.3}),
        ontology,
        rescorer=rescorer,
    )
    assert (
        model.config.DETECTION_MIN_CONFIDENCE == 0.3
        and model.detector.settings.detections.min_confidence == pytest.approx(0.03)
    )
    for mine, theirs in zip(model.detector.weights, tiny_model.detector.weights, strict=True):
        mine.assign(theirs)
    photos = [np.roll(PHOTO, 7 * i, axis=0) for i in range(3)]  # more than a batch
    before, after = tiny_model.predict(photos), list(model.stream(iter(photos)))
    assert rescorer.leasts == [0.3] * 3 and all(
        a is b for a, b in zip(rescorer.photos, photos, strict=True)
    )
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(other["boxes"], one["boxes"][::2], atol=1e-3)
        assert (other["scores"] == 0.9).all() and len(other["attributes"]) == len(
            other["scores"]
        ) > 0


@pytest.mark.slow
def test_a_model_from_a_run_folder_says_the_same(tiny_model, tiny_run):
    model = load_model(tiny_run, DETECTION_MIN_CONFIDENCE=0.03)
    assert model.ontology == tiny_model.ontology
    assert model.config.to_dict() == tiny_model.config.to_dict()
    before, after = (m.predict([PHOTO])[0] for m in (tiny_model, model))
    for name in ("boxes", "class_ids", "scores", "mask_probabilities", "attribute_scores"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-4, atol=1e-4)


def test_the_best_checkpoint_of_a_run_is_taken_else_the_last(tmp_path):
    (tmp_path / "last.h5").touch()
    assert checkpoint_in(tmp_path) == tmp_path / "last.h5"
    (tmp_path / "best.h5").touch()
    assert checkpoint_in(str(tmp_path)) == tmp_path / "best.h5"
    assert checkpoint_in(tmp_path / "last.h5") == tmp_path / "last.h5"


def test_a_folder_or_file_that_is_none_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither best.h5 nor last.h5"):
        checkpoint_in(tmp_path)
    with pytest.raises(FileNotFoundError, match="no weight file"):
        checkpoint_in(tmp_path / "a.h5")


def test_weights_without_a_label_list_are_a_starting_point_only(tiny_model, tmp_path):
    save_weights(tiny_model.detector, tmp_path / "a.h5")
    with pytest.raises(
        ValueError, match="does not say which categories.*`fashion train --weights FILE`"
    ):
        load_model(tmp_path / "a.h5")


def test_attributes_that_a_category_never_had_can_be_silenced(tiny_model, ontology, monkeypatch):
    (result,) = tiny_model.predict([PHOTO])
    assert (result["attribute_scores"] > 0).all()
    counts = np.zeros((ontology.num_classes - 1, 1 + ontology.num_attributes), int)
    had = (
        np.arange(ontology.num_classes - 1) % ontology.num_attributes
    )  # every category had one attribute, and not all the same
    counts[:, 0], counts[np.arange(len(had)), 1 + had] = 9, 1
    monkeypatch.setattr(tiny_model.config, "ATTRIBUTE_SEEN_PAIRS", True)
    monkeypatch.setattr(tiny_model, "counts", counts)
    (silenced,) = tiny_model.predict([PHOTO])
    kept = np.arange(ontology.num_attributes) == had[result["class_ids"] - 1][:, None]
    assert len(set(result["class_ids"])) > 1
    np.testing.assert_allclose(
        silenced["attribute_scores"], result["attribute_scores"] * kept, rtol=1e-4
    )


def test_without_counts_nothing_can_be_silenced(tiny_model, ontology):
    settings = tiny_model.config.to_dict() | {"ATTRIBUTE_SEEN_PAIRS": True}
    with pytest.raises(
        ValueError, match="ATTRIBUTE_SEEN_PAIRS needs the counts of the training data"
    ):
        FashionModel(type(tiny_model.config).from_dict(settings), ontology)


@pytest.mark.slow
def test_settings_that_would_leave_layers_to_chance_are_refused(tiny_model, tmp_path):
    """The hidden layers are as wide as the box head, so the last layer fits; the two before it are
    in no file.
    """
    save_weights(tiny_model.detector, tmp_path / "a.h5", metadata=tiny_model.metadata())
    with pytest.raises(
        ValueError,
        match="no weights for mrcnn_attribute_fc1, mrcnn_attribute_fc2, .* "
        "given here: ATTRIBUTE_HEAD",
    ):
        load_model(
            tmp_path / "a.h5",
            ATTRIBUTE_HEAD="mlp",
            ATTRIBUTE_HIDDEN=tiny_model.config.FPN_CLASSIF_FC_LAYERS_SIZE,
        )


@pytest.mark.slow
def test_a_head_computes_in_the_precision_of_the_network(ontology, tiny_settings):
    settings = tiny_settings | {
        "MIXED_PRECISION": True,
        "ATTRIBUTE_HEAD": "conv",
        "ATTRIBUTE_CHANNELS": 8,
        "ATTRIBUTE_HIDDEN": 8,
        "NUM_CLASSES": ontology.num_classes,
        "NUM_ATTRIBUTES": ontology.num_attributes,
    }
    head = FashionModel(FashionConfig.from_dict(settings), ontology).detector.heads[2]
    assert {layer.compute_dtype for layer in (*head.body.conv, head.body.fc)} == {
        "bfloat16"
    } and head.logits.compute_dtype == "float32"


def test_counts_are_kept_in_the_checkpoint(tiny_model, tmp_path, validation, monkeypatch):
    monkeypatch.setattr(tiny_model, "counts", validation.attribute_counts())
    save_weights(tiny_model.detector, tmp_path / "a.h5", metadata=tiny_model.metadata())
    assert (
        read_metadata(tmp_path / "a.h5")["attribute_counts"] == validation.attribute_counts()
    ).all()


@pytest.mark.slow
def test_a_checkpoint_from_before_there_were_several_heads_has_the_linear_one(
    ontology, tiny_settings, tmp_path, monkeypatch
):
    monkeypatch.setattr(FashionConfig, "ATTRIBUTE_HEAD", "mlp")  # whatever the default becomes
    settings = tiny_settings | {"ATTRIBUTE_HEAD": "linear"}
    old = FashionModel(recipe_config("smoke", ontology, settings), ontology)
    metadata = old.metadata()
    del metadata["config"]["ATTRIBUTE_HEAD"]
    save_weights(old.detector, tmp_path / "old.h5", metadata=metadata)
    new = load_model(tmp_path / "old.h5")
    assert new.config.ATTRIBUTE_HEAD == "linear"
    for one, other in zip(old.detector.get_weights(), new.detector.get_weights(), strict=True):
        assert (one == other).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"config": None}, "not an object"),
        ({"config": [1]}, "not an object"),
        ({"ontology": []}, "not objects"),
        ({"ontology": {"categories": 3}}, "list of labels"),
        ({"ontology": {"categories": [{"id": []}]}}, "list of labels"),
        ({"config": {"NUM_CLASSES": "x"}}, "settings are invalid"),
        ({"attribute_counts": [[1, 2]]}, "have the shape .1, 2., and the labels"),
        ({"attribute_counts": [["a"]]}, "are not numbers"),
        ({"attribute_counts": {"a": 1}}, "are not numbers"),
        ({"attribute_counts": [[2**80]]}, "are not numbers"),
        ({"attribute_counts": [[1], [1, 2]]}, "are not numbers"),
    ],
)
def test_a_checkpoint_whose_description_is_damaged_is_named(tiny_model, tmp_path, change, told):
    save_weights(tiny_model.detector, tmp_path / "a.h5", metadata=tiny_model.metadata() | change)
    with pytest.raises(
        ValueError, match=f"a.h5 is .*its .*{told}.*(Download it again|fetch or save it again)"
    ):
        load_model(tmp_path / "a.h5")


def test_settings_beside_a_checkpoint_replace_its_own_and_are_replaced(tiny_model, tmp_path):
    path = tmp_path / "model.h5"
    save_weights(tiny_model.detector, path, metadata=tiny_model.metadata())
    assert load_model(path).config.SCORE_CALIBRATION is None
    beside = tmp_path / "model.settings.json"
    beside.write_text('{"SCORE_CALIBRATION": [0.5, -1.0], "DETECTION_NMS_THRESHOLD": 0.25}')
    config = load_model(path, DETECTION_NMS_THRESHOLD=0.4).config
    assert config.SCORE_CALIBRATION == [0.5, -1.0] and config.DETECTION_NMS_THRESHOLD == 0.4
    beside.write_text('{"SCORE_CALIBRATON": [0.5, -1.0]}')
    with pytest.raises(ValueError, match="model.settings.json names 'SCORE_CALIBRATON'"):
        load_model(path)


@pytest.mark.parametrize("path", shipped_models().values(), ids=lambda path: path.stem)
def test_the_settings_beside_a_shipped_model_are_settings(path):
    settings = settings_beside(path)
    assert FashionConfig.from_dict(settings).SCORE_CALIBRATION == settings["SCORE_CALIBRATION"]


def test_the_default_confidence_is_that_of_the_settings_beside_or_of_the_checkpoint(
    tiny_model, tmp_path
):
    path = tmp_path / "model.h5"
    save_weights(tiny_model.detector, path, metadata=tiny_model.metadata())
    assert default_confidence(path) == 0.5
    (tmp_path / "model.settings.json").write_text('{"CONFIDENCE_THRESHOLD": 0.35}')
    assert default_confidence(path) == 0.35
    assert 0.3 < default_confidence(SHIPPED_WEIGHTS) < 0.5
