"""The run that `fashion train` resumes, and whether its arguments still ask for the same run."""

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fashion.cli.run_arguments import DEFAULTS, MAY_CHANGE, naming_config, read_run_arguments
from fashion.cli.training_settings import option_settings
from fashion.config import BEFORE, RECIPES
from fashion.pages.text import count
from mrcnn.config import DERIVED
from mrcnn.training.run_folder import RunFolder

# What the data decide, and what the program counts in them.
_OF_DATA = ("NUM_CLASSES", "NUM_ATTRIBUTES", "CLASS_COUNTS")


def run_to_resume(args: Namespace) -> RunFolder | None:
    """Finds the run that the arguments of `train` name, if there is one.

    Args:
        args: Parsed arguments of `train`.

    Returns:
        The run folder: that of --resume, or --name in --out if it holds a run. None for a new run.

    Raises:
        FileNotFoundError: There is no run that --resume can mean.
    """
    named = args.out / args.name if args.name else None
    if args.resume:
        return resumable_run(named or args.out)
    if named is None or args.restart or not (named / "config.json").exists():
        return None
    return RunFolder(named)


def resumable_run(out: Path) -> RunFolder:
    """Finds the run that --resume means.

    Args:
        out: A run folder, or a folder of run folders.

    Returns:
        The run folder, of several the one that was written to last.

    Raises:
        FileNotFoundError: There is no run.
    """
    configs = [out / "config.json"]
    if not configs[0].exists():
        configs = list(out.glob("*/config.json"))
    if not configs:
        raise FileNotFoundError(
            f"There is no run to resume in {out}: no folder with a config.json. Leave --resume "
            "out to start a new run."
        )

    def last_written(config):
        last = config.with_name("last.h5")
        return (last if last.exists() else config).stat().st_mtime

    return RunFolder(max(configs, key=last_written).parent)


def agreed_arguments(run: RunFolder, args: Namespace) -> dict[str, Any]:
    """Reads the run arguments of a run to be resumed.

    Args:
        run: The run folder.
        args: Parsed arguments of `train`.

    Returns:
        The run arguments.

    Raises:
        ValueError: The command line asks for something else than the run was started with. With
            --resume other settings are allowed: then the run changes them.
    """
    arguments = DEFAULTS | read_run_arguments(run)
    different = [
        f"--{name} {_shown(arguments[name])}, not {_shown(asked)}"
        for name, asked in _given(args).items()
        if name not in MAY_CHANGE and name != "augmentation" and asked != arguments[name]
    ]
    if args.augmentation and args.augmentation != arguments["augmentation"]:
        different.append("another --augment")
    if not args.resume:
        different += _other_data(arguments, args)
        changed = changed_settings(run, arguments, args)
        different += [f"{name} {was}, not {new}" for name, (was, new) in changed.items()]
    if different:
        raise ValueError(
            f"{run.path} was started with {'; '.join(different)}. Leave these options out to "
            "resume it, or start a new run: --restart, or another --name."
        )
    may_change = {name: asked for name, asked in _given(args).items() if name in MAY_CHANGE}
    return arguments | may_change | {"skip_bad": arguments["skip_bad"] or args.skip_bad}


def _other_data(arguments: Mapping[str, Any], args: Namespace) -> list[str]:
    """The options of data that name something else than the run has, which still is there."""
    different = []
    for name in ("data", "images", "val"):
        asked, noted = getattr(args, name), arguments.get(name)
        if not asked or not noted or not Path(noted).exists():  # it may have moved
            continue
        if Path(asked).expanduser().resolve() != Path(noted).resolve():
            different.append(f"--{name} {noted}, not {asked}")
    return different


def _given(args: Namespace) -> dict[str, Any]:
    """The run arguments that the command line names."""
    return {name: getattr(args, name) for name in DEFAULTS if getattr(args, name)}


def changed_settings(
    run: RunFolder, arguments: Mapping[str, Any], args: Namespace
) -> dict[str, tuple[str, str]]:
    """Lists the settings that a command line would change in a run.

    Args:
        run: The run folder.
        arguments: Checked run arguments, with the settings as "config".
        args: Parsed arguments of `train`.

    Returns:
        The value in the run and the new one, as text, by the name of the setting.

    Raises:
        ValueError: A setting has an impossible value.
    """
    recipe, settings = RECIPES[arguments["recipe"]], BEFORE | arguments["config"]
    base = recipe.from_dict(args.recipe_settings)
    options = args.recipe_settings | option_settings(args, base, arguments["stage"])
    with naming_config(run):
        was = recipe.from_dict(settings).to_dict()
    now = recipe.from_dict(settings | options | dict(args.set)).to_dict()
    changed = {}
    for name, value in now.items():
        if name in DERIVED or name in _OF_DATA:
            continue
        before, after = _setting_text(name, was.get(name)), _setting_text(name, value)
        if before != after:
            changed[name] = before, after
    return changed


def _setting_text(name: str, value: Any) -> str:
    """A setting as JSON; stages in words."""
    if name != "STAGES":
        return json.dumps(value, default=str)
    return ", ".join(
        f"{stage['name']} ({stage['layers']}): {count(stage['epochs'], 'epoch')} at "
        f"{stage['learning_rate']:g}"
        for stage in value
    )


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)
