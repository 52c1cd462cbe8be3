"""Schedules: rates at single steps, by hand."""

import pytest

from mrcnn.training.schedules import Stage, WarmupSchedule


def rates(schedule, *steps):
    return [float(schedule(step)) for step in steps]


def test_the_rate_rises_linearly_and_stays():
    assert rates(WarmupSchedule(0.1, warmup=4, total=10), 0, 1, 3, 4, 9, 100) == pytest.approx(
        [0.025, 0.05, 0.1, 0.1, 0.1, 0.1]
    )


def test_without_warm_up_the_first_step_is_at_full_height():
    assert rates(WarmupSchedule(0.1, warmup=0, total=10), 0) == pytest.approx([0.1])


def test_a_cosine_ends_at_a_hundredth_and_is_halfway_in_the_middle():
    schedule = WarmupSchedule(1.0, warmup=10, total=30, shape="cosine")
    assert rates(schedule, 10, 20, 30, 31) == pytest.approx([1.0, 0.505, 0.01, 0.01])


def test_a_cosine_as_short_as_its_warm_up_is_finite():
    assert rates(WarmupSchedule(1.0, warmup=1, total=1, shape="cosine"), 0, 1) == pytest.approx(
        [1.0, 1.0]
    )


def test_its_config_makes_the_same_schedule():
    schedule = WarmupSchedule(0.3, warmup=2, total=7, shape="cosine")
    assert rates(WarmupSchedule(**schedule.get_config()), 0, 3, 6) == rates(schedule, 0, 3, 6)


def test_a_stage_is_made_again_from_its_values():
    stage = Stage("heads", "heads", 2, 1e-3)
    assert Stage(**vars(stage)) == stage
