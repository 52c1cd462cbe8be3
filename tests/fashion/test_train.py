"""Training: the verb from its arguments to a run folder, and the weights it starts from."""

import json
import os

import pytest

from fashion import train
from fashion.cli.run_to_resume import agreed_arguments, resumable_run
from fashion.cli.start_weights import convention_of, start_weights, unfitting_layers
from fashion.commands import train as command
from fashion.config import FashionConfig
from fashion.model import FashionModel
from mrcnn.config import Config
from mrcnn.modeling.build import build_detector
from mrcnn.training.checkpoints import read_state
from mrcnn.training.run_folder import RunFolder
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import save_weights, weight_layers


def words(settings):
    """A dict as --set arguments."""
    return [
        word for key, value in settings.items() for word in ("--set", f"{key}={json.dumps(value)}")
    ]


@pytest.fixture(scope="module")
def trained(uncompiled_module, sample_folder, tiny_settings, tmp_path_factory):
    """The run folder of one epoch, not compiled, with rebalancing."""
    out = tmp_path_factory.mktemp("runs")
    stages = [["heads", "heads", 1, 1e-3]]
    return train.main(
        [
            "--data",
            str(sample_folder),
            "--out",
            str(out),
            "--recipe",
            "smoke",
            "--weights",
            "none",
            "--rebalance",
            *words(tiny_settings | {"STAGES": stages, "EVALUATE_IMAGES": 2}),
        ]
    )


@pytest.mark.slow
def test_a_run_folder_holds_all_that_is_promised(trained, ontology, sample_folder):
    assert trained.path.name.startswith("smoke20")
    config = trained.read_config()
    assert (
        config["data"] == str(sample_folder.resolve())
        and config["rebalance"] == ["classes", "missed"]
        and config["recipe"] == "smoke"
    )
    assert config["split"]["kind"] == "val.csv" and read_metadata(trained.best)["split"] == config[
        "split"
    ] | {"held_out": None}
    assert all(
        (trained.path / name).stat().st_size
        for name in ("split.csv", "rebalance.csv", "rebalance.png")
    )
    assert config["stages"] == [
        {"name": "heads", "layers": "heads", "epochs": 1, "learning_rate": 0.001}
    ]
    assert config["versions"]["keras"] and config["config"]["NUM_CLASSES"] == ontology.num_classes
    (row,) = trained.read_history()
    assert {
        "loss",
        "mrcnn_attribute_loss",
        "val_loss",
        "val_mask_ap",
        "val_attribute_micro_f1",
    } <= set(row)
    assert (trained.pictures / "epoch_0001.jpg").exists() and any(
        trained.tensorboard.rglob("events*")
    )
    for path in (trained.best, trained.last):
        assert read_metadata(path)["ontology"] == json.loads(json.dumps(ontology.to_dict()))
    assert len(read_state(trained.last)["repeats"]) == 8


@pytest.mark.slow
def test_a_run_goes_on_with_its_data_and_settings(trained, monkeypatch):
    """Though they are not given again; a finished one whose page is missing gets its page."""
    asked = []
    open_files = command.open_files
    monkeypatch.setattr(
        command, "open_files", lambda data, **more: asked.append(data) or open_files(data, **more)
    )
    before, history = trained.read_config(), trained.read_history()
    (trained.path / "index.html").unlink()
    assert train.main(["--out", str(trained.path.parent), "--resume"]).path == trained.path
    assert (
        asked == [before["data"]]
        and trained.read_config() == before
        and trained.read_history() == history
    )
    assert (trained.path / "index.html").exists()


@pytest.mark.slow
def test_a_finished_run_is_told_at_once_with_its_page_and_the_next_command(
    trained, monkeypatch, capsys
):
    monkeypatch.setattr(command, "run", None)  # data, network and Keras are not needed
    for words in (["--resume"], ["--name", trained.path.name]):
        assert train.main(["--out", str(trained.path.parent), *words]).path == trained.path
        lines = capsys.readouterr().out.splitlines()
        assert f"{trained.path} is finished already: 1 epoch, mask AP " in lines[0]
        assert lines[1] == f"page of the run: {trained.path / 'index.html'}"
        assert lines[2].startswith(f"next: fashion evaluate --weights {trained.path} --data ")


