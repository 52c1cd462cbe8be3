"""Print the settings of a recipe, with their meanings.

    fashion settings baseline
    fashion settings ccp LEARNING_RATE NMS

With names, or parts of names, only these settings are printed.
Change a setting in train, predict, evaluate, submit and explore with
--set KEY=VALUE. Values are written as JSON: 0.3, true, [8,16,32].
"""

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    import sys

    sys.path[0] = __file__.rpartition("fashion")[0] or "."
    if __name__ == "__main__":
        from fashion.__main__ import main_of  # handles signals before NumPy is imported

        sys.exit(main_of(__file__))

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from fashion.cli.errors import run_verb
from fashion.cli.options import add_option
from fashion.cli.parser import Parser, did_you_mean
from fashion.cli.setting_meanings import MEANINGS
from fashion.config import RECIPES

_USUAL = "baseline"
_SETTINGS = [name for meanings in MEANINGS.values() for name in meanings]


def main(argv: Sequence[str] | None = None) -> str:
    """Prints the settings.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        What was printed.
    """
    args = parse(argv)
    from fashion.commands.settings import run

    return run(args)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the arguments.

    Args:
        argv: Arguments; None takes those of the process.

    Returns:
        The arguments; `recipe`, and `names` of settings, none for all.
    """
    parser = Parser("settings", __doc__, "[RECIPE] [SETTING …] [options]")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="RECIPE|SETTING",
        help=f"a recipe ({', '.join(sorted(RECIPES))}; default: {_USUAL}), and names of settings "
        "or parts of them (default: all settings)",
    )
    add_option(parser, "--set")
    args = parser.parse_args(argv)
    recipes = [word for word in args.words if word in RECIPES]
    if len(recipes) > 1:
        parser.error(f"Name one recipe. Got {', '.join(recipes)}.")
    args.recipe = recipes[0] if recipes else _USUAL
    args.names = []
    for word in args.words:
        if word not in RECIPES:
            args.names += _settings_named(word) or parser.error(_unknown(word))
    return args


def _settings_named(word: str) -> list[str]:
    """The setting of this name, or else those with the word in their names."""
    if word.upper() in _SETTINGS:
        return [word.upper()]
    return [name for name in _SETTINGS if word.upper() in name]


def _unknown(word: str) -> str:
    alike = get_close_matches(word.upper(), _SETTINGS, n=3)
    hint = did_you_mean(word, RECIPES) or (f" The nearest: {', '.join(alike)}." if alike else "")
    return (
        f"A word must be a recipe ({', '.join(sorted(RECIPES))}), or the name of a setting or a "
        f"part of it. Got {word}.{hint}"
    )


if __name__ == "__main__":
    sys.exit(run_verb(main))
