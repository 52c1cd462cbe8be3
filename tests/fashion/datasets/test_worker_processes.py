import math
import os

import pytest

from fashion.datasets.worker_processes import in_order


def test_one_worker_is_this_process_and_takes_a_task_when_its_result_is_wanted():
    started = []
    results = in_order(lambda task: started.append(task) or task + 1, range(5), workers=1)
    assert next(results) == 1 and started == [0]
    assert list(results) == [2, 3, 4, 5]


def test_results_come_in_the_order_of_the_tasks():
    assert list(in_order(math.sqrt, [n * n for n in range(100)], workers=2)) == list(range(100))


def test_what_a_task_raises_is_raised_in_its_turn():
    results = in_order(math.sqrt, [4, -1, 9], workers=2)
    assert next(results) == 2
    with pytest.raises(ValueError):
        next(results)


def test_a_process_that_is_killed_is_told():
    with pytest.raises(OSError, match="fewer --workers"):
        list(in_order(os._exit, [9], workers=2))
