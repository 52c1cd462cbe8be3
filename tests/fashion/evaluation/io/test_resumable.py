"""Journal: what was noted is there again, unless it belongs to something else."""

import errno
import os
from types import SimpleNamespace

import numpy as np
import pytest

from fashion.evaluation.io.resumable import (
    Journal,
    journal_differences,
    predict_resumable,
    remaining,
)

ABOUT = {"weights": "best.h5", "photos": ["a", "b", "c"]}


@pytest.fixture
def path(tmp_path):
    journal = Journal(tmp_path / "out" / "predictions.partial", ABOUT)
    journal.add(0, [{"score": 0.5}])
    journal.add(2, [])
    journal.close()
    return journal.path


def test_a_run_goes_on_where_it_was_killed(path):
    journal = Journal(path, ABOUT)
    assert journal.done == {0: [{"score": 0.5}], 2: []}
    journal.add(1, [{"score": 0.25}])
    journal.close()
    assert list(Journal(path, ABOUT).done) == [0, 2, 1]


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_line_that_was_cut_off_is_dropped(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal(path, ABOUT)
    assert journal.done == {0: [{"score": 0.5}]}
    journal.add(2, [])
    journal.close()
    assert Journal(path, ABOUT).done == {0: [{"score": 0.5}], 2: []}


def test_predictions_of_something_else_are_made_anew(path):
    assert Journal(path, ABOUT | {"weights": "last.h5"}).done == {}
    assert Journal(path, ABOUT).done == {}  # the file is the other's now


def test_a_head_that_was_cut_off_is_written_again(path):
    path.write_bytes(path.read_bytes()[:10])
    journal = Journal(path, ABOUT)
    journal.add(1, [])
    journal.remove()
    assert not path.exists()


@pytest.mark.parametrize(
    "damage", [b"\0" * 9 + b"\n", b"[1]\n", b"5\n", b"[[1], 2]\n", b"[{}, []]\n"]
)
def test_a_damaged_line_is_dropped_with_what_follows(path, damage):
    path.write_bytes(path.read_bytes() + damage + b"[7, []]\n")
    assert list(Journal(path, ABOUT).done) == [0, 2]


def test_what_was_asked_otherwise_is_told_where_something_is_noted(path, tmp_path):
    assert journal_differences(path, ABOUT) == journal_differences(tmp_path / "none", ABOUT) == []
    other = {"weights": "last.h5", "photos": ("a", "b", "c"), "min_score": 0.5}
    assert journal_differences(path, other) == [
        ("min_score", None, 0.5),
        ("weights", "best.h5", "last.h5"),
    ]
    for head in (
        b"",
        b"[]\n[0, []]\n",
        b"no JSON\n[0, []]\n",
        b'{"weights": "other"}\n',
        b'{"weights": "other"}\n[0, [',
    ):
        path.write_bytes(head)
        assert journal_differences(path, ABOUT) == []


@pytest.mark.parametrize(
    ("done", "batch", "expected"),
    [
        ("", 4, "abcdefghij"),
        ("abcd", 4, "efghij"),
        ("abcdef", 4, "efghij"),
        ("abc", 4, "abcdefghij"),
        (
            "abcdefgh",
            4,
            "efghij",
        ),  # two are left: a full batch before them, so that its size is compiled
        ("abcdefghi", 4, "efghij"),
        ("abcdefghij", 4, ""),
        ("abcdef", 1, "ghij"),
        ("abcdefgh", 5, "fghij"),
        ("abd", 2, "cefghij"),
        ("bcd", 3, "aefghij"),
    ],
)
def test_what_is_left_is_predicted_in_the_batches_of_an_unbroken_run(done, batch, expected):
    assert "".join(remaining("abcdefghij", set(done), batch)) == expected


def test_a_full_disk_is_told(path):
    class Full:
        def write(self, line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal = Journal(path, ABOUT)
    journal._file.close()
    journal._file = Full()
    with pytest.raises(
        OSError,
        match="predictions.partial could not be written: No space left on device. Make room",
    ):
        journal.add(1, [])
    assert 1 not in Journal(path, ABOUT).done


def test_a_model_predicts_what_is_not_noted_yet(path, tmp_path):
    weights = tmp_path / "best.h5"
    weights.write_bytes(b"weights")
    asked = []

    def stream(photos):
        for photo in photos:
            asked.append(photo)
            if len(asked) == 3:
                raise KeyboardInterrupt
            yield photo

    dataset = SimpleNamespace(
        image_ids=np.arange(4),
        image_info=[{"id": name} for name in "abcd"],
        load_image=lambda i: 10 * i,
    )
    model, about = SimpleNamespace(stream=stream, ontology="labels"), {"weights": str(weights)}

    def row_of(result, image_id, ontology):
        return [result, image_id, ontology]

    with pytest.raises(KeyboardInterrupt):
        predict_resumable(model, dataset, row_of, about, path)
    rows, journal = predict_resumable(model, dataset, row_of, about, path)
    journal.remove()
    assert (
        rows == [[10 * i, i, "labels"] for i in range(4)]
        and asked == [0, 10, 20, 20, 30]
        and not path.exists()
    )
    asked[:] = []
    rows, journal = predict_resumable(
        model, SimpleNamespace(**vars(dataset) | {"image_ids": [1]}), row_of, about
    )
    assert rows == [[10, 1, "labels"]] and journal is None


def test_a_photo_without_a_canvas_is_named():
    """Predictor counts photos, and the first one here is the second of the data set."""
    config = SimpleNamespace(
        BATCH_SIZE=1, IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=128, IMAGE_MIN_SCALE=0
    )
    dataset = SimpleNamespace(
        image_ids=[1],
        image_info=[{"id": "a"}, {"id": "b", "path": "photos/strip.png"}],
        load_image=lambda i: np.zeros((1, 65000, 3), np.uint8),
    )
    model = SimpleNamespace(stream=lambda photos: photos, ontology=None, config=config)
    with pytest.raises(ValueError, match="^photos/strip.png: A photo of 1 x 65000 pixels"):
        predict_resumable(model, dataset, lambda *_: [], {})
