"""Run folder: what is written is read back."""
import pytest

from mrcnn.training.run_folder import RunFolder


def test_the_history_is_read_as_it_was_written(tmp_path):
    rows = [{"epoch": 1, "stage": "heads", "loss": 1 / 3}, {"epoch": 2, "stage": "4+", "loss": 0.25, "val_mask_ap": 0.1}]
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
    with pytest.raises(FileNotFoundError, match="no run folder"):
        RunFolder(tmp_path).read_config()
