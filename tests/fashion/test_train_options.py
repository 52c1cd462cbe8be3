"""Options of `train`: named runs, a part of the data, augmentation in a file, COCO weights."""

import hashlib
import http.server
import json
import threading
from pathlib import Path

import pytest

from fashion import train
from fashion.cli.start_weights import coco_weights, convention_of
from fashion.commands.train import limited, open_data, recipe_for
from mrcnn.weights import published
from mrcnn.weights.download import DownloadError
from mrcnn.weights.h5_files import read_metadata

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(uncompiled_module, undrawn_module, sample_folder, tiny_settings, tmp_path_factory):
    """command(*words): runs `train` on five images; one epoch of one stage."""
    out = tmp_path_factory.mktemp("runs")
    settings = tiny_settings | {"EVALUATE_IMAGES": 2}
    settings.pop("STEPS_PER_EPOCH", None)
    words = ["--recipe", "smoke", "--data", str(sample_folder), "--weights", "none"]
    for name, value in settings.items():
        words += ["--set", f"{name}={json.dumps(value)}"]

    def run(*more):
        return train.main([*words, "--out", str(out), "--limit", "5", "--epochs", "1", *more])

    return run


@pytest.fixture(scope="module")
def named(command, tmp_path_factory):
    """A run with a name and an augmentation of its own."""
    path = tmp_path_factory.mktemp("augmentation") / "flips.yaml"
    path.write_text("imgaug:\n- Fliplr: 0.5\n")
    words = ["--name", "first", "--stage", "all", "--augment", str(path), "--ema", "0.5"]
    words += ["--keep", "1", "--patience", "3"]
    return command(*words), words


def test_a_run_has_the_name_the_images_and_the_files_that_are_asked_for(named):
    run, _ = named
    assert run.path.name == "first" and list(run.kept_checkpoints()) == [1]
    noted = run.read_config()
    assert (noted["limit"], noted["patience"], noted["keep"]) == (5, 3, 1)
    assert noted["augmentation"] == {"imgaug": [{"Fliplr": 0.5}]}
    assert noted["config"]["EMA_MOMENTUM"] == 0.5 and noted["config"]["STEPS_PER_EPOCH"] is None
    (row,) = run.read_history()
    assert {"lr", "epoch_seconds", "val_mask_ap"} <= set(row)
    assert "ema_val_mask_ap" not in row  # of two batches no more than the last one is averaged
    assert noted["ended"] == "all epochs" and noted["resume_commands"] == []


def test_the_same_command_resumes_and_restart_starts_over(named, command, capsys):
    run, words = named
    before = run.last.stat().st_mtime_ns
    assert command(*words).path == run.path
    assert "is finished already: 1 epoch" in capsys.readouterr().out
    assert run.last.stat().st_mtime_ns == before
    assert run.read_config()["resume_commands"] == []  # there was nothing to do
    with pytest.raises(ValueError, match="started with --limit 5, not 4"):
        command(*words, "--limit", "4")
    with pytest.raises(ValueError, match="started with another --augment\\."):
        other = run.path / "other.yaml"
        other.write_text("imgaug:\n- Fliplr: 1\n")
        command(*words, "--augment", str(other))
    (run.path / "notes.txt").write_text("mine")
    assert command(*words, "--restart").path == run.path
    assert run.last.stat().st_mtime_ns > before and (run.path / "notes.txt").exists()
    printed = capsys.readouterr().out
    assert "smoke (as asked)" in printed
    assert "5 images; " in printed and "images seen" in printed
    assert "next: fashion evaluate --weights" in printed


def test_the_checkpoint_of_a_part_of_the_data_names_its_split(named):
    run, _ = named
    assert read_metadata(run.best)["split"]["kind"] == "val.csv"


def test_a_part_of_a_data_set_depends_on_the_seed_alone(sample_folder):
    from fashion.datasets.files import find_data
    from fashion.datasets.splits import load_train_and_val

    dataset, _ = load_train_and_val(find_data(sample_folder))

    def names(limit, seed):
        return [info["id"] for info in limited(dataset, limit, seed).image_info]

    assert names(3, 0) == names(3, 0) and len(names(3, 0)) == 3
    assert len({tuple(names(3, seed)) for seed in range(8)}) > 1
    assert set(names(2, 1)) < set(names(3, 1))
    assert limited(dataset, None, 0) is dataset is limited(dataset, 1000, 0)


@pytest.mark.parametrize(
    ("words", "opened"),
    [
        ("", ("old", "old/images", None)),
        ("--data {data} --val {data}/val.csv", ("{data}", None, "{data}/val.csv")),
        ("--images .", ("old", ".", None)),
    ],
)
def test_data_are_those_of_the_command_line_or_of_the_run(
    monkeypatch, sample_folder, words, opened
):
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(
        "fashion.commands.train.open_files",
        lambda data, images, val: tuple(None if p is None else str(p) for p in (data, images, val)),
    )
    noted = {"data": "old", "images": "old/images", "val": None}
    opened = tuple(name and name.format(data=sample_folder) for name in opened)
    words = words.format(data=sample_folder).split()
    assert open_data(train.parse(words), noted, None) == opened


@pytest.mark.parametrize(("gpu", "recipe"), [(True, "baseline"), (False, "ccp")])
def test_the_recipe_follows_data_and_device(monkeypatch, gpu, recipe):
    monkeypatch.setattr("fashion.commands.train.has_gpu", lambda: gpu)
    assert recipe_for("folder")[0] == recipe and recipe_for(None)[0] == "smoke"


@pytest.fixture
def coco_server(monkeypatch, tmp_path):
    """A server with a file that has the signature of HDF5; what was asked for."""
    body = b"\x89HDF\r\n\x1a\n" + bytes(1000)
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    url = f"http://127.0.0.1:{server.server_port}/mask_rcnn_coco.h5"
    monkeypatch.setattr(published, "COCO_MODEL_URL", url)
    monkeypatch.setattr(published, "COCO_MODEL_SIZE", len(body))
    monkeypatch.setattr(published, "COCO_MODEL_MD5", hashlib.md5(body).hexdigest())
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_coco_weights_are_downloaded_once(coco_server, tmp_path):
    path = tmp_path / "models" / "mask_rcnn_coco.h5"
    assert coco_weights("resnet101") == coco_weights("resnet50") == str(path)
    assert path.read_bytes()[:4] == b"\x89HDF" and coco_server == ["/mask_rcnn_coco.h5"]
    assert convention_of("coco") == {"ROI_ALIGN": "corners"}


def test_coco_weights_need_a_resnet_and_a_network(coco_server, monkeypatch):
    with pytest.raises(ValueError, match="weights of a ResNet-101, and the backbone is effic"):
        coco_weights("efficientnet_lite0")
    monkeypatch.setattr(published, "COCO_MODEL_URL", "http://127.0.0.1:9/mask_rcnn_coco.h5")
    with pytest.raises(DownloadError, match="start with --weights imagenet, or give a copy"):
        coco_weights()
