"""Bars that continue where an earlier process was."""

import io

from tqdm import tqdm

from mrcnn.training.progress import set_forward


def test_a_bar_set_forward_expects_what_this_process_needs():
    """30 of 100 were done earlier; 7 more took 7 seconds: 63 are left, of a second each."""
    clock = [0.0]
    with tqdm(total=100, file=io.StringIO(), mininterval=0, miniters=1) as bar:
        bar._time, bar.start_t, bar.last_print_t = lambda: clock[0], 0.0, 0.0
        set_forward(bar, 30)
        for _ in range(7):
            clock[0] += 1
            bar.update()
        assert "37/100 [00:07<01:03,  1.00it/s]" in str(bar)
