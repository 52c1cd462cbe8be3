"""The page of a run: what is on it, where its predictions come from, and runs that stopped."""

import json
import re

import pytest
from PIL import Image

from fashion.evaluation.monitor import store_predictions, stored_predictions
from fashion.reports import run_scores
from fashion.reports.run_facts import read_run
from fashion.reports.run_page import next_commands, write_run_page


@pytest.fixture
def no_model(monkeypatch):
    def load_model(path, **settings):
        raise AssertionError("the stored predictions are enough")

    monkeypatch.setattr(run_scores, "load_model", load_model)


def text_of(run):
    return (run.path / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_finished_run_shows_everything_without_predicting_again(make_run, no_model):
    run = make_run()
    screen = write_run_page(run.path)
    for name in ("results.png", "curves.png", "confusion.png", "validation.jpg"):
        with Image.open(run.path / name) as image:
            assert min(image.size) > 100, name
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["coco"]["segm"]["AP"] == pytest.approx(1) and metrics["epoch"] == 4
    page = text_of(run)
    assert "finished after 4 of 4 epochs; scores of epoch 4" in page
    for shown in ("fashion train --data &#x27;my photos&#x27;", "keras 3.99", "2026-11-30 10:15"):
        assert shown in page, shown
    assert re.search("<dt>Rebalancing</dt><dd>classes</dd>", page)
    assert "IMAGE_MAX_DIM" in page and "learning rate" in page
    assert page.count("<img") == 4  # of four validation images
    command = f"fashion evaluate --weights {run.path}"
    assert command in page and command in screen
    assert re.search(r"^category +objects +AP +AP50 +recall +F1", screen, re.MULTILINE)
    assert re.search(r"^all +\d+ +1.000 +1.000", screen, re.MULTILINE)
    assert "4 validation images, epoch 4" in screen


def test_stored_predictions_are_found_by_the_names_of_their_images(make_run, no_model, undrawn):
    """A training with --limit numbers its images otherwise than the whole data set does."""
    run = make_run()
    stored = stored_predictions(run)
    kept = {image["id"]: i for i, image in enumerate(stored["images"][1:])}
    images = [
        image | {"id": kept[image["id"]]} for image in stored["images"] if image["id"] in kept
    ]
    rows = [
        row | {"image_id": kept[row["image_id"]]}
        for row in stored["annotations"]
        if row["image_id"] in kept
    ]
    content = stored | {"images": images, "annotations": rows}
    store_predictions(run, content, epoch=4, score=0.5)
    write_run_page(run.path)
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["photos"] == 3 and metrics["coco"]["segm"]["AP"] == pytest.approx(1)


@pytest.mark.slow
def test_predictions_of_another_epoch_are_made_anew(make_run, tiny_model, monkeypatch, undrawn):
    run = make_run(stored_epoch=2)
    monkeypatch.setattr(run_scores, "load_model", lambda path: tiny_model)
    write_run_page(run.path)
    stored = stored_predictions(run)
    assert stored["epoch"] == 4 and len(stored["images"]) == 2  # EVALUATE_IMAGES
    assert json.loads((run.path / "metrics.json").read_text())["photos"] == 2


def test_a_run_that_was_killed_in_its_first_epoch_has_a_page(make_run, caplog, undrawn):
    run = make_run(epochs=0)
    screen = write_run_page(run.path)
    page = text_of(run)
    assert "stopped early after 0 of 4 epochs" in page and "No epoch is complete yet." in page
    assert f"fashion train --resume --out {run.path}" in screen
    assert "has no scores" in caplog.text and not (run.path / "metrics.json").exists()


def test_without_its_data_a_run_still_shows_its_curves(make_run, caplog, undrawn):
    run = make_run()
    run.write_config(run.read_config() | {"data": "/gone"})
    write_run_page(run.path)
    assert (run.path / "results.png").exists() and "/gone" in caplog.text


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a run folder"):
        write_run_page(tmp_path)


def test_the_next_command_names_the_folder_of_the_images(make_run, undrawn):
    facts = read_run(make_run().path)
    commands = next_commands(facts, {"images": "my photos"})
    evaluation = next(command for _, command in commands if " evaluate " in command)
    assert "--images 'my photos'" in evaluation


def test_the_next_command_names_the_validation_data(make_run, undrawn):
    facts = read_run(make_run().path)
    commands = next_commands(facts, {"val": "/data/val 2.json"})
    assert "--val '/data/val 2.json'" in commands[0][1]


def test_thresholds_for_kaggle_are_suggested_for_its_labels_alone(make_run, ontology, undrawn):
    facts = read_run(make_run().path)
    labels = ontology.to_dict()
    of_kaggle = next_commands(facts, {"ontology": labels})
    assert of_kaggle[0][1].endswith(" --tune kaggle_2020") and "thresholds" in of_kaggle[0][0]
    own = {"categories": [[0, "kimono", "clothes"]], "attributes": []}
    of_own = next_commands(facts, {"ontology": own})
    assert "--tune" not in of_own[0][1] and "thresholds" not in of_own[0][0]


def test_a_run_that_ended_early_says_so(make_run, no_model, undrawn):
    run = make_run(epochs=3)
    run.write_config(run.read_config() | {"ended": "patience"})
    (run.path / "predictions.json").unlink()
    run.best.unlink()  # scores are for other tests
    write_run_page(run.path)
    assert "finished after 3 of 4 epochs, when the score no longer rose" in text_of(run)


@pytest.mark.parametrize("program", ["/clone/fashion/__main__.py train", "fashion/train.py"])
def test_the_command_is_shown_as_typed_after_installing(make_run, program, undrawn):
    run = make_run()
    config = json.loads((run.path / "config.json").read_text())
    config["command"] = [*program.split(), "--epochs", "2"]
    (run.path / "config.json").write_text(json.dumps(config))
    write_run_page(run.path)
    assert "fashion train --epochs 2" in text_of(run)
