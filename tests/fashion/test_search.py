"""search: arguments, what a search leaves, and processes that are killed or share a study."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fashion import search, train
from fashion.cli.errors import run_verb
from fashion.cli.training_settings import read_recipe, requested_config
from fashion.config import RECIPES

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).parent / "hyperparameters" / "fake_train.py"
GRID = ["lr=1e-4,1e-3,1e-2", "batch=2,4", "optimizer=sgd,adamw"]
DRIVER = """
import sys
from fashion import search
from fashion.cli.errors import run_verb
def main(argv):
    from fashion.commands.search import run
    return run(search.parse(argv), [sys.executable, sys.argv[1]])
if __name__ == "__main__":
    sys.exit(run_verb(main, sys.argv[2:], "search"))
"""


def parsed(*words, tmp_path):
    return search.parse([*words, "--out", str(tmp_path / "out")])


def test_arguments_are_split_into_those_of_the_search_and_of_its_trainings(tmp_path):
    args = parsed(
        *("--space", "lr=log:1e-5:1e-2", "batch=2,4", "--sampler", "random", "--trials", "9"),
        *("--recipe", "ccp", "--epochs", "4", "--set", "WEIGHT_DECAY=0.1", "--limit", "60"),
        *("--workers", "2", "--rebalance", "classes", "--seed", "5", "--metric", "f1_ap"),
        tmp_path=tmp_path,
    )
    assert args.words == [
        *("--recipe", "ccp", "--epochs", "4", "--set", "WEIGHT_DECAY=0.1", "--limit", "60"),
        *("--workers", "2", "--rebalance", "classes", "--seed", "5"),
        *("--set", "EVALUATE_EVERY=1"),
    ]
    assert (args.seed, args.epochs, args.pruner, args.trials) == (5, 4, "median", 9)
    assert args.defaults == {"lr": 1e-3, "batch": 4} and args.metric.name == "f1_ap"


@pytest.mark.parametrize(
    ("words", "pruner", "trials", "added"),
    [
        ("--sampler grid", "none", None, []),
        ("--sampler grid --pruner hyperband", "hyperband", None, ["--set", "EVALUATE_EVERY=1"]),
        ("--sampler tpe", "median", 20, ["--set", "EVALUATE_EVERY=1"]),
        ("--sampler random --minutes 5 --pruner none", "none", None, []),
        ("--pruner median --set EVALUATE_EVERY=2", "median", 20, []),
    ],
)
def test_a_pruner_needs_a_score_after_each_epoch(words, pruner, trials, added, tmp_path):
    args = parsed("--space", "lr=1e-4,1e-3", *words.split(), tmp_path=tmp_path)
    assert (args.pruner, args.trials) == (pruner, trials)
    assert args.words == ["--set", "EVALUATE_EVERY=2"] * ("EVERY=2" in words) + added


def test_the_length_of_the_longest_training_counts(tmp_path):
    assert parsed("--space", "epochs=3,7", tmp_path=tmp_path).epochs == 7
    assert parsed("--space", "epochs=int:2:9", tmp_path=tmp_path).epochs == 9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--space is missing"),
        ("--space lr", "cannot read lr"),
        ("--space lr=lgo:1:2", "no kind lgo"),
        ("--space optimzer=sgd", "Did you mean optimizer?"),
        ("--space LIMIT=1,2 --data nowhere --recipe ccp", "LIMIT cannot be searched: it decides"),
        ("--space weight_decay=1,2 --optimizer adam", "weight_decay would change nothing: the"),
        ("--space weight_decay=1,2 optimizer=adam,adamw", '"weight_decay=1,2 if optimizer=adamw"'),
        ("--space optimizer=sgd,adm", "--space optimizer=adm: --optimizer must be one of"),
        ("--space lr=float:-1:1", "--space lr=-1.0: --lr must be a number above 0"),
        ("--space imgsz=128,100", "--space imgsz=100: --imgsz must be a multiple of 64"),
        ("--space weight_decay=float:-1:1", "--space weight_decay=-1.0: WEIGHT_DECAY must"),
        ("--space loss_weights=onse,ones", "--space loss_weights=onse: --loss-weights must be"),
        ("--space lr=1e-3,1e-4 --lr 1e-3", "--lr is searched: leave the option out"),
        ("--space lr=1e-3,1e-4 --metric mask_ap", "Did you mean val_mask_ap?"),
        ("--space lr=log:1e-5:1e-2 --sampler grid", "--sampler grid needs separate values of lr"),
        ("--space lr=1e-3,1e-4 --data {data}", "--recipe is missing"),
        ("--space lr=1e-3,1e-4 --storage study.db", "--storage must be a URL"),
        ("--space lr=1e-3,1e-4 --preview x", "here is no option --preview"),
        ("--space lr=1e-3,1e-4 --name x", "here is no option --name"),
        ("--space lr=1e-3,1e-4 --sampler gird", "Did you mean grid?"),
    ],
)
def test_what_cannot_be_searched_is_said_at_once(words, message, sample_folder, tmp_path, capsys):
    words = words.format(data=sample_folder).split()
    try:
        status = run_verb(search.main, [*words, "--out", str(tmp_path / "out")])
    except SystemExit as error:
        status = error.code
    assert status == 2 and message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.fixture
def fake(monkeypatch):
    """Trainings happen at once, in this process: see hyperparameters/conftest.py."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("shared", FAKE.with_name("conftest.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.fake.__wrapped__(monkeypatch)


