"""The facts of a run, read without its weights."""

import json
import os
from datetime import datetime

import pytest

from fashion.reports.run_facts import FINISHED, RUNNING, STOPPED, duration, find_runs, read_run


def test_facts_of_a_finished_run(make_run):
    facts = read_run(make_run().path)
    assert (facts.name, facts.recipe, facts.epochs, facts.planned) == (
        "smoke20261130T101500",
        "smoke",
        4,
        4,
    )
    assert (facts.state, facts.best_epoch, facts.ap, facts.f1) == (FINISHED, 4, 0.5, 0.75)
    assert facts.seconds == 240 and facts.started == datetime(2026, 11, 30, 10, 15)


def test_a_run_with_fewer_epochs_than_planned_has_stopped_or_still_runs(make_run, held):
    run = make_run(epochs=1)
    facts = read_run(run.path)
    assert facts.state == STOPPED and facts.ap is None and facts.best_epoch is None
    with held(run.path, "training"):
        assert read_run(run.path).state == RUNNING


def test_a_run_that_patience_has_ended_is_finished(make_run):
    run = make_run(epochs=3)  # of 4; the best one is the second
    assert read_run(run.path).state == STOPPED
    run.write_config(run.read_config() | {"patience": 1})
    assert read_run(run.path).state == FINISHED


def test_the_note_of_a_training_that_it_has_ended_comes_first(make_run):
    """A stage that --patience has ended says nothing about the stages after it."""
    run = make_run(epochs=3)
    arguments = run.read_config() | {"patience": 1}
    run.write_config(arguments | {"ended": None})
    assert read_run(run.path).state == STOPPED
    run.write_config(arguments | {"ended": "patience", "patience": 3})
    assert read_run(run.path).state == FINISHED


def test_without_attributes_their_f1_is_not_known(make_run):
    run = make_run()
    arguments = run.read_config()
    labels = arguments["ontology"] | {"attributes": []}
    run.write_config(arguments | {"ontology": labels})
    assert read_run(run.path).f1 is None and read_run(run.path).ap == 0.5


def test_older_runs_are_timed_by_their_files(make_run):
    run = make_run()
    rows = run.read_history()
    for row in rows:
        del row["epoch_seconds"]
    run.write_history(rows)
    end = datetime(2026, 11, 30, 11, 0).timestamp()
    os.utime(run.history, (end, end))
    assert read_run(run.path).seconds == 45 * 60


def test_averaged_weights_may_be_the_best(make_run):
    """The history has their mask AP; the rest is in metrics.json, if that is of the epoch."""
    run = make_run()
    rows = run.read_history()
    rows[1]["ema_val_mask_ap"], rows[3]["ema_val_mask_ap"] = 0.625, 0.25
    run.write_history(rows)
    facts = read_run(run.path)
    assert (facts.best_epoch, facts.ap, facts.ap50, facts.f1) == (2, 0.625, None, None)
    scores = {
        "coco": {"segm": {"AP50": 0.75}, "bbox": {"AP": 0.5}},
        "attributes": {"micro_f1": 0.25},
    }
    (run.path / "metrics.json").write_text(json.dumps({"epoch": 4} | scores))
    assert read_run(run.path).f1 is None
    (run.path / "metrics.json").write_text(json.dumps({"epoch": 2} | scores))
    assert (read_run(run.path).ap50, read_run(run.path).f1) == (0.75, 0.25)


def test_runs_are_found_at_any_depth_and_nothing_else(make_run, tmp_path):
    first, second = make_run("a").path, make_run("deeper/b").path
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "other" / "config.json").write_text('{"a": 1}')
    (tmp_path / "runs" / "damaged").mkdir()
    (tmp_path / "runs" / "damaged" / "config.json").write_text("{")
    assert find_runs(tmp_path) == [first, second]
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        find_runs(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (40.4, "40 s"), (720, "12 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
