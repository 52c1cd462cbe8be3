"""The search space: what is written, what is meant, and all combinations of it."""

import json

import pytest

from fashion.hyperparameters.space_reader import read_space


def one(text):
    (parameter,) = read_space([text]).parameters
    return parameter


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("batch=2,4,8", [2, 4, 8]),
        ("lr=1e-4,0.001", [1e-4, 1e-3]),
        ("optimizer=sgd, adamw", ["sgd", "adamw"]),
        ("SCALE_JITTER=[0.5,2],null", ["[0.5,2]", "null"]),
        ('loss_weights=ones,{"a":1,"b":2}', ["ones", '{"a":1,"b":2}']),
        ("weights=C:/a.h5,none", ["C:/a.h5", "none"]),
        ("lr=log:1e-4:1e-2:3", [1e-4, 1e-3, 1e-2]),
        ("hidden=logint:64:1024:5", [64, 128, 256, 512, 1024]),
        ("epochs=int:2:7:2", [2, 4, 6]),
        ("epochs=int:2:4", [2, 3, 4]),
        ("momentum=float:0.8:0.95:0.05", [0.8, 0.85, 0.9, 0.95]),
    ],
)
def test_a_grid_has_the_values_that_are_written(text, values):
    assert one(text).grid() == values


@pytest.mark.parametrize(
    "line",
    [
        "lr=log:1e-05:0.01",
        "batch=2,4",
        "a=float:0:1:0.25",
        "b=int:1:9:2",
        "c=logint:4:64:3",
        "d=1,2 if batch=2,4",
    ],
)
def test_a_parameter_is_written_as_it_is_read(line):
    assert line in read_space(["batch=2,4", line] if line[:5] != "batch" else [line]).lines()


@pytest.mark.parametrize(
    ("text", "value", "inside"),
    [
        ("lr=log:1e-5:1e-2", 1e-5, True),
        ("lr=log:1e-5:1e-2", 0.02, False),
        ("lr=log:1e-5:1e-2", "none", False),
        ("a=float:0:1:0.1", 0.3, True),
        ("a=float:0:1:0.1", 0.35, False),
        ("b=int:1:9:2", 3, True),
        ("b=int:1:9:2", 4, False),
        ("b=int:1:9", 4.5, False),
        ("batch=2,4", 4, True),
        ("batch=2,4", 3, False),
        ("batch=2,4", True, False),
    ],
)
def test_what_lies_in_a_parameter(text, value, inside):
    assert one(text).contains(value) == inside


def test_a_condition_leaves_combinations_out():
    space = read_space(["decay=0.1,0.2 if optimizer=adamw", "optimizer=sgd,adamw", "batch=2,4"])
    assert space.names == ["optimizer", "decay", "batch"]  # behind what its condition names
    points = space.grid()
    assert len(points) == 2 + 2 * 2  # sgd x batch, adamw x decay x batch
    assert points[0] == {"optimizer": "sgd", "batch": 2}
    assert points[-1] == {"optimizer": "adamw", "decay": 0.2, "batch": 4}
    assert all(space.holds(point) for point in points)
    assert not space.holds({"optimizer": "sgd", "decay": 0.1, "batch": 2})
    assert not space.holds({"optimizer": "adamw", "batch": 2})


