"""What built TF1 graphs is gone, and says what to use."""

import functools
import importlib

import pytest

from mrcnn import model
from mrcnn.legacy import graphs


@pytest.mark.parametrize("name", graphs.REPLACEMENTS)
def test_a_graph_function_names_its_replacement(name):
    with pytest.raises(NotImplementedError, match=rf"{name} .*Use {graphs.REPLACEMENTS[name]}\."):
        getattr(graphs, name)("whatever", it="was given")


@pytest.mark.parametrize("place", sorted(set(graphs.REPLACEMENTS.values())))
def test_the_replacement_exists(place):
    parts = place.split(".")
    module = next(
        ".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1) if _imports(".".join(parts[:n]))
    )
    assert callable(
        functools.reduce(
            getattr, place[len(module) + 1 :].split("."), importlib.import_module(module)
        )
    )


def test_only_names_that_were_there_can_be_looked_up():
    assert graphs.rpn_graph.__name__ == "rpn_graph" and not hasattr(graphs, "rpn_grap")
    assert set(graphs.ADVICE) <= set(graphs.REPLACEMENTS)


def test_the_front_door_has_every_name():
    from mrcnn.model import rpn_graph

    assert all(callable(getattr(model, name)) for name in graphs.REPLACEMENTS)
    assert rpn_graph.__name__ == "rpn_graph" and not hasattr(model, "rpn_grap")


def _imports(module):
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return True
