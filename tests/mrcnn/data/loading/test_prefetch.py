"""Reading ahead: the same batches in any order, no more of them than was promised, and an end of
it."""

import concurrent.futures
import threading
import time

import pytest

from mrcnn.data.loading.prefetch import PrefetchDataset, closing_batches


class Pairs(PrefetchDataset):
    """A batch is (epoch, index). `begun` is a list of those that were begun; none ends before
    `gate` is set."""

    def __init__(self, steps=8, threads=1, gate=None):
        super().__init__(threads)
        self.steps, self.gate, self.begun, self.openings = steps, gate, [], 0

    def __len__(self):
        return self.steps

    def make(self, epoch, index):
        self.begun.append(index)
        if self.gate is not None:
            self.gate.wait(20)
        return epoch, index

    def on_reopen(self):
        self.openings += 1


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


def waited_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def loading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_of_an_epoch_are_the_same_in_any_order(threads):
    batches, order = Pairs(threads=threads), (0, 1, 5, 0, 2, 3, 4, 5, 6, 7)
    for batches.epoch in (2, 3):
        batches.on_epoch_begin()
        assert [batches[i] for i in order] == [(batches.epoch, i) for i in order]
        batches.on_epoch_end()
    assert waited_for(lambda: not loading_threads())


def test_threads_are_four_batches_and_one_each_ahead_and_not_beyond_the_epoch():
    batches = Pairs(12, threads=2)
    batches.on_epoch_begin()
    batches[0]
    assert waited_for(lambda: sorted(batches.begun) == list(range(7)))
    for i in range(1, 12):
        batches[i]
    assert sorted(batches.begun) == list(range(12))
    batches.on_epoch_end()


def test_only_an_epoch_reads_ahead():
    batches, before = (
        Pairs(threads=4),
        set(loading_threads()),
    )  # of other tests, that are about to end
    assert [batches[i] for i in (0, 3)] == [(0, 0), (0, 3)] and batches.begun == [0, 3]
    assert not set(loading_threads()) - before


def test_close_ends_the_threads_of_a_broken_epoch_and_refuses_its_batches(gate):
    batches, errors = Pairs(threads=2, gate=gate), []
    batches.on_epoch_begin()

    def read():
        for i in range(8):
            try:
                batches[i]
            except RuntimeError as error:
                errors.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    assert waited_for(lambda: len(batches.begun) == 2)  # one for each thread
    batches.close()
    gate.set()
    reader.join(20)
    assert waited_for(lambda: not loading_threads())
    assert len(errors) >= 7 and all("closed" in error for error in errors[-7:])
    assert len(batches.begun) == 2  # those were finished, no other was begun


def test_a_reader_that_waits_for_a_batch_that_was_not_begun_is_told(gate):
    batches = Pairs(threads=2, gate=gate)
    batches.on_epoch_begin()
    with concurrent.futures.ThreadPoolExecutor(3) as readers:
        taken = []
        for i in range(3):
            taken.append(readers.submit(batches.__getitem__, i))
            assert waited_for(lambda: batches._prefetched._next == len(taken))
        assert waited_for(lambda: len(batches.begun) == 2)
        batches.close()
        gate.set()
        assert [future.result() for future in taken[:2]] == [(0, 0), (0, 1)]
        with pytest.raises(RuntimeError, match="broken off"):
            taken[2].result()


def test_closed_batches_open_with_an_epoch_or_with_batch_0():
    batches = Pairs()
    assert batches[1] == (0, 1) and batches.openings == 0
    batches.close()
    with pytest.raises(RuntimeError, match="closed"):
        batches[1]
    batches.on_epoch_begin()
    assert batches[1] == (0, 1) and batches.openings == 1
    batches.close()
    assert batches[0] == (0, 0) and batches[2] == (0, 2) and batches.openings == 2


def test_what_ends_badly_is_closed_too():
    batches = Pairs(threads=3)
    with pytest.raises(KeyboardInterrupt), closing_batches(batches, None, [1, 2]):
        batches.on_epoch_begin()
        batches[0]
        raise KeyboardInterrupt
    assert waited_for(lambda: not loading_threads())
    with pytest.raises(RuntimeError, match="closed"):
        batches[1]


class Failing(Pairs):
    """Its third batch of the first epoch cannot be made."""

    def make(self, epoch, index):
        if (epoch, index) == (0, 2):
            raise RuntimeError("photo 7 is broken")
        return super().make(epoch, index)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_batch_failed_with_is_told_in_place_of_what_a_backend_made_of_it(threads):
    batches = Failing(threads=threads)

    def train():
        with closing_batches(batches):
            batches.on_epoch_begin()
            try:
                for i in range(8):
                    batches[i]
            except RuntimeError as error:
                raise ArithmeticError("Graph execution error, of many lines") from error

    with pytest.raises(RuntimeError, match="photo 7 is broken"):
        train()
    batches.epoch = 1
    train()
    assert batches.failure is None


def test_an_error_of_another_kind_stays_what_it_is():
    with pytest.raises(ArithmeticError), closing_batches(Pairs()):
        raise ArithmeticError