@pytest.mark.slow
def test_a_search_leaves_trials_a_page_and_settings_to_train_with(fake, tmp_path, capsys):
    out = tmp_path / "out"
    words = [
        *("--space", *SPACE, "--epochs", "4", "--trials", "12", "--out", str(out)),
        *("--repeat-best", "2", "--seeds", "2", "--pruner", "none"),
    ]
    search.main(words)
    said = capsys.readouterr().out
    assert "first trial  the recipe's settings" in said
    assert "trial-000 (1 of 12): lr 0.001, optimizer adamw, weight_decay 0.001" in said
    assert "has the best mean val_mask_ap" in said and "page: " in said
    with open(out / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and all((out / row["trial"] / "config.json").exists() for row in rows)
    best = json.loads((out / "best.json").read_text())
    assert best["recipe"] == "smoke" and best["trial"] == "trial-000"
    assert best["settings"] == {"WEIGHT_DECAY": 0.5, "OPTIMIZER": "sgd"}  # of config.json
    assert best["command"].endswith("--lr 0.001 --optimizer adamw --set WEIGHT_DECAY=0.001")
    args = train.parse(["--recipe", str(out / "best.json")])
    assert requested_config(args, RECIPES[args.recipe]).WEIGHT_DECAY == 0.5
    page = (out / "index.html").read_text()
    for text in ("Is it better than the others?", "What matters", "Learning curves", "PED-ANOVA"):
        assert text in page
    count = len(fake.started)
    search.main(words)  # everything is there
    assert len(fake.started) == count == 12 + 2 * 2
    search.main([*words, "--trials", "13"])
    assert len(fake.started) >= count + 1


@pytest.mark.slow
def test_the_recipe_is_repeated_beside_the_best(fake, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fake, "score", lambda found, epoch: float(found["--lr"]) * epoch)
    out = tmp_path / "out"
    words = ["--space", "lr=1e-3,2e-3,3e-3", "--sampler", "grid", "--out", str(out)]
    search.main([*words, "--epochs", "2", "--repeat-best", "1", "--seeds", "2"])
    assert fake.started[0] == "trial-000" and len(fake.started) == 3 + 2 * 2
    said = capsys.readouterr().out
    assert "trial-000 is lower by 0.0040 ± 0.0000" in said and "is the winner." in said
    assert "trial-000 has the recipe's settings: 0.0020." in said


SPACE = [
    "lr=log:1e-5:1e-2",
    "optimizer=sgd,adamw",
    "weight_decay=log:1e-5:1e-2 if optimizer=adamw",
]


@pytest.mark.slow
def test_few_trials_name_no_winner_and_no_importance(fake, tmp_path, capsys):
    out = tmp_path / "out"
    search.main(["--space", *SPACE, "--epochs", "2", "--trials", "3", "--out", str(out)])
    said = capsys.readouterr().out
    assert "no winner is named. --repeat-best 3 --seeds 3" in said
    assert "3 finished trials cannot tell how much each setting matters" in (
        out / "index.html"
    ).read_text(encoding="utf-8")
    search.main(["--space", "lr=1e-6,1e-7", "--trials", "1", "--out", str(tmp_path / "one")])
    said = capsys.readouterr().out
    assert "not the recipe's settings: they are outside the space, in lr (0.001, not" in said
    assert "there is nothing to compare" in said


@pytest.mark.slow
def test_another_search_in_the_folder_is_refused_and_restart_removes_it(fake, tmp_path, capsys):
    words = ["--out", str(tmp_path / "out"), "--trials", "2", "--epochs", "1"]
    search.main(["--space", *GRID, *words, "--sampler", "grid"])
    (tmp_path / "out" / "mine.txt").write_text("kept")
    changed = ["--space", *GRID, *words, "--sampler", "random"]
    with pytest.raises(ValueError, match="sampler 'grid' there, 'random' here"):
        search.main(changed)
    fake.started.clear()
    search.main([*changed, "--restart"])
    assert len(fake.started) == 2 and (tmp_path / "out" / "mine.txt").exists()
    with open(tmp_path / "out" / "trials.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_where_all_trials_fail_the_search_fails(fake, tmp_path, capsys):
    fake.statuses = {"trial-000": [2], "trial-001": [2]}
    words = ["--space", "lr=1e-4,1e-3", "--sampler", "grid", "--out", str(tmp_path / "out")]
    assert run_verb(search.main, words, "search") == 2
    told = capsys.readouterr()
    assert "2 trials failed: trial-000: the loss is not finite." in told.err
    assert "best settings" not in told.out
    assert run_verb(search.main, [*words, "--retry-failed"], "search") == 0


@pytest.mark.slow
def test_an_interrupted_search_says_how_it_resumes(fake, tmp_path, capsys):
    fake.raises = {("trial-001", 1): KeyboardInterrupt()}
    words = ["--space", *GRID, "--sampler", "grid", "--epochs", "2", "--out", str(tmp_path / "out")]
    assert run_verb(search.main, words, "search") == 130
    told = capsys.readouterr()
    assert "fashion search: interrupted; finished work is kept. To resume, run:" in told.err
    assert f"fashion search {' '.join(words[:3])}" in told.err.replace("'", "")
    search.main(words)
    assert fake.started.count("trial-001") == 2 and len(set(fake.started)) == 12


class Command:
    """`fashion search` in a process group of its own, with trainings that are made up."""

    def __init__(self, folder, *words, out="out"):
        self.out = folder / out
        driver = folder / "driver.py"
        driver.write_text(DRIVER)
        environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
        self.process = subprocess.Popen(
            [sys.executable, str(driver), str(FAKE), *words, "--out", str(self.out)],
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def lines(self):
        log = self.out / "epochs.log"
        return log.read_text().splitlines() if log.exists() else []

    def wait_for(self, count):
        """Until so many epochs have begun or ended; whether the process is still there."""
        while len(self.lines()) < count and self.process.poll() is None:
            time.sleep(0.01)
        return self.process.poll() is None

    def kill(self, number=signal.SIGKILL):
        os.killpg(self.process.pid, number)
        return self.process.communicate()[0]

    def end(self):
        said = self.process.communicate()[0]
        assert self.process.returncode == 0, said
        return said


def finished(out):
    with open(out / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["state"], row["epochs"]) for row in rows} == {("finished", "3")}
    return [(row["trial"], row["lr"], row["batch"], row["optimizer"]) for row in rows]


def check_epochs(lines, kills):
    """Each epoch of 12 trainings was completed once, and none was begun again after that."""
    done = [line.partition(" ")[2] for line in lines if line.startswith("done")]
    # A kill may have come between the files of an epoch and its line.
    assert len(done) == len(set(done)) and 36 - kills <= len(done) <= 36
    for line in done:
        begun = [i for i, other in enumerate(lines) if other == f"begin {line}"]
        assert max(begun) < lines.index(f"done {line}")


WORDS = ["--space", *GRID, "--sampler", "grid", "--epochs", "3"]


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="kills process groups")
@pytest.mark.parametrize("storage", [[], ["--storage", "study.log"]])
def test_a_grid_that_is_killed_five_times_has_each_point_once(tmp_path, storage):
    rng = random.Random(len(storage))
    kills = 0
    while kills < 5:
        command = Command(tmp_path, *WORDS, *storage)
        more = rng.randint(1, 12)  # of about 72 lines in all
        assert command.wait_for(len(command.lines()) + more), command.process.communicate()[0]
        if kills == 2:  # the search alone: its training goes on, and is waited for
            command.process.kill()
            command.process.communicate()
        else:
            command.kill()
        kills += 1
    said = Command(tmp_path, *WORDS, *storage).end()
    trials = finished(tmp_path / "out")
    assert len(trials) == 12 == len({trial[0] for trial in trials})
    assert len({trial[1:] for trial in trials}) == 12
    check_epochs(command.lines(), kills)
    assert "page: " in said


@pytest.mark.full
@pytest.mark.parametrize("storage", [[], ["--storage", "study.log"]])
def test_two_processes_share_a_study(tmp_path, storage):
    first, second = (Command(tmp_path, *WORDS, *storage) for _ in range(2))
    said = first.end() + second.end()
    trials = finished(tmp_path / "out")
    assert len(trials) == 12 == len({trial[1:] for trial in trials})
    check_epochs(first.lines(), kills=0)
    assert said.count(" of 12): lr ") == 12


@pytest.mark.full
def test_two_processes_share_the_repetitions_and_report_the_same(tmp_path):
    words = [*WORDS, "--repeat-best", "2", "--seeds", "3"]
    first, second = (Command(tmp_path, *words) for _ in range(2))
    said = [first.end(), second.end()]
    done = [line.partition(" ")[2] for line in first.lines() if line.startswith("done")]
    # The trial with the recipe's settings is among the best two.
    assert len(done) == len(set(done)) == 3 * (12 + 2 * 3)
    verdicts = [text[text.index("has the best mean") :].partition("page:")[0] for text in said]
    assert verdicts[0] == verdicts[1] and "3 seeds" in verdicts[0]


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="signals processes")
def test_a_signal_stops_the_training_and_the_same_command_resumes(tmp_path):
    command = Command(tmp_path, *WORDS)
    command.wait_for(8)
    os.kill(command.process.pid, signal.SIGTERM)  # not to its training
    said = command.process.communicate()[0]
    assert command.process.returncode == 143, said
    assert "fashion search: terminated; finished work is kept. To resume, run:" in said
    Command(tmp_path, *WORDS).end()
    assert len(finished(tmp_path / "out")) == 12
    check_epochs(command.lines(), kills=1)


@pytest.mark.full
def test_a_search_trains(sample_folder, tiny_settings, tmp_path, monkeypatch):
    """With the real `fashion train`, on data of eight images; the best settings train again."""
    out = tmp_path / "out"
    words = ["--recipe", "smoke", "--data", str(sample_folder), "--weights", "none"]
    for name, value in (tiny_settings | {"BACKBONE": "mobilenetv3_small"}).items():
        words += ["--set", f"{name}={json.dumps(value)}"]
    words += ["--epochs", "1", "--set", "VALIDATION_STEPS=1", "--set", "EVALUATE_IMAGES=2"]
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    search.main(
        ["--space", "lr=1e-4,1e-3", "--sampler", "grid", *words, "--out", str(out)],
    )
    with open(out / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["finished"] * 2
    assert {row["epochs"] for row in rows} == {"1"}
    for row in rows:
        assert (out / row["trial"] / "best.h5").exists()
        assert (out / row["trial"] / "index.html").exists()
    name, settings = read_recipe(str(out / "best.json"))
    best = json.loads((out / "best.json").read_text())
    assert name == "smoke" and settings["STAGES"][-1]["learning_rate"] == best["searched"]["lr"]
