"""Checkpoints: the state of a training travels with its weights and comes back to the last bit."""

import keras
import numpy as np
import pytest

from mrcnn.modeling.build import build_detector
from mrcnn.training.checkpoints import learning_rate_of, load_state, read_state, save_checkpoint
from mrcnn.training.optimizers import make_optimizer
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import load_weights


def test_metadata_and_state_of_any_length_come_back(detector, tmp_path):
    """A file attribute of fixed length would end at 64 KB: a long history, or one number for each
    of 45,000 photos."""
    state = {
        "epoch": 3,
        "history": [{"epoch": 1, "stage": "all", "loss": 0.1}],
        "repeats": [1.25] * 45_000,
    }
    save_checkpoint(
        detector,
        tmp_path / "a.h5",
        metadata={"labels": ["Kleid, größer"] * 9000},
        optimizer=keras.optimizers.SGD(),
        state=state,
    )
    assert read_state(tmp_path / "a.h5") == state
    assert read_metadata(tmp_path / "a.h5") == {"labels": ["Kleid, größer"] * 9000}


def test_a_file_without_state_has_none(detector, tmp_path):
    save_checkpoint(detector, tmp_path / "a.h5")
    assert read_state(tmp_path / "a.h5") is None and read_metadata(tmp_path / "a.h5") == {}


@pytest.mark.slow
def test_the_state_of_a_training_does_not_disturb_reading_the_weights(
    detector, plain_config, tmp_path
):
    save_checkpoint(detector, tmp_path / "a.h5", optimizer=keras.optimizers.SGD(), state={})
    other = build_detector(plain_config())
    assert not load_weights(other, tmp_path / "a.h5").only_in_file


@pytest.fixture
def stepped(detector, plain_config):
    optimizer = make_optimizer(plain_config(OPTIMIZER="adamw"), 0.01, 10)
    variables = detector.trainable_variables[:3]
    optimizer.apply([keras.ops.ones(v.shape) for v in variables], variables)
    return optimizer, variables


def test_the_optimiser_gets_its_variables_back(detector, stepped, plain_config, tmp_path):
    optimizer, variables = stepped
    save_checkpoint(detector, tmp_path / "a.h5", optimizer=optimizer, state={"epoch": 4})
    fresh = make_optimizer(plain_config(OPTIMIZER="adamw"), 0.01, 10)
    fresh.build(variables)
    assert load_state(tmp_path / "a.h5", fresh) == {"epoch": 4}
    assert int(fresh.iterations) == 1 and len(fresh.variables) == len(optimizer.variables)
    for one, two in zip(optimizer.variables, fresh.variables):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))


def test_the_state_of_another_optimiser_is_refused(detector, stepped, plain_config, tmp_path):
    optimizer, variables = stepped
    save_checkpoint(detector, tmp_path / "a.h5", optimizer=optimizer, state={})
    for config, chosen in (
        (plain_config(OPTIMIZER="sgd"), variables),
        (plain_config(OPTIMIZER="adamw"), variables[:2]),
    ):
        fresh = make_optimizer(config, 0.01, 10)
        fresh.build(chosen)
        with pytest.raises(ValueError, match="another optimizer or of other layers"):
            load_state(tmp_path / "a.h5", fresh)


def test_a_rate_that_callbacks_lowered_comes_back_unless_another_is_asked_for(
    detector, plain_config, tmp_path
):
    optimizer = make_optimizer(plain_config(), 0.01, 10)
    state = {"learning_rate": learning_rate_of(optimizer)}
    optimizer.learning_rate = 0.002  # as ReduceLROnPlateau does
    save_checkpoint(detector, tmp_path / "a.h5", optimizer=optimizer, state=state)
    save_checkpoint(detector, tmp_path / "old.h5", optimizer=optimizer, state={})
    for file, asked, wanted in (
        ("a.h5", 0.01, 0.002),
        ("a.h5", 0.03, 0.03),
        ("old.h5", 0.03, 0.002),
    ):
        fresh = make_optimizer(plain_config(), asked, 10)
        load_state(tmp_path / file, fresh)
        assert float(fresh.learning_rate) == pytest.approx(wanted), (file, asked)


def test_a_schedule_has_no_rate_to_keep(plain_config):
    assert learning_rate_of(make_optimizer(plain_config(WARMUP_STEPS=2), 0.01, 10)) is None
    assert learning_rate_of(make_optimizer(plain_config(), 0.5, 10)) == 0.5
