"""A process of a search: what it trains, in which order, and what is left when it ends."""

import csv
import threading
import time

import numpy as np
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from fashion.hyperparameters import worker
from fashion.hyperparameters.metrics import metric_of
from fashion.hyperparameters.names import words_of
from fashion.hyperparameters.results import cut_sentence, rows_of, trial_table, write_trials
from fashion.hyperparameters.space_reader import read_space
from fashion.hyperparameters.study import (
    SeededSampler,
    open_study,
    pruner_of,
    storage_of,
    suggest,
)
from fashion.hyperparameters.worker import (
    Search,
    enqueue,
    latest_trials,
    name_of,
    shuffled_points,
    work,
)

SPACE = ["lr=log:1e-5:1e-2", "optimizer=sgd,adamw", "weight_decay=0,0.5 if optimizer=adamw"]
GRID = ["lr=1e-4,1e-3,1e-2", "batch=2,4", "optimizer=sgd,adamw"]


@pytest.fixture
def open_search(tmp_path, fake):
    """Opens a search in a folder, as a new process would; by default without a database."""
    said: list[str] = []
    memory: dict[str, InMemoryStorage] = {}

    def opened(
        texts=SPACE, kind="random", pruner="none", storage=None, seed=0, out="search", **more
    ):
        folder = tmp_path / out
        folder.mkdir(exist_ok=True)
        space, metric = read_space(texts), metric_of(more.pop("metric", "val_mask_ap"))
        retry = more.pop("retry_failed", False)
        study = open_study(
            storage or memory.setdefault(out, InMemoryStorage()),
            out,
            metric.maximize,
            SeededSampler(kind, seed),
            pruner_of(pruner, more.pop("epochs", 4)),
        )
        if kind == "grid":
            more |= {"points": shuffled_points(space.grid(), seed, None), "is_grid": True}
        search = Search(folder, study, space, metric, pruner, say=said.append, **more)
        enqueue(search, retry)
        return search

    opened.said = said
    return opened


def params(search):
    return [trial.params for trial in latest_trials(search.study)]


def epochs_done(search, word="done"):
    path = search.folder / "epochs.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(word)]


def test_a_grid_is_tried_once_in_a_shuffled_order(open_search, fake):
    search = open_search(GRID, "grid")
    assert work(search) == 12
    found = params(search)
    points = read_space(GRID).grid()
    assert found != points
    assert sorted(map(str, found)) == sorted(map(str, points))
    assert {t.state for t in latest_trials(search.study)} == {TrialState.COMPLETE}
    assert len(fake.started) == 12 and epochs_done(search) == [
        f"trial-{i:03d} {epoch}" for i in range(12) for epoch in (1, 2, 3, 4)
    ]
    assert work(open_search(GRID, "grid")) == 0  # nothing is evaluated again
    assert len(search.study.get_trials()) == 12


def test_a_grid_tries_the_first_point_first():
    points = read_space(GRID).grid()
    first = {"lr": 1e-3, "batch": 4, "optimizer": "adamw"}
    order = shuffled_points(points, 3, first)
    assert order[0] == first and sorted(map(str, order)) == sorted(map(str, points))
    assert order == shuffled_points(points, 3, first) != shuffled_points(points, 4, first)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_the_same_seed_gives_the_same_trials_also_when_it_is_interrupted(open_search, kind):
    first = {"lr": 1e-3, "optimizer": "adamw", "weight_decay": 0}
    whole = open_search(kind=kind, trials=14, points=[first], out="whole")
    work(whole)
    for trials in (3, 9, 14):
        part = open_search(kind=kind, trials=trials, points=[first], out="part")
        work(part)
    other = open_search(kind=kind, trials=4, points=[first], seed=1, out="other")
    work(other)
    assert params(whole)[0] == params(other)[0] == first
    assert params(part) == params(whole)
    assert params(other)[1:] != params(whole)[1:4]
    assert len({trial["lr"] for trial in params(whole)}) == 14


@pytest.mark.slow
def test_tpe_looks_where_earlier_trials_were_good(open_search):
    search = open_search(kind="tpe", trials=30)
    work(search)
    distance = [abs(np.log10(trial["lr"]) + 3) for trial in params(search)]
    assert np.mean(distance[20:]) < 0.6 * np.mean(distance[:10])


