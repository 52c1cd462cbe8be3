"""FashionEnsemble: models that predict together, with the interface of one."""

import dataclasses
import json

import numpy as np
import pytest

from fashion.classify.garments.rescorer import Rescorer, build_classifier
from fashion.commands.train import recipe_config
from fashion.ensembles.files import EnsembleFile, MemberFile
from fashion.ensembles.models import FashionEnsemble, labels_among, load_ensemble
from fashion.labels.ontology import Ontology
from fashion.model import FashionModel, load_model
from fashion.semantic.networks import build_network
from mrcnn.inference.fusion import FusionSettings
from mrcnn.inference.predict import Predictor
from mrcnn.weights.layer_files import save_weights

PHOTO = np.random.default_rng(0).integers(0, 256, (90, 60, 3)).astype(np.uint8)
LEAST = {"DETECTION_MIN_CONFIDENCE": 0.03}
# A random network finds overlapping boxes of one class, which its own suppression keeps apart.
NMS = FusionSettings("nms", 0.999)

pytestmark = pytest.mark.usefixtures("uncompiled_module")


def assert_close(one, other):
    assert one.keys() == other.keys() and len(one["scores"]) == len(other["scores"]) > 0
    order, its = (np.lexsort((*r["boxes"].T, r["class_ids"])) for r in (one, other))
    for name in ("boxes", "scores", "class_ids", "mask_probabilities", "attribute_scores"):
        np.testing.assert_allclose(one[name][order], other[name][its], rtol=1e-4, atol=1e-4)


def ensemble(*members, **rules):
    return load_ensemble(EnsembleFile(members, **({"fusion": NMS} | rules)), **LEAST)


@pytest.fixture(scope="module")
def other_run(ontology, tiny_settings, tmp_path_factory):
    """A run with another label list: the categories and attributes in another order, some fewer."""
    import keras

    order = np.arange(len(ontology.category_ids))[::-1][:-1]
    attributes = np.arange(ontology.num_attributes)[::-1]
    renamed = Ontology(
        range(100, 100 + len(order)),
        [ontology.category_names[i].upper() for i in order],
        ["" for _ in order],
        range(200, 200 + len(attributes)),
        [ontology.attribute_names[i] for i in attributes],
        ["" for _ in attributes],
        range(100, 100 + len(order)),
    )
    keras.utils.set_random_seed(2)
    model = FashionModel(recipe_config("smoke", renamed, tiny_settings | LEAST), renamed)
    folder = tmp_path_factory.mktemp("runs") / "other"
    save_weights(model.detector, folder / "best.h5", metadata=model.metadata())
    return folder


@pytest.mark.slow
def test_one_member_is_the_model_itself(tiny_run):
    """So results are equal to the bit: it is the same class, built the same way."""
    alone = ensemble(MemberFile(tiny_run, weight=3.0), fusion=FusionSettings())
    assert type(alone) is FashionModel and type(alone.predictor) is Predictor
    ours, theirs = (m.predict([PHOTO])[0] for m in (alone, load_model(tiny_run, **LEAST)))
    assert ours.keys() == theirs.keys() and len(ours["scores"])
    assert ours["attributes"] == theirs["attributes"]
    for name in set(ours) - {"attributes"}:
        np.testing.assert_array_equal(ours[name], theirs[name])


@pytest.mark.slow
def test_two_copies_of_a_checkpoint_predict_as_it_does(tiny_run, tiny_model):
    both = ensemble(MemberFile(tiny_run), MemberFile(tiny_run, weight=2.0))
    assert isinstance(both, FashionEnsemble) and both.ontology == tiny_model.ontology
    (ours,), (theirs,) = both.predict([PHOTO]), tiny_model.predict([PHOTO])
    assert_close(ours, theirs)
    (described,) = both.describe([PHOTO], [theirs["boxes"]], [theirs["class_ids"]])
    assert (described["scores"] == 1).all()
    np.testing.assert_allclose(
        described["attribute_scores"], theirs["attribute_scores"], rtol=1e-4, atol=1e-4
    )
    assert described["attributes"] == theirs["attributes"]


