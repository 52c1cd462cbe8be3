"""Examples made in other processes: the same batches, wherever and in whatever order they
are made."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.loading.batch_loader import BatchLoader, ExampleSpec, ProcessBatchLoader

ROOT = str(Path(__file__).parents[4])


class Stripes(Dataset):
    """Photos with a bar each, drawn from the image's number; picture 3 of `broken` cannot
    be read."""

    def __init__(self, count, broken=False):
        super().__init__()
        self.add_class("stripes", 1, "bar")
        for i in range(count):
            self.add_image("stripes", i, f"photo{i}.jpg")
        self.broken = broken
        self.prepare()

    def load_image(self, image_id):
        if self.broken and image_id == 3:
            raise OSError("a scratch")
        return np.full((80, 60, 3), 20 * image_id, np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((80, 60, 1), bool)
        masks[10 + image_id : 40, 5:50] = True
        return masks, np.array([1])


class Noise:
    """An augmenter that can be sent to other processes."""

    def augment(self, scene, rng):
        return scene.with_pixels(np.uint8(rng.integers(0, 255, scene.image.shape)), scene.masks)


class Slow:
    """An augmenter that takes its time, and can be sent to other processes."""

    def augment(self, scene, rng):
        time.sleep(0.1)
        return scene


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Other processes find this file by its name."""
    monkeypatch.syspath_prepend(ROOT)


@pytest.fixture
def config(plain_config):
    return plain_config(
        STEPS_PER_EPOCH=None,
        IMAGES_PER_GPU=2,
        COPY_PASTE=0.5,
        SCALE_JITTER=(0.5, 2.0),
        NUM_CLASSES=2,
    )


def training_batches(*arguments, **options):
    from mrcnn.data.batches import (
        training_batches,
    )  # not above: the processes import this file, and Keras takes seconds

    return training_batches(*arguments, **options)


def same(one, other):
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) for name in one
    )


@pytest.mark.slow
def test_the_same_batches_come_from_threads_and_from_any_number_of_processes(config):
    alone, *others = (
        training_batches(Stripes(7), config, augmenter=Noise(), processes=n) for n in (0, 1, 2)
    )
    expected = [alone[i] for i in range(4)]
    for batches in others:
        assert all(same(batches[i], expected[i]) for i in (2, 0, 3, 1))
        batches.close()


def test_what_an_example_is_made_from_is_the_same_on_every_machine(config):
    """Written down once: image, partner, whatever the machine, the number of workers or what was
    asked before."""
    jobs = training_batches(Stripes(7), config).specs(np.arange(12))
    assert [(job.image_id, job.partner) for job in jobs] == [
        (2, None),
        (3, None),
        (6, None),
        (5, None),
        (0, None),
        (4, 6),
        (1, None),
        (1, 0),
        (4, None),
        (3, 1),
        (2, None),
        (5, 2),
    ]


@pytest.mark.slow
def test_an_error_in_a_process_names_the_image(config):
    examples = ProcessBatchLoader(BatchLoader(Stripes(5, broken=True), config), 1)
    with pytest.raises(RuntimeError, match="photo3.jpg.*a scratch"):
        examples.batch([ExampleSpec(0, 2), ExampleSpec(1, 3)])
    assert len(examples.batch([ExampleSpec(0, 2)])["images"]) == 1  # and the process lives on
    examples.close()


@pytest.mark.slow
def test_closed_processes_make_no_batch_until_they_are_opened(config):
    examples = ProcessBatchLoader(BatchLoader(Stripes(2), config), 1)
    examples.close()
    with pytest.raises(RuntimeError, match=r"closed.*open\(\)"):
        examples.batch([ExampleSpec(0, 0)])
    assert examples._processes._pool is None
    examples.open()
    assert len(examples.batch([ExampleSpec(0, 0)])["images"]) == 1
    examples.close()


@pytest.mark.slow
def test_a_process_that_was_killed_is_told_and_the_next_batch_starts_another(config):
    examples = ProcessBatchLoader(BatchLoader(Stripes(2), config), 1)
    examples.batch([ExampleSpec(0, 0)])
    os.kill(next(iter(examples._processes._pool._processes)), signal.SIGTERM)
    with pytest.raises(RuntimeError, match="process that loads data has died"):
        for _ in range(100):
            examples.batch([ExampleSpec(0, 0)])
    assert len(examples.batch([ExampleSpec(0, 0)])["images"]) == 1
    examples.close()


def test_photos_of_two_sizes_in_a_batch_are_refused_and_the_second_is_named(plain_config):
    class Growing(Stripes):
        def load_image(self, image_id):
            return np.zeros((80 + 60 * image_id, 60, 3), np.uint8)

        def load_mask(self, image_id):
            return np.ones((80 + 60 * image_id, 60, 1), bool), np.array([1])

    examples = BatchLoader(Growing(2), plain_config(IMAGE_RESIZE_MODE="pad64", NUM_CLASSES=2))
    with pytest.raises(ValueError, match="192 x 64.*'photo1.jpg'.*128 x 64 before.*'pad64'"):
        examples.batch([ExampleSpec(0, 0), ExampleSpec(1, 1)])


def test_what_cannot_be_sent_is_told_at_once(config):
    with pytest.raises(ValueError, match="workers.*lambda"):
        training_batches(
            Stripes(3), config, augmenter=lambda image, masks, rng: (image, masks), processes=1
        )


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_processes_end_with_a_training_that_is_killed(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {ROOT!r})
        from mrcnn.config import Config
        from mrcnn.data.loading.batch_loader import ProcessBatchLoader, BatchLoader, ExampleSpec
        from tests.mrcnn.data.loading.test_batch_loader import Stripes
        config = Config.from_dict({{"NUM_CLASSES": 2, "IMAGE_MAX_DIM": 64, "IMAGE_MIN_DIM": 64}})
        examples = ProcessBatchLoader(BatchLoader(Stripes(2), config), 1)
        examples.batch([ExampleSpec(0, 0)])
        print(next(iter(examples._processes._pool._processes)), flush=True)
        time.sleep(600)
    """)
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.kill()
    parent.wait()
    for _ in range(600):  # it notices within a second where nothing else works
        if not _alive(child):
            return
        time.sleep(0.1)
    pytest.fail(f"process {child} is still there")


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_what_a_process_cannot_read_is_told(config, tmp_path):
    """Its dataset opens a file when it is unpickled, which has gone by then."""
    path = tmp_path / "needed"
    path.write_text("")
    examples = ProcessBatchLoader(BatchLoader(Needs(path), config), 1)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="needed"):
        examples.batch([ExampleSpec(0, 0)])
    examples.close()


class Needs(Stripes):
    def __init__(self, path):
        super().__init__(1)
        self.path = path

    def __setstate__(self, state):
        vars(self).update(state)
        open(self.path).close()
