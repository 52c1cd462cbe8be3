"""A process that is forked from one with a network."""

import multiprocessing
import os

import pytest

from mrcnn import process as processes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_is_told_at_once_what_to_do(monkeypatch):
    monkeypatch.setattr(processes, "_began", [])
    processes.check_process()
    processes.check_process()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def child():
        try:
            processes.check_process()
            answers.put("nothing")
        except RuntimeError as error:
            answers.put(str(error))

    process = context.Process(target=child)
    process.start()
    answer = answers.get(timeout=60)
    process.join()
    assert 'get_context("spawn")' in answer and "--preload" in answer


def test_a_process_in_which_nothing_was_built_yet_may_build(monkeypatch):
    monkeypatch.setattr(processes, "_began", [])
    processes.check_process()
    assert processes._began == [os.getpid()]