def test_values_that_were_tried_are_not_trained_again(open_search, fake):
    search = open_search(["optimizer=sgd,adamw", "batch=2,4"], "random", trials=10)
    work(search)
    assert len(fake.started) == 4 and len(latest_trials(search.study)) == 4
    assert (
        "have no other points" in open_search.said[-1] or "no other points" in open_search.said[-1]
    )
    twins = [t for t in search.study.get_trials() if "same_as" in t.user_attrs]
    assert len(twins) >= 50 and {t.state for t in twins} == {TrialState.COMPLETE}
    of = {name_of(t): (t.params, t.value) for t in latest_trials(search.study)}
    assert all(of[t.user_attrs["same_as"]] == (t.params, t.value) for t in twins)


def test_an_interrupted_trial_resumes_in_its_folder_with_its_number(open_search, fake):
    fake.raises = {("trial-001", 2): KeyboardInterrupt()}
    search = open_search(trials=3)
    with pytest.raises(KeyboardInterrupt):
        work(search)
    assert [t.state for t in search.study.get_trials()] == [
        TrialState.COMPLETE,
        TrialState.RUNNING,
    ]
    assert work(open_search(trials=3)) == 2
    assert fake.started == ["trial-000", "trial-001", "trial-001", "trial-002"]
    done = epochs_done(search)
    assert len(done) == len(set(done)) == 12
    assert ", resumed after epoch 2" in " ".join(open_search.said)
    trials = search.study.get_trials()
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 3
    assert list(trials[1].intermediate_values) == [1, 2, 3, 4]


def test_a_trial_that_another_process_works_on_is_left_alone(open_search, fake):
    search = open_search(GRID, "grid")
    trial = search.study.ask()
    trial.set_user_attr("run", "trial-000")
    held, end = threading.Event(), threading.Event()

    def other():
        release = search.claims.take("trial-000")
        held.set()
        end.wait()
        release.close()

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    assert work(search) == 11 and "trial-000" not in fake.started
    assert search.claims.held() == ["trial-000"]
    end.set()
    thread.join()
    assert work(search) == 1 and fake.started[-1] == "trial-000"


def test_a_trial_that_was_trained_but_not_noted_is_not_trained_again(open_search, fake):
    search = open_search(trials=1)
    trial = search.study.ask()
    values = suggest(trial, search.space)
    for _ in fake.train([*words_of(values), "--out", str(search.folder), "--name", "trial-000"]):
        pass
    assert work(search) == 1 and fake.started == []
    assert search.study.get_trials()[0].state == TrialState.COMPLETE


def test_the_median_pruner_cuts_and_says_why(open_search, fake):
    points = [{"lr": lr, "optimizer": "sgd"} for lr in (1e-3, 2e-3, 5e-4, 3e-3, 3e-4, 1e-5)]
    search = open_search(points=points, trials=6, pruner="median")
    work(search)
    rows = rows_of(search.study, search.metric)
    assert [row.state for row in rows] == ["finished"] * 5 + ["cut"]
    cut = rows[-1]
    # A third of four epochs are waited for; the scores are 0.3, 0.7 and 1.1 below 0.5 in tenths.
    assert cut.name == "trial-005" and cut.epochs == 2 and cut.planned == 4
    assert "0.2250 by epoch 2 is below 0.3524, the median of 5 finished trainings" in cut.note
    assert epochs_done(search)[-1] == "trial-005 2"
    assert cut_sentence(rows) == "1 of 6 trials were cut, which saved 2 epochs of 24 (8 %)."
    assert cut.value is None and cut.scored == {1: 0.2, 2: pytest.approx(0.225)}


def test_hyperband_keeps_the_best_third_of_a_rung(open_search):
    rates = [1e-3, 2e-3, 5e-4, 3e-3, 3e-4, 5e-3, 1e-4, 5e-5, 2e-5, 1e-5, 1.5e-5, 3e-5]
    points = [{"lr": lr, "optimizer": "sgd"} for lr in rates]
    search = open_search(points=points, trials=12, pruner="hyperband", epochs=4)
    work(search)
    rows = rows_of(search.study, search.metric)
    cut = [row for row in rows if row.state == "cut"]
    assert len(cut) >= 4 and rows[0].values["lr"] == 1e-3 and rows[0].state == "finished"
    assert all("not among the best third of its rung" in row.note for row in cut)
    assert {row.epochs for row in cut} <= {1, 3}


