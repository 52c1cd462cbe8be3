"""ChosenModel: --weights or --ensemble, and what a resumed command compares."""

import json
from types import SimpleNamespace

import pytest

from fashion import evaluate, predict
from fashion.cli.chosen_model import ChosenModel
from fashion.cli.options import SHIPPED_WEIGHTS, check_model_options
from fashion.ensembles.models import FashionEnsemble
from mrcnn.weights.layer_files import save_weights


def arguments(**given):
    return SimpleNamespace(
        **({"weights": None, "ensemble": None, "rescore": None, "conf": 0.03, "set": []} | given)
    )


def test_without_both_options_the_shipped_model_is_chosen():
    args = arguments()
    check_model_options(args)
    assert args.weights == str(SHIPPED_WEIGHTS)


def test_both_options_are_refused(tiny_run):
    with pytest.raises(ValueError, match="takes the place of --weights"):
        check_model_options(arguments(weights=str(tiny_run), ensemble=[str(tiny_run)]))


def test_a_resumed_command_has_the_same_members_views_and_tiles(tiny_run, tiny_model, tmp_path):
    one = ChosenModel(arguments(weights=str(tiny_run), tta="mirror")).contents()
    assert set(one) == {"weights", "tta"}
    save_weights(tiny_model.detector, tmp_path / "copy.h5", metadata=tiny_model.metadata())
    runs = [str(tiny_run), str(tmp_path / "copy.h5")]
    chosen = ChosenModel(arguments(ensemble=runs, tiles="2x2"))
    assert chosen.checkpoint == tiny_run / "best.h5" and chosen.names() == {"ensemble": runs}
    both = chosen.contents()
    assert set(both) == {"ensemble", "tiles"}
    metadata = tiny_model.metadata() | {"epoch": 3}
    save_weights(tiny_model.detector, tmp_path / "copy.h5", metadata=metadata)
    assert ChosenModel(arguments(ensemble=runs, tiles="2x2")).contents() != both
    assert json.loads(json.dumps(both)) == both


def test_members_that_held_out_other_images_are_told(tiny_run, tiny_model, tmp_path, caplog):
    split = {"kind": "random", "held_out": ["a", "b"]}
    other = tmp_path / "other.h5"
    save_weights(tiny_model.detector, other, metadata=tiny_model.metadata() | {"split": split})
    chosen = ChosenModel(arguments(ensemble=[str(tiny_run), str(other)]))
    chosen.warn_of_training_images(["a", "b"])
    assert not caplog.text
    chosen.warn_of_training_images(["b", "c", "d"])
    assert "2 of the 3" in caplog.text and "other.h5" in caplog.text


@pytest.mark.slow
def test_an_ensemble_predicts_and_is_scored(tiny_run, sample_folder, tmp_path, uncompiled):
    file = tmp_path / "two.json"
    members = [str(tiny_run), {"weights": str(tiny_run), "weight": 2}]
    file.write_text(json.dumps({"members": members, "fusion": {"method": "nms"}}))
    words = ["--ensemble", str(file), "--limit", "2", "--out", str(tmp_path / "p")]
    predict.main([str(sample_folder / "images"), *words, "--conf", "0.03"])
    written = json.loads((tmp_path / "p" / "predictions.json").read_text())
    assert written["annotations"] and written["ensemble"] == [str(file)]
    scores = evaluate.main(
        ["--data", str(sample_folder), *words[:4], "--no-pages", "--out", str(tmp_path / "e")]
    )
    assert scores["coco"]["segm"]["AP"] >= 0
    about = json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert about["ensemble"] == [str(file)] and len(about["members"]["members"]) == 2
    assert isinstance(ChosenModel(arguments(ensemble=[str(file)])).load(0.03), FashionEnsemble)
