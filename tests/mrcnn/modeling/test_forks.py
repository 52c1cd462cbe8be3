"""A process that is forked from one with a network."""

import multiprocessing
import os
import time

import pytest

from mrcnn.modeling import forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_is_told_at_once_what_to_do(monkeypatch):
    monkeypatch.setattr(forks, "_began", [])
    forks.check_process()
    forks.check_process()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def child():
        try:
            forks.check_process()
            answers.put("nothing")
        except RuntimeError as error:
            answers.put(str(error))

    began = time.monotonic()
    process = context.Process(target=child)
    process.start()
    answer = answers.get(timeout=10)
    process.join()
    assert (
        'get_context("spawn")' in answer and "--preload" in answer and time.monotonic() - began < 5
    )


def test_a_process_in_which_nothing_was_built_yet_may_build(monkeypatch):
    monkeypatch.setattr(forks, "_began", [])
    forks.check_process()
    assert forks._began == [os.getpid()]
