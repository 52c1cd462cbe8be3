"""The best trials with other seeds: when one of them is a winner, and when none is."""

import numpy as np
import pytest

from fashion.hyperparameters import claims
from fashion.hyperparameters.claims import Claims
from fashion.hyperparameters.metrics import metric_of
from fashion.hyperparameters.repeats import Repeated, read_repeated, repeat_best, verdict
from fashion.hyperparameters.results import Row
from fashion.hyperparameters.space_reader import read_space
from fashion.hyperparameters.worker import Search

METRIC = metric_of("val_mask_ap")


def told(**values):
    repeated = [Repeated(name, np.array(numbers)) for name, numbers in values.items()]
    return verdict(repeated, METRIC)


def test_a_difference_that_seeds_do_not_explain_names_a_winner():
    winner, sentences = told(a=[0.30, 0.32, 0.31], b=[0.25, 0.265, 0.26])
    # Differences 0.05, 0.055, 0.05: mean 0.0517, half interval 4.303 * 0.00289 / sqrt(3) = 0.0072.
    assert winner == "a" and sentences == [
        "a has the best mean val_mask_ap: 0.3100 ± 0.0100 over 3 seeds.",
        "b is lower by 0.0517 ± 0.0072 (95 % interval over 3 seeds).",
        "a is the winner.",
    ]


def test_a_difference_inside_the_spread_of_the_seeds_names_none():
    winner, sentences = told(a=[0.30, 0.34, 0.31], b=[0.31, 0.30, 0.32], c=[0.1, 0.13, 0.11])
    assert winner is None
    assert "b differs by 0.0067" in sentences[1] and "It may be as good." in sentences[1]
    assert sentences[2].startswith("c is lower by 0.2033")
    assert sentences[3].startswith("There is no winner among a, b.")


def test_one_common_seed_tells_nothing():
    winner, sentences = told(a=[0.3, np.nan, 0.4], b=[0.1, 0.2, np.nan])
    assert winner is None and "b: too few seeds in common" in sentences[1]


def test_without_others_there_is_no_winner():
    assert told() == (None, [])
    assert told(a=[0.3, 0.4])[0] is None


def test_a_loss_that_is_lower_wins():
    repeated = [Repeated("a", np.array([1.0, 1.1])), Repeated("b", np.array([2.0, 2.1]))]
    winner, sentences = verdict(repeated, metric_of("val_loss"))
    assert winner == "a" and sentences[1].startswith("b is higher by 1.0000")


@pytest.fixture
def search(tmp_path, fake):
    space = read_space(["lr=1e-4,1e-3", "optimizer=sgd,adamw"])
    said = []
    search = Search(tmp_path, None, space, METRIC, words=["--epochs", "2"], say=said.append)
    return search


def row(name, **values):
    return Row(name, "finished", 0.3, values, {}, 2, 2, 60.0, "")


BEST = [row("trial-004", lr=1e-3, optimizer="adamw"), row("trial-001", lr=1e-4, optimizer="sgd")]


def test_each_of_the_best_is_trained_with_each_seed_once(search, fake):
    assert repeat_best(search, BEST, [1, 2]) == []
    assert fake.started == [
        *("trial-004-seed-1", "trial-001-seed-1", "trial-004-seed-2", "trial-001-seed-2")
    ]
    assert repeat_best(search, BEST, [1, 2, 3]) == []
    assert fake.started[4:] == ["trial-004-seed-3", "trial-001-seed-3"]
    names = ["trial-001", "trial-004", "trial-009"]
    found = read_repeated(search.folder, names, [1, 2, 3], METRIC)
    assert [repeated.name for repeated in found] == ["trial-004", "trial-001"]
    # After two epochs three quarters of 0.55 and of 0.4, and a seed adds 1e-4 for each of seed % 3.
    assert found[0].values == pytest.approx([0.41258, 0.41265, 0.4125], abs=1e-5)
    assert found[1].values == pytest.approx([0.30008, 0.30015, 0.3], abs=1e-5)
    assert verdict(found, METRIC)[0] == "trial-004"


def test_an_interrupted_repetition_resumes(search, fake):
    fake.raises = {("trial-001-seed-1", 1): KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        repeat_best(search, BEST, [1, 2])
    assert len(read_repeated(search.folder, ["trial-001", "trial-004"], [1, 2], METRIC)) == 1
    repeat_best(search, BEST, [1, 2])
    log = (search.folder / "epochs.log").read_text().splitlines()
    done = [line for line in log if line.startswith("done")]
    assert len(done) == len(set(done)) == 8


def test_a_repetition_that_fails_does_not_stop_the_others(search, fake):
    fake.statuses = {"trial-004-seed-1": [2]}
    (failure,) = repeat_best(search, BEST, [1, 2])
    assert failure == "trial-004-seed-1: the loss is not finite. (exit status 2)"
    found = read_repeated(search.folder, ["trial-004", "trial-001"], [1, 2], METRIC)
    assert np.isnan(found[0].values).tolist() == [True, False]


def test_a_repetition_of_another_process_is_waited_for(search, fake, monkeypatch):
    held, waited = ["trial-001-seed-1"], []
    take = Claims.take

    def wait_for(claims, names):
        waited.extend(names)
        held.clear()  # the other process was killed: its training is taken over

    monkeypatch.setattr(
        Claims, "take", lambda claims, name: None if name in held else take(claims, name)
    )
    monkeypatch.setattr(Claims, "wait_for", wait_for)
    assert repeat_best(search, BEST, [1]) == []
    assert waited == ["trial-001-seed-1"]
    assert fake.started == ["trial-004-seed-1", "trial-001-seed-1"]


def test_waiting_ends_when_a_claim_is_released(search, monkeypatch):
    held = [["trial-001"], ["trial-001", "trial-003"], ["trial-003"]]
    monkeypatch.setattr(claims, "_WAIT_S", 0)
    monkeypatch.setattr(Claims, "held", lambda claims: held.pop(0))
    search.claims.wait_for(["trial-001", "trial-002"])
    assert held == []
