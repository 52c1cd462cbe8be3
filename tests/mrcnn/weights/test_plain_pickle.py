"""PlainUnpickler: data come out, nothing is run, and no opcode takes more than the file has."""

import io
import os
import pickle
import random
from collections import OrderedDict

import numpy as np
import pytest

from mrcnn.weights.plain_pickle import Call, PlainUnpickler

ARRAY = [
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray._reconstruct",
    "numpy.ndarray",
    "numpy.dtype",
    "numpy._core.numeric._frombuffer",
    "numpy.core.numeric._frombuffer",
]


def load(data, known=()):
    return PlainUnpickler(io.BytesIO(data), known).load()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_containers_texts_and_numbers_come_out_as_they_were(protocol):
    content = {
        "a": [1, -2.5, True, None, (1, (2, "ü")), b"\x00\xff", b""],
        7: {"x": 2**80},
        "o": OrderedDict(b=1, a=2),
    }
    found = load(pickle.dumps(content, protocol))
    assert found == content and list(found["o"]) == ["b", "a"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_known_call_is_written_down_and_not_run(protocol):
    call = load(pickle.dumps(np.arange(3), protocol), ARRAY)
    assert isinstance(call, Call) and call.name in ARRAY


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'echo hello'\ntR.",
        b"(S'echo hello'\nios\nsystem\n.",
        b"(cos\nsystem\nS'echo hello'\no.",
        b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85\x81.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01a\x85R.",
    ],
)
def test_a_call_of_anything_else_is_refused(data, monkeypatch):
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    with pytest.raises(ValueError, match="it asks for os.system|damaged"):
        load(data)
    assert not ran


@pytest.mark.parametrize(
    "data",
    [
        b"\x96" + bytes([0, 0, 0, 0, 8, 0, 0, 0]) + b"abc.",  # a bytearray of 32 GB
        b"\x8e" + bytes([0, 0, 0, 0, 8, 0, 0, 0]) + b"abc.",  # bytes of 32 GB
        b"\x95" + bytes([255] * 7 + [127]) + b"N.",  # a frame
        b"Nr\xff\xff\xff\xffN.",  # position 4,294,967,295 of the memo
    ],
)
def test_sizes_and_positions_take_no_memory(data):
    try:
        assert load(data) in (None, b"", b"abc.")
    except ValueError as error:
        assert "damaged" in str(error)


@pytest.mark.slow
def test_a_key_nested_a_million_times_is_refused_before_it_is_hashed():
    """Python's hash of a tuple has no limit of depth, and the stack of a process has."""
    for setting in (
        b"}" + b")" + b"\x85" * 1_000_000 + b"Ns.",
        b"(" + b")" + b"\x85" * 1_000_000 + b"Nd.",
    ):
        with pytest.raises(ValueError, match="keys are neither text nor numbers"):
            load(b"\x80\x02" + setting)


def test_attributes_of_functions_cannot_be_set():
    """Otherwise a file could change what later files are read with."""
    data = b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb."
    with pytest.raises(ValueError, match="changes something that is not an array"):
        load(data, ARRAY)


def test_mutations_raise_value_error_or_give_data():
    rng = random.Random(0)
    sound = pickle.dumps({"model": {"a": np.zeros((2, 3), "f4")}, "cfg": [1, {"x": 2}]}, protocol=4)
    for _ in range(400):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            load(bytes(data), ARRAY)
        except ValueError:
            pass
