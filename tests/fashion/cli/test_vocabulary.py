"""One vocabulary: an option has one name and one meaning in all verbs, and old names stay valid."""

import argparse
import importlib
from pathlib import Path

import pytest

from fashion.__main__ import VERBS
from fashion.cli.options import OPTIONS, SHIPPED_WEIGHTS
from fashion.cli.parser import Parser

ROOT = Path(__file__).parents[3]
WEIGHTS = str(SHIPPED_WEIGHTS)
# Defaults of the shared options, and of the verbs where they differ.
DEFAULTS = {
    "--data": {None},
    "--images": {None, ()},
    "--weights": {WEIGHTS, None},  # None: what training starts from, or the shipped model
    "--conf": {None, 0.5},  # None: that of the model
    "--attr-conf": {None},
    "--thresholds": {None},
    "--limit": {None},
    "--seed": {0, None},  # None in train: that of the recipe
    "--restart": {"search", False},
    "--set": {()},
    "--skip-bad": {False},
    "--rescore": {None},
    "--dates": {"exif"},
    "--title": {"Garments and attributes"},
    "--samples": {()},
}
EXCEPTIONS = {("rescore", "--conf"): 0.05, ("explore", "--samples"): 6}
HAVE = {
    "--out": {
        *("train", "predict", "evaluate", "submit", "explore", "prepare", "rescore"),
        *("segment", "mnist", "demo", "compare", "study", "ensemble", "catalogue", "similar"),
        *("trends", "search"),
    },
    "--weights": {
        *("train", "predict", "evaluate", "submit", "rescore", "segment", "catalogue", "similar")
    },
    "--data": {"train", "search", "evaluate", "explore", "prepare", "rescore", "segment", "mnist"},
    "--images": {"predict", "evaluate", "submit", "catalogue", "similar"},
    "--conf": {"predict", "evaluate", "submit", "rescore", "trends", "catalogue", "similar"},
    "--attr-conf": {"predict", "evaluate", "submit", "trends", "catalogue"},
    "--thresholds": {"predict", "evaluate", "submit"},
    "--ensemble": {"predict", "evaluate", "submit"},
    "--tta": {"predict", "evaluate", "submit"},
    "--tiles": {"predict", "evaluate", "submit"},
    "--limit": {"train", "predict", "evaluate", "submit", "segment"},
    "--seed": {"train", "search", "explore", "rescore", "ensemble"},
    "--workers": {"train", "prepare", "rescore", "segment", "catalogue"},
    "--restart": {"predict", "evaluate", "submit", "rescore", "segment", "mnist", "catalogue"},
    "--set": {"train", "predict", "evaluate", "submit", "explore", "rescore", "demo", "settings"},
    "--dates": {"trends", "serve"},
    "--title": {"page", "serve"},
    "--samples": {"page", "serve"},
}
# Verb, old spelling, new spelling.
OLD = [
    ("predict", "--min-score 0.3", "--conf 0.3"),
    ("predict", "--photos .", "--images ."),
    ("predict", "--attribute-threshold 0.2", "--attr-conf 0.2"),
    ("evaluate", "--score-threshold 0.4", "--conf 0.4"),
    ("evaluate", "--min-score 0.1", "--ap-conf 0.1"),
    ("evaluate", "--attribute-threshold 0.2", "--attr-conf 0.2"),
    ("evaluate", "--photos {folder}", "--images {folder}"),
    ("submit", "--output x.csv", "--out x.csv"),
    ("submit", "--min-score 0.3", "--conf 0.3"),
    ("prepare", "--longest 64", "--imgsz 64"),
    ("rescore", "--size 64 --rate 0.1 --min-score 0", "--imgsz 64 --lr 0.1 --conf 0"),
    ("segment", "--size 64 --photos 9", "--imgsz 64 --limit 9"),
]


class Found(Exception):
    """The parser of a verb, instead of its arguments."""


def parser_of(verb):
    def parse_args(self, *_):
        raise Found(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parser, "parse_args", parse_args)
        with pytest.raises(Found) as found:
            importlib.import_module(f"fashion.{verb}").parse([])
    return found.value.args[0]


def options_of(verb):
    return {
        name: action
        for action in parser_of(verb)._actions
        for name in action.option_strings
        if action.help != argparse.SUPPRESS
    }


@pytest.mark.parametrize("option", HAVE)
def test_the_verbs_that_need_an_option_have_it(option):
    assert not [verb for verb in sorted(HAVE[option]) if option not in options_of(verb)]


@pytest.mark.parametrize("verb", VERBS)
def test_a_shared_option_has_its_meaning_and_its_default(verb):
    for name, action in options_of(verb).items():
        if name not in OPTIONS:
            continue
        default = tuple(action.default) if isinstance(action.default, list) else action.default
        if (verb, name) in EXCEPTIONS:
            assert default == EXCEPTIONS[verb, name]
        elif name in DEFAULTS and (verb, name) != ("segment", "--limit"):
            assert default in DEFAULTS[name], f"{name} of {verb} is {default!r}"
        kind = OPTIONS[name].keywords.get("action", "store")
        assert type(action).__name__.lower().replace("_", "") in (
            f"{kind}action".replace("_", ""),
            f"_{kind}action".replace("_", ""),
        )


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_no_old_name(verb):
    old = {name for option in OPTIONS.values() for name in option.old_names}
    old |= {"--output", "--longest", "--score-threshold"}
    assert not old & set(options_of(verb))


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_says_where_it_writes(verb):
    out = options_of(verb).get("--out")
    assert out is None or "default" in out.help


@pytest.mark.parametrize(("verb", "old", "new"), OLD)
def test_old_spellings_mean_the_same(verb, old, new, sample_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = str(sample_folder / "images")
    needed = {"evaluate": ["--data", str(sample_folder)], "submit": ["--images", image]}
    first = (needed | {"predict": [image]}).get(verb, [])
    parse = importlib.import_module(f"fashion.{verb}").parse
    texts = [text.format(folder=sample_folder).replace(" .", f" {image}") for text in (old, new)]
    parsed = [parse([*first, *text.split()]) for text in texts]
    assert str(parsed[0]) == str(parsed[1])


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_in_80_columns_and_is_plain(verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    text = parser_of(verb).format_help()
    assert max(map(len, text.splitlines())) <= 80
    odd = (
        "so many",
        "anew",
        "is said",
        "goes on",
        "suspicious row",
        "surer",
        "surest",
        "other is",
        "{'",
    )
    assert not [word for word in odd if word in text]
    assert f"\n    fashion {verb}" in text
