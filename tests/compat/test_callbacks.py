"""custom_callbacks: those of Keras and those of the script, which see what Keras' own training
would show them."""

from pathlib import Path

import keras
import pytest

from mrcnn.training.run_folder import RunFolder

pytestmark = [
    pytest.mark.usefixtures("simple_losses"),
    pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning"),
]


class Diary(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.lines = []

    def on_epoch_end(self, epoch, logs=None):
        self.lines.append((epoch, float(self.model.optimizer.learning_rate), dict(logs)))


@pytest.mark.slow
def test_callbacks_see_every_epoch(shapes_config, shapes, made, tmp_path):
    diary, called = Diary(), []
    model = made(shapes_config())
    model.train(
        shapes(2),
        shapes(2),
        learning_rate=1e-3,
        epochs=2,
        layers="heads",
        custom_callbacks=[
            diary,
            keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: called.append(epoch)),
            keras.callbacks.ModelCheckpoint(
                str(tmp_path / "best.weights.h5"),
                "val_loss",
                save_best_only=True,
                save_weights_only=True,
            ),
        ],
    )
    assert [line[0] for line in diary.lines] == called == [0, 1] and diary.lines[0][
        1
    ] == pytest.approx(1e-3)
    history = model.keras_model.history.history
    for name in ("loss", "val_loss", "mrcnn_class_loss", "val_mrcnn_mask_loss"):
        assert [line[2][name] for line in diary.lines] == pytest.approx(history[name])
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    assert model.load_weights(tmp_path / "best.weights.h5", by_name=True).loaded


@pytest.mark.slow
def test_a_training_may_be_stopped_early_and_epochs_are_counted_on(shapes_config, shapes, made):
    model, diary = made(shapes_config()), Diary()
    model.train(
        shapes(2), shapes(2), learning_rate=1e-3, epochs=1, layers="heads", custom_callbacks=[diary]
    )
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", min_delta=100, patience=0, restore_best_weights=True
    )
    model.train(
        shapes(2),
        shapes(2),
        learning_rate=1e-3,
        epochs=9,
        layers="heads",
        custom_callbacks=[stop, diary],
    )
    assert [line[0] for line in diary.lines] == [0, 1, 2] and len(
        model.keras_model.history.history["loss"]
    ) == 2
    assert model.epoch == 3
    model.train(
        shapes(2), shapes(2), learning_rate=1e-3, epochs=4, layers="heads", custom_callbacks=[diary]
    )
    assert [line[0] for line in diary.lines] == [0, 1, 2, 3] and model.epoch == 4


@pytest.mark.slow
def test_after_an_interruption_training_goes_on_with_the_epoch_that_was_broken_off(
    shapes_config, shapes, made
):
    def interrupt(epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt

    model, diary = made(shapes_config()), Diary()
    broken = [diary, keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)]
    with pytest.raises(KeyboardInterrupt):
        model.train(
            shapes(2),
            shapes(2),
            learning_rate=1e-3,
            epochs=9,
            layers="heads",
            custom_callbacks=broken,
        )
    assert model.epoch == 2
    before = model.checkpoint_path.format(epoch=2)
    written = Path(before).stat().st_mtime_ns
    model.train(
        shapes(2), shapes(2), learning_rate=1e-3, epochs=3, layers="heads", custom_callbacks=[diary]
    )
    assert (
        [line[0] for line in diary.lines] == [0, 1, 2]
        and model.epoch == 3
        and Path(before).stat().st_mtime_ns == written
    )
    assert [row["epoch"] for row in RunFolder(model.log_dir).read_history()] == [1, 2, 3]


@pytest.mark.slow
def test_callbacks_may_set_the_learning_rate(shapes_config, shapes, made):
    diary, model = Diary(), made(shapes_config())
    falling = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 / (epoch + 1))
    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.1, patience=0, min_delta=100
    )
    model.train(
        shapes(2),
        shapes(2),
        learning_rate=1e-3,
        epochs=2,
        layers="heads",
        custom_callbacks=[falling, plateau, diary],
    )
    assert [line[1] for line in diary.lines] == pytest.approx([1e-3, 0.5e-4])


def test_a_checkpoint_of_the_whole_model_is_refused_before_the_first_epoch(
    shapes_config, shapes, made, tmp_path
):
    model = made(shapes_config())
    with pytest.raises(ValueError, match=r'best.weights.h5", save_weights_only=True'):
        model.train(
            shapes(2),
            shapes(2),
            learning_rate=1e-3,
            epochs=1,
            layers="heads",
            custom_callbacks=[keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"))],
        )
    assert not list(tmp_path.iterdir())