def test_a_loss_that_is_higher_is_worse(open_search, fake, monkeypatch):
    monkeypatch.setattr(fake, "score", lambda found, epoch: float(found["--lr"]))
    monkeypatch.setattr(fake, "COLUMN", "val_loss")
    points = [{"lr": lr, "optimizer": "sgd"} for lr in (1e-3, 1e-4, 1e-2)]
    search = open_search(points=points, trials=3, metric="val_loss")
    work(search)
    assert [row.values["lr"] for row in rows_of(search.study, search.metric)] == [1e-4, 1e-3, 1e-2]


def test_a_failed_trial_is_noted_and_tried_again_on_request(open_search, fake):
    fake.statuses = {"trial-001": [2]}
    search = open_search(trials=3)
    assert work(search) == 3
    rows = rows_of(search.study, search.metric)
    assert [row.state for row in rows] == ["finished", "finished", "failed"]
    assert rows[-1].note == "the loss is not finite. (exit status 2)"
    values = rows[-1].values
    assert work(open_search(trials=3)) == 0
    assert work(open_search(trials=3, retry_failed=True)) == 1
    rows = rows_of(search.study, search.metric)
    assert [row.state for row in rows] == ["finished"] * 3 and len(rows) == 3
    again = next(row for row in rows if row.name == "trial-001")
    assert again.values == values and fake.started.count("trial-001") == 2


def test_where_the_first_trials_fail_the_search_stops(open_search, fake):
    fake.statuses = {f"trial-{i:03d}": [2] for i in range(9)}
    with pytest.raises(ValueError, match="The first 3 trials have failed.*\n.*loss is not finite"):
        work(open_search(trials=9))
    assert fake.started == ["trial-000", "trial-001", "trial-002"]


def test_a_training_that_is_killed_is_started_again_and_then_given_up(open_search, fake):
    fake.statuses = {"trial-000": [-9, 137], "trial-001": [-9, -9, -9]}
    search = open_search(trials=2)
    work(search)
    rows = rows_of(search.study, search.metric)
    assert [(row.name, row.state) for row in rows] == [
        ("trial-000", "finished"),
        ("trial-001", "failed"),
    ]
    assert "out of memory?" in rows[1].note and fake.started.count("trial-001") == 3


def test_a_metric_of_the_evaluation_is_the_value_and_the_column_is_reported(open_search):
    search = open_search(trials=2, metric="f1_ap")
    work(search)
    row = rows_of(search.study, search.metric)[0]
    assert row.value == 0.25 and list(row.scored) == [1, 2, 3, 4] and row.scored[1] != 0.25


def test_after_the_deadline_no_trial_is_begun(open_search, fake):
    assert work(open_search(GRID, "grid", deadline=time.monotonic() - 1)) == 0
    assert not fake.started


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, "study.log"])
def test_a_database_and_a_journal_keep_the_trials(name, open_search, tmp_path):
    def opened(trials):
        path = name and str(tmp_path / name)
        return open_search(trials=trials, storage=storage_of(path, tmp_path), kind="tpe")

    work(opened(2))
    work(opened(3))
    search = open_search(trials=3, kind="tpe", out="memory")
    work(search)
    assert params(opened(3)) == params(search)
    assert (tmp_path / (name or "study.db")).is_file()


def test_tables_show_what_applies(open_search, tmp_path):
    points = [
        {"lr": 1e-3, "optimizer": "sgd"},
        {"lr": 1e-4, "optimizer": "adamw", "weight_decay": 0},
    ]
    search = open_search(points=points, trials=2)
    work(search)
    rows = rows_of(search.study, search.metric)
    table = trial_table(rows, search.space.names, search.metric)
    assert table == [
        ["trial", "state", "val_mask_ap", "lr", "optimizer", "weight_decay", "epochs", "time"],
        ["trial-000", "finished", "0.4167", "0.001", "sgd", "–", "4 of 4", "2 min"],
        ["trial-001", "finished", "0.3750", "0.0001", "adamw", "0", "4 of 4", "2 min"],
    ]
    write_trials(tmp_path / "trials.csv", rows, search.space.names, search.metric)
    with open(tmp_path / "trials.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["weight_decay"] == "" and second["weight_decay"] == "0"
    assert float(first["val_mask_ap"]) == pytest.approx(0.5 * 5 / 6)
    assert first["seconds"] == "120.0" and second["state"] == "finished"


def test_a_value_is_written_with_four_digits():
    assert worker.values_text({"lr": 0.000316227766, "batch": 2, "optimizer": "sgd"}) == (
        "lr 0.0003162, batch 2, optimizer sgd"
    )