@pytest.mark.slow
def test_labels_of_another_list_are_matched_by_name(tiny_run, other_run, ontology, caplog):
    both = ensemble(MemberFile(tiny_run), MemberFile(other_run))
    assert "lacks 1 of its" in caplog.text
    (found,) = both.predict([PHOTO])
    assert found["attribute_scores"].shape[1] == ontology.num_attributes
    (alone,) = load_model(tiny_run, **LEAST).describe(
        [PHOTO], [found["boxes"]], [found["class_ids"]]
    )
    other = load_model(other_run, **LEAST)
    labels = labels_among(ontology, other.ontology)
    known = np.flatnonzero(labels.class_ids[found["class_ids"]])
    theirs = np.maximum(labels.class_ids[found["class_ids"]], 1)
    (said,) = other.describe([PHOTO], [found["boxes"]], [theirs])
    reordered = said["attribute_scores"][:, labels.columns["attribute_scores"]]
    expected = np.where(
        np.isin(np.arange(len(theirs)), known)[:, None],
        (alone["attribute_scores"] + reordered) / 2,
        alone["attribute_scores"],
    )
    carrying = [
        ontology.carries_attributes(ontology.category_id_of(int(c))) for c in found["class_ids"]
    ]
    assert any(carrying) and len(known)
    np.testing.assert_allclose(
        found["attribute_scores"][carrying], expected[carrying], rtol=1e-3, atol=1e-4
    )


def test_lists_without_a_common_category_are_refused(ontology):
    other = dataclasses.replace(
        ontology, category_names=[f"other {i}" for i in ontology.category_ids]
    )
    with pytest.raises(ValueError, match="none of the categories"):
        labels_among(ontology, other)
    assert labels_among(ontology, ontology) is None


@pytest.mark.slow
def test_a_checkpoint_without_labels_gets_them_from_a_file(tiny_run, tiny_model, tmp_path):
    from mrcnn.weights.h5_files import read_metadata

    save_weights(tiny_model.detector, tmp_path / "bare.h5")
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(tiny_model.ontology.to_dict()))
    settings = read_metadata(tiny_run / "best.h5")["config"]
    names = set(settings) - {"NUM_CLASSES", "NUM_ATTRIBUTES"}
    member = MemberFile(tmp_path / "bare.h5", labels=labels)
    with pytest.raises(ValueError, match="which categories"):
        ensemble(MemberFile(tmp_path / "bare.h5"))
    member = dataclasses.replace(member, settings={name: settings[name] for name in names})
    (ours,), (theirs,) = ensemble(member).predict([PHOTO]), tiny_model.predict([PHOTO])
    assert_close(ours, theirs)


@pytest.fixture(scope="module")
def partners(ontology, tmp_path_factory):
    """A semantic network and a classifier of crops, of all categories but the first."""
    import keras

    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("partners")
    names = ontology.category_names[1:]
    rows = [{"id": i, "name": name} for i, name in enumerate(names)]
    network = build_network("unet", 32, 1 + len(names), 4)
    about = {"network": "unet", "size": 32, "width": 4, "categories": rows}
    save_weights(network, folder / "weights.h5", metadata=about)
    labels = Ontology(range(len(names)), names, [""] * len(names), (), (), (), ())
    classifier = build_classifier("plain", labels.num_classes)
    Rescorer(classifier, "plain", 32, labels).save(folder / "rescorer.h5")
    return folder


@pytest.mark.slow
def test_partners_join_masks_and_classes(tiny_run, partners, tiny_model):
    masks = ensemble(MemberFile(tiny_run), MemberFile(partners / "weights.h5", 3.0))
    (plain,), (ours,) = tiny_model.predict([PHOTO]), masks.predict([PHOTO])
    order, its = (np.lexsort((*r["boxes"].T, r["class_ids"])) for r in (plain, ours))
    np.testing.assert_allclose(plain["scores"][order], ours["scores"][its], rtol=1e-4)
    changed = np.abs(plain["mask_probabilities"][order] - ours["mask_probabilities"][its])
    unknown = plain["class_ids"][order] == 1
    assert changed[~unknown].max() > 0.05 and changed[unknown].max(initial=0) < 1e-3
    classes = ensemble(MemberFile(tiny_run), MemberFile(partners / "rescorer.h5"))
    assert classes.predictor.rules.categories == "mean"
    (ours,) = classes.predict([PHOTO])
    assert len(ours["scores"]) and "class_probabilities" not in ours
    voted = ensemble(
        MemberFile(tiny_run),
        MemberFile(partners / "rescorer.h5", 9.0),
        categories="vote",
        attributes="vote",
    )
    (ours,) = voted.predict([PHOTO])
    assert len(set(ours["class_ids"])) == 1  # the classifier takes all noise for one garment
    assert set(np.unique(ours["attribute_scores"])) <= {0, 1}


@pytest.mark.slow
def test_partners_alone_are_no_ensemble(partners):
    with pytest.raises(ValueError, match="needs a detector"):
        ensemble(MemberFile(partners / "rescorer.h5"))