@pytest.mark.slow
def test_a_name_that_holds_a_run_of_other_settings_is_refused(
    trained, sample_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(command, "run", None)
    for name in ("train.csv", "images"):
        (tmp_path / name).symlink_to(sample_folder / name)
    start = ["--out", str(trained.path.parent), "--name", trained.path.name]
    other = ["--weights", "imagenet", "--data", str(tmp_path)]
    with pytest.raises(ValueError, match="was started with") as error:
        train.main([*start, "--imgsz", "128", "--seed", "7", *other])
    told = str(error.value)
    assert "--weights none, not imagenet; " in told
    assert f"--data {trained.read_config()['data']}, not {tmp_path}; " in told
    assert "IMAGE_MAX_DIM 64, not 128" in told and "SEED 0, not 7" in told
    assert "RPN_ANCHOR_SCALES" in told and "STAGES" not in told and "NUM_CLASSES" not in told
    assert "--restart, or another --name" in told


@pytest.mark.slow
def test_a_run_does_not_go_on_as_another(trained):
    order = trained.read_config()
    assert agreed_arguments(
        trained, train.parse(["--resume", "--recipe", "smoke", "--rebalance", "--skip-bad"])
    ) == order | {"skip_bad": True}
    for words in (
        ["--recipe", "ccp"],
        ["--weights", "imagenet"],
        ["--stage", "heads"],
        ["--rebalance", "balanced"],
    ):
        with pytest.raises(
            ValueError, match=f"was started with {words[0]} .*, not {words[1]}\\. Leave"
        ):
            agreed_arguments(trained, train.parse(["--resume", *words]))


@pytest.mark.parametrize(("noted", "rules"), [(True, ["classes", "missed"]), (False, [])])
def test_a_run_from_when_rebalancing_was_yes_or_no_goes_on(tmp_path, noted, rules, ontology):
    run = RunFolder(tmp_path)
    run.write_config(
        {
            "recipe": "smoke",
            "stage": "all",
            "weights": "imagenet",
            "skip_bad": False,
            "rebalance": noted,
            "config": {},
            "ontology": ontology.to_dict(),
        }
    )
    assert (
        agreed_arguments(run, train.parse(["--resume"] + ["--rebalance"] * noted))["rebalance"]
        == rules
    )


@pytest.fixture
def begun(tmp_path, sample_folder, ontology, tiny_settings):
    """begun(**changes) -> the run folder of a training that was killed before its first checkpoint;
    with changes to its config.json.
    """

    def write(config=None, **changes):
        run = RunFolder(tmp_path / "runs" / "smoke2026")
        run.write_config(
            {
                "recipe": "smoke",
                "stage": "all",
                "weights": "none",
                "skip_bad": False,
                "data": str(sample_folder),
                "config": FashionConfig().to_dict() | tiny_settings | (config or {}),
                "ontology": ontology.to_dict(),
            }
            | changes
        )
        return run

    return write


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"recipe": -1}, "recipe is -1; expected one of"),
        ({"config": {"IMAGE_MAX_DIM": "64"}}, "config.IMAGE_MAX_DIM is .64.; expected"),
        ({"config": {"IMAGE_MAX_DIM": 100}}, "IMAGE_MAX_DIM must be a multiple of 64"),
        ({"stage": "body"}, "--stage must be 'all' or one of"),
        ({"config": {"BACKBONE": "resnet5"}}, "resnet5"),
        ({"data": "nowhere"}, "nowhere.*--data DIR"),
    ],
)
def test_what_is_wrong_in_a_run_that_goes_on_is_told_with_its_file(begun, changes, told):
    run = begun(**changes)
    before = run.config.read_bytes()
    with pytest.raises((ValueError, FileNotFoundError), match=f"config.json.*{told}") as error:
        train.main(["--out", str(run.path), "--resume"])
    assert "\n" not in str(error.value) and run.config.read_bytes() == before


def test_what_is_wrong_on_the_command_line_is_not_blamed_on_the_file(begun):
    with pytest.raises(ValueError, match="IMAGE_MAX_DIM must be a multiple of 64") as error:
        train.main(["--out", str(begun().path), "--resume", "--set", "IMAGE_MAX_DIM=100"])
    assert "config.json" not in str(error.value)


def test_weights_that_do_not_fit_any_more_are_told_with_the_settings_that_changed(
    tmp_path, tiny_model, begun
):
    run = begun()
    save_weights(tiny_model.detector, run.last, metadata=tiny_model.metadata())
    changed = command.recipe_config(
        "smoke", tiny_model.ontology, tiny_model.config.to_dict() | {"RPN_CHANNELS": 24}
    )
    with (
        pytest.raises(
            ValueError,
            match="rpn does not fit. Settings that have changed since last.h5 was saved: "
            r"RPN_CHANNELS was 16 and is 24 \(.*config.json, or --set\)",
        ),
        command.explaining_changed_settings(run, changed),
    ):
        raise ValueError("rpn does not fit.")
    with (
        pytest.raises(ValueError, match="^something else$"),
        command.explaining_changed_settings(run, tiny_model.config),
    ):
        raise ValueError("something else")


