"""Bars that continue where an earlier process was."""

import io
from types import SimpleNamespace

import numpy as np
from tqdm import tqdm

from mrcnn.training import progress as progress_module
from mrcnn.training.progress import EpochRecord, ProgressLines, progress, set_forward


def test_a_bar_set_forward_expects_what_this_process_needs():
    """30 of 100 were done earlier; 7 more took 7 seconds: 63 are left, of a second each."""
    clock = [0.0]
    with tqdm(total=100, file=io.StringIO(), mininterval=0, miniters=1) as bar:
        bar._time, bar.start_t, bar.last_print_t = lambda: clock[0], 0.0, 0.0
        set_forward(bar, 30)
        for _ in range(7):
            clock[0] += 1
            bar.update()
        assert "37/100 [00:07<01:03,  1.00it/s]" in str(bar)


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def test_lines_come_at_intervals_with_losses_speed_and_the_remaining_time(capsys):
    """Batches of 2 images take 10 seconds after a first one of 25."""
    clock = Clock()
    lines = ProgressLines(2, epochs=3, validation_batches=4, seconds=30, clock=clock)
    lines.set_params({"steps": 10})
    lines.on_epoch_begin(0)
    for batch, seconds in enumerate((25, 10, 10, 10, 10)):
        clock.now += seconds
        lines.on_train_batch_end(batch, {"loss": 1.5, "rpn_class_loss": 0.25})
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1/3, batch 2/10: loss 1.500 (RPN objectness 0.250), 0.2 images/s, 01:20 to the end "
        "of the epoch",
        "epoch 1/3, batch 5/10: loss 1.500 (RPN objectness 0.250), 0.2 images/s, 00:50 to the end "
        "of the epoch",
    ]
    clock.now += 30
    lines.on_test_batch_end(0)
    assert capsys.readouterr().err == "epoch 1/3, validation loss: batch 1/4\n"


def test_an_epoch_ends_with_its_losses_scores_and_learning_rate_in_words(capsys):
    clock = Clock()
    lines = ProgressLines(2, epochs=3, clock=clock)
    lines.on_epoch_begin(1)
    clock.now += 75
    logs = {"loss": 1.5, "mrcnn_bbox_loss": 1.5, "val_loss": 2.0, "val_mrcnn_bbox_loss": 2.0}
    lines.on_epoch_end(1, logs | {"val_mask_ap": 0.25, "lr": 1e-5, "epoch_seconds": 75.0})
    assert capsys.readouterr().out.splitlines() == [
        "epoch 2/3 took 01:15:",
        "  loss 1.500 (box 1.500)",
        "  validation loss 2.000 (box 2.000)",
        "  mask AP 0.250",
        "  learning rate at the end of the epoch: 1e-05",
    ]
    lines.on_epoch_end(1)
    assert capsys.readouterr().out == "epoch 2/3 took 01:15:\n"


def test_a_bar_shows_batches_of_training_then_of_validation(capsys):
    lines = ProgressLines(2, epochs=1, validation_batches=2, bar=True)
    lines.set_params({"steps": 3})
    lines.on_epoch_begin(0)
    for batch in range(3):
        lines.on_train_batch_end(batch, {"loss": 1.5})
    assert (lines._bar.n, lines._bar.total) == (3, 3)
    for batch in range(2):
        lines.on_test_batch_end(batch, {"loss": 1.5})
    assert (lines._bar.n, lines._bar.total) == (2, 2)
    lines.on_epoch_end(0, {"loss": 1.5})
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1:] == ["  loss 1.500"]
    assert "epoch 1/1: " in printed.err and "epoch 1/1, validation loss: " in printed.err


def test_work_without_a_terminal_is_told_in_lines(capsys, monkeypatch):
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 0)
    with progress(2, "epoch 1, validation scores", "image") as step:
        step()
        step()
    assert capsys.readouterr().err == (
        "epoch 1, validation scores: 1/2 images\n"
        "epoch 1, validation scores: 2/2 images, 00:00 left\n"
    )


def test_the_history_gets_the_rate_and_the_seconds_of_an_epoch():
    record, logs = EpochRecord(), {"loss": 1.0}
    record.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=np.float32(0.5))))
    record.on_epoch_begin(0)
    record.on_epoch_end(0, logs)
    assert logs["lr"] == 0.5 and logs["epoch_seconds"] >= 0
