import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

from mrcnn.data.augmentation.per_thread import CopyPerThread


def test_a_thread_gets_one_copy_and_another_thread_another():
    thing = {"drawn": [1]}
    copies = CopyPerThread(thing)
    here = copies.get()
    here["drawn"].append(2)
    assert copies.get() is here and thing == {"drawn": [1]}
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(copies.get).result()
    assert there == {"drawn": [1]} and there is not thing


def test_pickled_and_copied_it_is_the_thing_without_what_threads_did_to_their_copies():
    thing = {"drawn": [1]}
    copies = CopyPerThread(thing)
    copies.get()["drawn"].append(2)
    for other in (pickle.loads(pickle.dumps(copies)), copy.deepcopy(copies)):
        assert other.get() == {"drawn": [1]}


def test_who_holds_the_thing_as_well_still_does_after_pickling():
    """Its size in the file is that of one thing."""
    thing = [0.5] * 1000
    assert len(pickle.dumps((thing, CopyPerThread(thing)))) < 1.1 * len(pickle.dumps(thing))
