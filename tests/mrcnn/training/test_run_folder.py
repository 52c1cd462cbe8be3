"""Run folder: what is written is read back."""

import logging

import pytest

from mrcnn.training import run_folder
from mrcnn.training.run_folder import RunFolder


def test_the_history_is_read_as_it_was_written(tmp_path):
    rows = [
        {"epoch": 1, "stage": "heads", "loss": 1 / 3},
        {"epoch": 2, "stage": "4+", "loss": 0.25, "val_mask_ap": 0.1},
    ]
    run = RunFolder(tmp_path / "new" / "run")
    run.write_history(rows)
    assert run.read_history() == rows
    assert run.history.read_text().splitlines()[0] == "epoch,stage,loss,val_mask_ap"


def test_there_is_no_history_before_the_first_epoch(tmp_path):
    assert RunFolder(tmp_path).read_history() == []


def test_the_config_is_read_as_it_was_written(tmp_path):
    run = RunFolder(tmp_path)
    run.write_config({"seed": 3, "stages": [{"name": "heads"}]})
    assert run.read_config() == {"seed": 3, "stages": [{"name": "heads"}]}


def test_a_folder_without_config_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a run folder"):
        RunFolder(tmp_path).read_config()


def test_a_history_that_another_program_keeps_to_itself_ends_no_training(
    tmp_path, monkeypatch, caplog
):
    run = RunFolder(tmp_path)
    run.write_history([{"epoch": 1}])

    def locked(path, text):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(run_folder, "write_text", locked)
        run.write_history([{"epoch": 1}, {"epoch": 2}])
    assert "open in another program" in caplog.text and run.read_history() == [{"epoch": 1}]
    run.write_history([{"epoch": 1}, {"epoch": 2}, {"epoch": 3}])
    assert [row["epoch"] for row in run.read_history()] == [1, 2, 3]


def test_weights_are_in_last_h5_or_in_a_file_for_each_epoch(tmp_path):
    assert RunFolder(tmp_path).weights_of(7) == tmp_path / "last.h5"
    assert RunFolder(tmp_path, "mask_{epoch:04d}.h5").weights_of(7) == tmp_path / "mask_0007.h5"


def test_what_killed_trainings_left_of_a_runs_own_files_is_removed(tmp_path):
    left = [".split.writing-01234567.csv", ".last.writing-89abcdef.h5"]
    left += [
        ".last.abcd1234.h5",
        ".best.abcd1234.h5",
        ".history.abcd1234.csv",
        ".config.abcd1234.json",
        ".mask[1]_0003.abcd1234.h5",
    ]
    others = [".mine.abcd1234.h5", "last.h5", "mask[1]_0003.h5"]
    for name in left + others:
        (tmp_path / name).touch()
    RunFolder(tmp_path, "mask[1]_{epoch:04d}.h5").remove_leftovers()
    assert {path.name for path in tmp_path.iterdir()} == set(others)


def test_trainings_of_the_same_second_get_folders_of_their_own(tmp_path):
    made = [RunFolder.create(tmp_path / "runs", "small20260101T000000").path for _ in range(3)]
    assert [path.name for path in made] == [
        "small20260101T000000",
        "small20260101T000000-2",
        "small20260101T000000-3",
    ]
    assert all(path.is_dir() for path in made)