def test_what_a_split_holds_out_can_be_seen_without_a_training(sample_folder, tmp_path, capsys):
    assert (
        train.main(
            [
                "--data",
                str(sample_folder),
                "--out",
                str(tmp_path / "runs"),
                "--fold",
                "1/4",
                "--show-split",
            ]
        )
        is None
    )
    printed = capsys.readouterr().out
    assert (
        "2 of 8 images held out (25.0%)" in printed
        and "kind " in printed
        and not (tmp_path / "runs").exists()
    )


@pytest.mark.slow
def test_a_file_of_matterports_starts_all_that_has_the_same_shape(
    tiny_model, tiny_settings, tmp_path
):
    """COCO's 81 classes are not ours: the layers that depend on them start anew, and boxes are
    measured as its heads learned to.
    """
    coco = build_detector(
        Config.from_dict(tiny_settings | {"NUM_CLASSES": 81, "ROI_ALIGN": "corners"})
    )
    coco.save_weights(tmp_path / "mask_rcnn_coco.h5")
    assert (
        convention_of(str(tmp_path / "mask_rcnn_coco.h5")) == {"ROI_ALIGN": "corners"}
        and convention_of("imagenet") == {}
    )
    left_out = unfitting_layers(tiny_model, tmp_path / "mask_rcnn_coco.h5", {})
    assert sorted(left_out) == ["mrcnn_bbox_fc", "mrcnn_class_logits", "mrcnn_mask"]


@pytest.mark.slow
def test_settings_that_do_not_fit_the_old_state_are_not_noted(trained):
    before = trained.read_config()
    longer = 'STAGES=[["heads","heads",2,0.001]]'
    with pytest.raises(ValueError, match="another optimizer"):
        train.main(
            ["--out", str(trained.path), "--resume", "--set", "OPTIMIZER=sgd", "--set", longer]
        )
    assert trained.read_config() == before


def test_a_learning_rate_that_would_change_nothing_is_refused():
    with pytest.raises(ValueError, match="a learning rate for each of its stages"):
        train.parse(["--set", "LEARNING_RATE=0.1"])
    with pytest.raises(ValueError, match="BATCH_SIZE follows from other settings"):
        train.parse(["--set", "BATCH_SIZE=4"])


def test_settings_of_the_command_line_reach_the_config(ontology):
    args = train.parse(
        [
            "--recipe",
            "ccp",
            "--set",
            "IMAGES_PER_GPU=3",
            "--set",
            "LR_SCHEDULE=constant",
            "--set",
            "NUM_CLASSES=5",
        ]
    )
    config = command.recipe_config(args.recipe, ontology, dict(args.set))
    assert (config.IMAGES_PER_GPU, config.LR_SCHEDULE, config.NAME) == (3, "constant", "ccp")
    assert config.NUM_CLASSES == ontology.num_classes  # the data decide


def test_stages_are_chosen_by_name():
    config = FashionConfig()
    assert [s.name for s in command.chosen_stages(config, "all")] == ["heads", "all"]
    assert [s.name for s in command.chosen_stages(config, "heads")] == ["heads"]
    with pytest.raises(ValueError, match="--stage must be 'all' or one of heads, all. Got 'body'"):
        command.chosen_stages(config, "body")


def test_the_newest_run_is_resumed_whatever_its_name(tmp_path):
    for age, name in enumerate(["ccp20260301T000000", "zzz20250101T000000", "aaa20240101T000000"]):
        run = RunFolder(tmp_path / name)
        run.write_config({})
        os.utime(run.config, (1e9 - age, 1e9 - age))
    assert (
        resumable_run(tmp_path).path.name == "ccp20260301T000000"
    )  # killed before its first checkpoint
    assert resumable_run(tmp_path / "zzz20250101T000000").path.name == "zzz20250101T000000"
    (tmp_path / "aaa20240101T000000" / "last.h5").touch()
    assert resumable_run(tmp_path).path.name == "aaa20240101T000000"


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run to resume"):
        resumable_run(tmp_path)