def test_conditions_follow_conditions_and_may_be_several():
    space = read_space(["a=1,2", "b=1,2 if a=2", "c=5,6 if b=1,2 and a=2"])
    assert space.grid() == [
        {"a": 1},
        {"a": 2, "b": 1, "c": 5},
        {"a": 2, "b": 1, "c": 6},
        {"a": 2, "b": 2, "c": 5},
        {"a": 2, "b": 2, "c": 6},
    ]
    assert space.parameters[2].condition == {"b": (1, 2), "a": (2,)}


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_file_says_the_same_as_the_command_line(kind, tmp_path):
    path = tmp_path / f"space.{kind}"
    if kind == "json":
        content = {
            "lr": "log:1e-5:1e-2",
            "batch": [2, 4],
            "optimizer": {"values": ["sgd", "adamw"]},
            "decay": {"type": "log", "low": 1e-5, "high": 1e-2, "if": {"optimizer": "adamw"}},
            "momentum": {"values": [0.8, 0.9], "if": {"optimizer": ["sgd"]}},
            "MIXED": [True, None, [1, 2]],
        }
        path.write_text(json.dumps(content))
    else:
        path.write_text(
            "lr: log:1e-5:1e-2\nbatch: [2, 4]\noptimizer: {values: [sgd, adamw]}\n"
            "decay: {type: log, low: 1e-5, high: 1e-2, if: {optimizer: adamw}}\n"
            "momentum: 0.8,0.9 if optimizer=sgd\nMIXED: [true, null, [1, 2]]\n"
        )
    written = [
        *("lr=log:1e-5:1e-2", "batch=2,4", "optimizer=sgd,adamw"),
        *("decay=log:1e-5:1e-2 if optimizer=adamw", "momentum=0.8,0.9 if optimizer=sgd"),
        "MIXED=true,null,[1, 2]",
    ]
    assert read_space([str(path)]) == read_space(written)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["lr"], "cannot read lr"),
        (["lr="], "cannot read lr="),
        (["=3"], "cannot read =3"),
        (["a=1", "if", "b=2"], 'in quotes: "NAME=VALUES if'),
        (["lr=lgo:1:2"], "no kind lgo. Did you mean log?"),
        (["lr=log:1"], "a range is log:LOW:HIGH"),
        (["lr=log:1:x"], "LOW and HIGH must be numbers"),
        (["lr=log:0:1"], "LOW of log must be above 0. Got 0"),
        (["lr=log:2:1"], "LOW must be less than HIGH. Got 2 and 1"),
        (["lr=float:0:inf"], "LOW must be less than HIGH"),
        (["lr=log:1:2:1"], "POINTS must be a whole number from 2 on. Got 1"),
        (["n=int:1.5:3"], "int needs whole numbers"),
        (["n=int:1:3:0.5"], "STEP must be a number above 0, whole with int"),
        (["n=float:1:3:-1"], "STEP must be a number above 0"),
        (["a=1,2,1"], "has the value 1 twice"),
        (["a=1", "a=2"], "names a twice"),
        (["a=1,2 if b=3"], "names b, which is not searched. Search it as well, .* out: a=1,2"),
        (["a=1 if b=1", "b=1 if a=1"], "conditions of a, b depend on each other"),
        (["a=1 if b=3", "b=1,2"], "asks for b=3, which is not among its values, 1,2"),
        (["a=1 if b", "b=1"], "a condition is OTHER=VALUE,VALUE"),
        (["missing.yaml"], "There is no file missing.yaml"),
    ],
)
def test_what_cannot_be_read_is_said(texts, message):
    with pytest.raises((ValueError, OSError), match="(?s)" + message.replace("?", r"\?")):
        read_space(texts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"lr": 3}, "lr must be text, a list or an object. Got 3"),
        ({"lr": []}, "lr has no values"),
        ({"lr": {"low": 1, "high": 2}}, "type must be one of float, int, log, logint"),
        ({"lr": {"type": "log", "lwo": 1}}, "has the key lwo.* Did you mean low"),
        ({"lr": {"type": "log", "low": 1}}, "low and high must be numbers"),
        ({"lr": {"values": 3}}, "values must be a list"),
        ({"lr": {"values": [3], "if": "x"}}, "if must be an object"),
    ],
)
def test_an_error_in_a_file_names_the_file(content, message, tmp_path):
    path = tmp_path / "space.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"space.json: .*{message}"):
        read_space([str(path)])


@pytest.mark.parametrize(
    ("text", "advice"),
    [("lr=log:1e-4:1e-2", "lr=a,b,c.*log:0.0001:0.01:5"), ("m=float:0:1", "float:0:1:STEP")],
)
def test_a_grid_needs_separate_values(text, advice):
    with pytest.raises(ValueError, match=advice):
        read_space([text]).grid()


def test_a_grid_of_too_many_points_is_refused():
    with pytest.raises(ValueError, match="more than 10,000 points"):
        read_space([f"{name}=int:1:30" for name in "abc"]).grid()
