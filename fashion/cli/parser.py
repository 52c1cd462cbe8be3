"""Parser of the verbs: errors in one line, suggestions for mistyped names, readable help."""

import argparse
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from mrcnn.setting_checks import name_meant

# Two names that are less alike than this are not suggested for one another.
_ALIKE = 0.6
# Columns of help: no narrower than the texts are written, no wider than is read easily.
_NARROWEST, _WIDEST = 80, 100
# argparse's messages, and ours.
_REWORDED = (
    (r"argument (\S+): expected one argument", r"\1 needs a value"),
    (r"argument (\S+): expected at least one argument", r"\1 needs at least one value"),
    (r"argument (\S+): ignored explicit argument .*", r"\1 takes no value"),
    (r"argument (\S+): not allowed with argument (\S+)", r"\1 cannot be used with \2"),
    (r"the following arguments are required: (.*)", r"\1 is missing"),
    (r"argument ([^:]+): (.*)", r"\1 \2"),
)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help texts of 80 to 100 columns; descriptions stay as they are written."""

    def __init__(self, prog: str) -> None:
        columns = shutil.get_terminal_size().columns
        width = min(max(columns, _NARROWEST), _WIDEST)
        super().__init__(prog, max_help_position=26, width=width)


class Parser(argparse.ArgumentParser):
    """Parser of a verb.

    Args:
        verb: Its name.
        description: What the verb does, as `--help` shows it.
        usage: What follows the name of the verb in the usage line.
    """

    def __init__(self, verb: str, description: str | None, usage: str = "[options]") -> None:
        super().__init__(
            prog=f"fashion {verb}",
            usage=f"%(prog)s {usage}",
            description=(description or "").strip(),
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parses arguments; an unknown option is reported before anything else.

        Args:
            args: Arguments; None takes those of the process.
            namespace: As of `argparse`.

        Returns:
            The arguments.
        """
        args = sys.argv[1:] if args is None else [str(arg) for arg in args]
        self._refuse_unknown_options(args)
        parsed, left_over = self.parse_known_args(args, namespace)
        if left_over:
            data = "--data" in self._option_string_actions
            hint = f". Write --data before a data set: --data {left_over[0]}" if data else ""
            self.error(f"{left_over[0]} is not expected here{hint}")
        return parsed

    def _refuse_unknown_options(self, args: Sequence[str]) -> None:
        for arg in args:
            if arg == "--":
                return
            name = arg.partition("=")[0]
            if arg.startswith("--") and name not in self._option_string_actions:
                self.error(f"There is no option {name}.{did_you_mean(name, self.options())}")

    def options(self) -> list[str]:
        """Lists the options that `--help` shows.

        Returns:
            Names with their dashes.
        """
        shown = [action for action in self._actions if action.help != argparse.SUPPRESS]
        return [name for action in shown for name in action.option_strings if name[:2] == "--"]

    def error(self, message: str) -> NoReturn:
        """Prints an error in one line and exits with status 2.

        Args:
            message: What is wrong and what was expected.
        """
        for pattern, replacement in _REWORDED:
            message, count = re.subn(f"^{pattern}$", replacement, message, flags=re.DOTALL)
            if count:
                break
        message = message if message.endswith((".", "?")) else f"{message}."
        self.exit(2, f"{self.prog}: error: {message} See {self.prog} --help.\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action,
                f"must be one of {', '.join(names)}. Got {value}.{did_you_mean(str(value), names)}",
            )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggests a known name for a mistyped one.

    Args:
        name: What was typed.
        known: Names that exist. The dashes of options do not count: they make any two alike.

    Returns:
        " Did you mean …?", or nothing where no name is alike.
    """
    by_folded = {other.removeprefix("--").casefold(): other for other in known}
    meant = name_meant(name.removeprefix("--").casefold(), by_folded, _ALIKE)
    return f" Did you mean {by_folded[meant]}?" if meant else ""


def whole(least: int = 0, most: int | None = None) -> Callable[[str], int]:
    """Makes the `type` of an option that is a whole number.

    Args:
        least: Smallest number.
        most: Largest number; None for no limit.

    Returns:
        Text -> number.
    """
    rule = f"of at least {least}" if most is None else f"from {least} to {most}"

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least or most is not None and number > most:
            raise argparse.ArgumentTypeError(f"must be a whole number {rule}. Got {text}.")
        return number

    return convert


def fraction(text: str) -> float:
    """Converts an option that lies between 0 and 1.

    Args:
        text: As it was typed.

    Returns:
        The number.
    """
    return _number(text, "must be between 0 and 1", lambda number: 0 <= number <= 1)


def positive(text: str) -> float:
    """Converts an option that is a number above 0.

    Args:
        text: As it was typed.

    Returns:
        The number.
    """
    return _number(text, "must be a number above 0", lambda number: 0 < number < float("inf"))


def not_negative(text: str) -> float:
    """Converts an option that is a number of at least 0.

    Args:
        text: As it was typed.

    Returns:
        The number.
    """
    return _number(
        text, "must be a number of at least 0", lambda number: 0 <= number < float("inf")
    )


def _number(text: str, rule: str, allows: Callable[[float], bool]) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not allows(number):
        raise argparse.ArgumentTypeError(f"{rule}. Got {text}.")
    return number
