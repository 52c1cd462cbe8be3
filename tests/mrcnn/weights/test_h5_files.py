"""Files of unknown origin: what damages a process ends a child, the rest is told, and nothing
outside the file is read."""

import os
import random
import subprocess
import sys

import h5py
import numpy as np
import pytest

from mrcnn.training.checkpoints import read_state
from mrcnn.weights import h5_files
from mrcnn.weights.h5_files import arrays, json_of, open_h5, read_metadata, reading, trust
from mrcnn.weights.layer_files import convention_in, layers_in, read_h5

LAYERS = {
    "conv1": ["conv1/kernel:0", "conv1/bias:0"],
    "bn": ["bn/gamma:0", "bn/beta:0"],
    "relu": [],
}


@pytest.fixture
def path(tmp_path):
    """A small file as `save_checkpoint` writes it."""
    path = tmp_path / "small.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in LAYERS])
        file.attrs["metadata"], file.attrs["roi_align"] = '{"config": {"NAME": "small"}}', "aligned"
        for name, weights in LAYERS.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array(
                [key.encode() for key in weights], dtype=None if weights else "S1"
            )
            for key in weights:
                group[key] = np.ones((3, 3, 4) if "kernel" in key else 4, np.float32)
        state = file.create_group("training_state")
        state.attrs["state"], state["00000"] = (
            '{"epoch": 1, "history": [{"epoch": 1}]}',
            np.float32(3),
        )
    return path


def changed(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


@pytest.fixture
def children(monkeypatch):
    """The files that children were started for."""
    started, run = [], subprocess.run

    def noted(command, **options):
        started.append(os.path.basename(command[-1]))
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", noted)
    return started


def test_a_file_is_tried_once_and_again_when_it_has_changed(path, children):
    for read in (layers_in, read_metadata, convention_in, read_h5, read_state):
        read(path)
    assert children == ["small.h5"]
    changed(path, lambda file: file.attrs.update(more=1))
    os.utime(path, ns=(1, 1))
    assert layers_in(path) == list(LAYERS) and children == ["small.h5"] * 2


def test_a_file_that_this_process_wrote_is_not_tried(path, children):
    trust(path)
    assert layers_in(path) == list(LAYERS) and not children


def test_a_file_that_ends_the_process_that_reads_it_is_refused(path, monkeypatch, tmp_path):
    program = tmp_path / "crash.py"
    program.write_text(
        "import os, signal; print('begun', flush=True); os.kill(os.getpid(), signal.SIGSEGV)"
    )
    monkeypatch.setattr(h5_files, "__file__", str(program))
    for _ in range(2):
        with pytest.raises(
            ValueError,
            match="small.h5 is not a readable .h5 weight file .reading it ends the process",
        ):
            open_h5(path)


def test_a_file_that_is_read_for_ever_is_refused(path, monkeypatch, tmp_path):
    program = tmp_path / "sleep.py"
    program.write_text("import time; print('begun', flush=True); time.sleep(99)")
    monkeypatch.setattr(h5_files, "__file__", str(program))
    monkeypatch.setattr(h5_files, "_SECONDS", 0.5)
    with pytest.raises(ValueError, match="small.h5 .*takes more than"):
        open_h5(path)


@pytest.mark.parametrize("where", ["executable", "broken"])
def test_where_no_child_can_be_started_the_file_is_opened(path, monkeypatch, where, tmp_path):
    if where == "executable":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    else:
        (tmp_path / "broken.py").write_text("raise ImportError")
        monkeypatch.setattr(h5_files, "__file__", str(tmp_path / "broken.py"))
    assert layers_in(path) == list(LAYERS)


def outside(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel:0"] = np.ones(4, np.float32)
    (tmp_path / "secret.bin").write_bytes(bytes(16))


def replace(key, make):
    def change(file):
        del file[key]
        make(file, key)

    return change


KERNEL = "conv1/conv1/kernel:0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            replace(
                KERNEL, lambda f, k: f.__setitem__(k, h5py.ExternalLink("secret.h5", "kernel:0"))
            ),
            "is a link",
        ),
        (
            replace(KERNEL, lambda f, k: f.__setitem__(k, h5py.SoftLink("/bn/bn/beta:0"))),
            "is a link",
        ),
        (
            replace("conv1", lambda f, k: f.__setitem__(k, h5py.ExternalLink("secret.h5", "/"))),
            "is a link",
        ),
        (
            replace(
                KERNEL,
                lambda f, k: f.create_dataset(k, (4,), "f4", external=[("secret.bin", 0, 16)]),
            ),
            "kept in another file",
        ),
        (
            replace(
                KERNEL, lambda f, k: f.create_virtual_dataset(k, h5py.VirtualLayout((4,), "f4"))
            ),
            "kept in another file",
        ),
        (
            replace(KERNEL, lambda f, k: f.create_dataset(k, (2**40,), "f4", chunks=(1024,))),
            "which no weights have",
        ),
        (
            replace(KERNEL, lambda f, k: f.create_dataset(k, (2**27,), "f4", chunks=(1024,))),
            "has no data",
        ),
        (replace(KERNEL, lambda f, k: f.create_dataset(k, data=["text"])), "not numbers"),
        (
            replace(KERNEL, lambda f, k: f.create_dataset(k, data=np.zeros(3, [("a", "f4")]))),
            "not numbers",
        ),
        (
            replace(KERNEL, lambda f, k: f.create_dataset(k, data=h5py.Empty("f4"))),
            "is not an array",
        ),
        (replace(KERNEL, lambda f, k: f.create_group(k)), "not an array"),
        (replace(KERNEL, lambda f, k: None), "lists 'conv1/kernel:0', but has no such entry"),
        (replace("conv1", lambda f, k: None), "lists 'conv1', but has no such entry"),
        (replace("conv1", lambda f, k: f.__setitem__(k, 1.0)), "is not a group"),
        (lambda f: f.attrs.__setitem__("layer_names", [1, 2]), "something else than names"),
        (lambda f: f.attrs.__setitem__("layer_names", 3.0), "is invalid"),
        (lambda f: f.attrs.__setitem__("layer_names", [b"\xff"]), "is invalid"),
        (lambda f: f.attrs.__setitem__("layer_names", [b"../conv1"]), "not a name"),
        (
            lambda f: f["conv1"].attrs.__setitem__("weight_names", [b"/bn/bn/beta:0"]),
            "is not a name",
        ),
    ],
)
def test_what_is_no_array_of_numbers_in_the_file_itself_is_named(
    path, tmp_path, monkeypatch, change, told
):
    outside(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"small.h5 is not a readable .h5 weight file .*{told}"):
        read_h5(changed(path, change))


