"""Journal: what was noted is there again, unless it belongs to something else."""
import pytest

from fashion.evaluation.journal import Journal

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
    assert Journal(path, ABOUT).done == {}      # the file is the other's now


def test_a_head_that_was_cut_off_is_written_again(path):
    path.write_bytes(path.read_bytes()[:10])
    journal = Journal(path, ABOUT)
    journal.add(1, [])
    journal.remove()
    assert not path.exists()


@pytest.mark.parametrize("damage", [b"\0" * 9 + b"\n", b"[1]\n", b"5\n"])
def test_a_damaged_line_is_dropped_with_what_follows(path, damage):
    path.write_bytes(path.read_bytes() + damage + b"[7, []]\n")
    assert list(Journal(path, ABOUT).done) == [0, 2]