@pytest.mark.slow
def test_a_checkpoint_of_other_labels_gives_all_but_the_last_layers(
    tiny_model, tiny_run, ontology, tiny_settings
):
    assert (
        unfitting_layers(tiny_model, "a.npz", tiny_model.metadata())
        == unfitting_layers(tiny_model, "a.npz", {})
        == []
    )
    path, others = tiny_run / "best.h5", tiny_model.metadata() | {"ontology": {"categories": []}}
    of_labels = {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask", "mrcnn_attribute_logits"}
    assert set(unfitting_layers(tiny_model, path, others)) == of_labels

    attentive = {"ATTRIBUTE_HEAD": "attention", "ATTRIBUTE_CHANNELS": 8}
    model = FashionModel(
        command.recipe_config("smoke", ontology, tiny_settings | attentive), ontology
    )
    save_weights(model.detector, tiny_run.parent / "attentive.h5", metadata=model.metadata())
    own = model.metadata()
    assert unfitting_layers(model, tiny_run.parent / "attentive.h5", own) == []
    assert set(
        unfitting_layers(model, tiny_run.parent / "attentive.h5", own | {"ontology": {}})
    ) == of_labels | {"mrcnn_attribute_query"}  # a query for each super-category
    mlp = {
        "ATTRIBUTE_HEAD": "mlp",
        "ATTRIBUTE_HIDDEN": tiny_model.config.FPN_CLASSIF_FC_LAYERS_SIZE,
    }
    model = FashionModel(command.recipe_config("smoke", ontology, tiny_settings | mlp), ontology)
    assert set(unfitting_layers(model, path, others)) == of_labels | {
        "mrcnn_attribute_fc1",
        "mrcnn_attribute_fc2",
    }


@pytest.mark.slow
def test_a_checkpoint_of_another_recipe_is_told_by_its_name(
    tiny_model, tiny_run, ontology, tiny_settings
):
    other = FashionModel(
        command.recipe_config("ccp", ontology, tiny_settings | {"RPN_CHANNELS": 24}), ontology
    )
    with pytest.raises(
        ValueError,
        match="On the command line: --exclude 'rpn_.*'. It was trained by the recipe 'smoke', "
        "and the "
        "recipe now is 'ccp'",
    ):
        start_weights(other, str(tiny_run))
    start_weights(tiny_model, str(tiny_run))


@pytest.mark.slow
def test_a_head_of_another_form_and_layers_that_are_excluded_start_anew(
    tiny_run, ontology, tiny_settings, tiny_model
):
    """A box head as wide as the hidden layers, so that the shapes of the logits agree, and yet they
    mean something else.
    """
    mlp = {
        "ATTRIBUTE_HEAD": "mlp",
        "ATTRIBUTE_HIDDEN": tiny_model.config.FPN_CLASSIF_FC_LAYERS_SIZE,
    }
    other = FashionModel(command.recipe_config("smoke", ontology, tiny_settings | mlp), ontology)
    layers, trained = (weight_layers(model.detector) for model in (other, tiny_model))
    assert (
        layers["mrcnn_attribute_logits"].kernel.shape
        == trained["mrcnn_attribute_logits"].kernel.shape
    )
    left_out = unfitting_layers(other, tiny_run / "best.h5", tiny_model.metadata())
    assert sorted(left_out) == [
        "mrcnn_attribute_fc1",
        "mrcnn_attribute_fc2",
        "mrcnn_attribute_logits",
    ]

    def same(layer, others):
        return all((a == b).all() for a, b in zip(layers[layer].get_weights(), others))

    before = {name: layers[name].get_weights() for name in ("mrcnn_attribute_logits", "mrcnn_mask")}
    start_weights(other, str(tiny_run), exclude="mrcnn_mask")
    assert all(same(name, arrays) for name, arrays in before.items())
    start_weights(other, str(tiny_run))
    assert same("mrcnn_mask", trained["mrcnn_mask"].get_weights()) and same(
        "mrcnn_attribute_logits", before["mrcnn_attribute_logits"]
    )
    with pytest.raises(
        ValueError, match="--exclude attribute matches no layer; it must match a whole name"
    ):
        start_weights(other, str(tiny_run), exclude="attribute")
    with pytest.raises(ValueError, match="is not a regular expression"):
        train.parse(["--exclude", "["])


def test_every_setting_can_be_listed(capsys):
    with pytest.raises(SystemExit) as done:
        train.parse(["--list-settings", "--recipe", "ccp"])
    assert done.value.code == 0 and "IMAGE_MAX_DIM                  384" in capsys.readouterr().out


def test_the_command_that_started_a_run_stays_and_those_that_resumed_it_are_added(monkeypatch):
    monkeypatch.setattr("sys.argv", ["train", "--resume"])
    started = {"command": ["train", "--data", "photos"]}
    once = command._noted_commands(started, resumes=True)
    assert once == started | {"resume_commands": [["train", "--resume"]], "ended": None}
    twice = command._noted_commands(once, resumes=True)
    assert twice["command"] == started["command"] and len(twice["resume_commands"]) == 2
    again = command._noted_commands(once, resumes=False)  # --restart
    assert again["command"] == ["train", "--resume"] and again["resume_commands"] == []