@pytest.mark.parametrize("value", ["{", "[1]", "[" * 50_000, 3.0, h5py.Empty("S1"), [b"a", b"b"]])
def test_metadata_and_state_that_are_no_object_are_told(path, value):
    changed(
        path,
        lambda file: (
            file.attrs.__setitem__("metadata", value),
            file["training_state"].attrs.__setitem__("state", value),
        ),
    )
    for read in (read_metadata, read_state):
        with pytest.raises(ValueError, match="small.h5 is not a readable .*(JSON|object|damaged)"):
            read(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "state",
    [
        '{"epoch": "1"}',
        '{"epoch": -1}',
        '{"history": 3}',
        '{"history": [1]}',
        '{"stage": 1.5}',
        '{"repeats": [1, "a"]}',
        '{"best": []}',
        '{"learning_rate": "x"}',
    ],
)
def test_a_state_that_no_training_wrote_is_told(path, state):
    changed(path, lambda file: file["training_state"].attrs.__setitem__("state", state))
    with pytest.raises(ValueError, match="small.h5 .*training state"):
        read_state(path)


def test_lists_that_keras_keeps_in_pieces_are_read(path):
    def split(file):
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [b"conv1"], [b"bn", b"relu"]

    assert layers_in(changed(path, split)) == list(LAYERS)


MUTATIONS = int(os.environ.get("H5_MUTATIONS", 40))  # 500 take about a minute


@pytest.mark.slow
def test_a_file_with_any_bytes_changed_is_read_or_refused(path, monkeypatch):
    """In one process, which has to survive."""
    monkeypatch.setattr(h5_files, "_SECONDS", 20)  # some make HDF5 read for ever
    rng, sound, results = random.Random(2), path.read_bytes(), {True: 0, False: 0}
    for _ in range(MUTATIONS):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            with reading(path) as file:
                arrays(file)
                json_of(file, "metadata", "{}")
            read_state(path)
            results[True] += 1
        except ValueError as error:
            assert "small.h5" in str(error)
            results[False] += 1
    assert all(results.values())
