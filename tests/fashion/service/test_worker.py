"""The worker: one thread, a short queue, and an end that finishes what has begun."""

import asyncio
import multiprocessing
import os
import threading

import pytest

from fashion.service.refusals import Refusal
from fashion.service.worker import Worker
from mrcnn import process as processes


@pytest.fixture
def worker():
    """worker(load, most_waiting) -> a worker that has loaded."""
    made = []

    def make(load=lambda: 7, most_waiting=2):
        one = Worker("The model", load, most_waiting)
        made.append(one)
        one.start()
        while not one.is_ready:
            pass
        return one

    yield make
    assert all(one.stop(30) for one in made)


def test_work_is_done_by_one_thread_in_order(worker):
    one = worker(most_waiting=50)

    async def ask():
        return await asyncio.gather(
            *(one.submit(lambda owned, i=i: (owned, i, threading.get_ident())) for i in range(40))
        )

    done = asyncio.run(ask())
    assert [row[:2] for row in done] == [(7, i) for i in range(40)]
    assert len({row[2] for row in done}) == 1 and done[0][2] != threading.get_ident()


def test_a_full_queue_refuses_and_says_when_to_come_again(worker):
    one, began, go = worker(), threading.Event(), threading.Event()

    def block(owned):
        began.set()
        go.wait()
        return owned

    async def ask():
        futures = [one.submit(block)]
        while not began.is_set():
            await asyncio.sleep(0)
        futures += [one.submit(lambda owned: owned) for _ in range(2)]
        with pytest.raises(Refusal) as refused:
            one.submit(lambda owned: owned)
        go.set()
        return await asyncio.gather(*futures), refused.value

    done, refusal = asyncio.run(ask())
    assert done == [7, 7, 7]
    assert refusal.status == 503 and int(refusal.headers["Retry-After"]) >= 1


def test_work_that_nobody_waits_for_is_left_out(worker):
    one, began, go, ran = worker(), threading.Event(), threading.Event(), []

    def block(owned):
        began.set()
        go.wait()

    async def ask():
        first = one.submit(block)
        while not began.is_set():
            await asyncio.sleep(0)
        one.submit(lambda owned: ran.append("cancelled")).cancel()
        await asyncio.sleep(0)  # the loop passes it on
        last = one.submit(lambda owned: ran.append("last"))
        go.set()
        await asyncio.gather(first, last)

    asyncio.run(ask())
    assert ran == ["last"]


def test_an_error_reaches_whoever_asked_and_the_thread_lives_on(worker):
    one = worker()

    async def ask():
        with pytest.raises(ZeroDivisionError):
            await one.submit(lambda owned: owned / 0)
        return await one.submit(lambda owned: owned)

    assert asyncio.run(ask()) == 7


def test_a_stop_finishes_what_waits_and_refuses_the_rest():
    one, go, done = Worker("The model", lambda: 7, 9), threading.Event(), []
    one.start()
    while not one.is_ready:
        pass

    async def ask():
        futures = [one.submit(lambda owned: go.wait())]
        futures += [one.submit(lambda owned, i=i: done.append(i)) for i in range(3)]
        assert not one.stop(0)
        with pytest.raises(Refusal, match="stopped"):
            one.submit(lambda owned: owned)
        go.set()
        await asyncio.gather(*futures)

    asyncio.run(ask())
    assert done == [0, 1, 2] and one.stop(30)


def test_what_cannot_be_loaded_is_told_once():
    failed, told = threading.Event(), []

    def load():
        raise OSError("no such model")

    one = Worker("The model", load, 2)
    one.on_failure = lambda: (told.append(1), failed.set())
    one.start()
    assert failed.wait(30) and told == [1] and isinstance(one.error, OSError)
    assert not one.is_ready and one.stop(30)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_is_told_to_spawn(worker, monkeypatch):
    monkeypatch.setattr(processes, "_began", [])
    one, context = worker(), multiprocessing.get_context("fork")
    answers = context.Queue()

    def child():
        try:
            one.submit(lambda owned: owned)
            answers.put("nothing")
        except RuntimeError as error:
            answers.put(str(error))
        os._exit(0) if answers.close() or answers.join_thread() else None

    process = context.Process(target=child)
    process.start()
    answer = answers.get(timeout=60)
    process.join()
    assert 'get_context("spawn")' in answer
