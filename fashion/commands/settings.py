"""Body of `settings`: the settings of a recipe as a table, by theme."""

import argparse
import json

from fashion.cli.setting_meanings import MEANINGS
from fashion.config import RECIPES
from mrcnn.config import DERIVED, parse_setting

_OTHER = "Other"


def run(args: argparse.Namespace) -> str:
    """Prints the settings.

    Args:
        args: Result of `fashion.settings.parse`.

    Returns:
        What was printed.
    """
    recipe = RECIPES[args.recipe]
    config = recipe.from_dict(dict(parse_setting(text, recipe) for text in args.set))
    values = {name: v for name, v in config.to_dict().items() if name not in DERIVED}
    known = {name for meanings in MEANINGS.values() for name in meanings}
    others = {name: "" for name in values if name not in known}
    lines = [f"Settings of the recipe {args.recipe}. Change one with --set KEY=VALUE."]
    for theme, meanings in (MEANINGS | {_OTHER: others}).items():
        shown = [name for name in meanings if name in values]
        if args.names:
            shown = [name for name in shown if name in args.names]
        rows = [(name, values[name], meanings[name]) for name in shown]
        if rows:
            lines += ["", theme, *(_line(*row) for row in rows)]
    text = "\n".join(lines)
    print(text)
    return text


def _line(name, value, meaning):
    shown = json.dumps(value, separators=(",", ":"))
    # A long value has a line of its own, so that meanings stay in their column.
    head = f"  {name:30}{shown:24}"
    return f"{head}{meaning}".rstrip() if len(shown) < 24 else f"  {name:54}{meaning}\n    {shown}"
