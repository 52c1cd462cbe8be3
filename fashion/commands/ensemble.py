"""Body of `ensemble`: fuses stored predictions, scores them, and searches weights."""

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.cli.evaluation_input import ground_truth_of
from fashion.ensembles.files import EnsembleFile, MemberFile, write_ensemble
from fashion.ensembles.search import Found, candidates_of, search
from fashion.ensembles.stored import StoredMember, fused_predictions, read_members
from fashion.evaluation.metrics.coco import evaluate_coco_ap
from fashion.formats.model_files import member_in
from fashion.pages.text import count
from mrcnn.drawing.tables import text_table
from mrcnn.files import write_text
from mrcnn.inference.fusion import FusionSettings


def run(args: argparse.Namespace) -> Path:
    """Fuses as the arguments ask.

    Args:
        args: Result of `fashion.ensemble.parse`.

    Returns:
        The file of the fused predictions.
    """
    ground_truth = ground_truth_of(args.gt) if args.gt else None
    frame, members = read_members(args.paths, ground_truth)
    settings = FusionSettings(args.fusion, args.iou)
    weights = tuple(args.weight or [1.0] * len(members))
    if args.search:
        models = _models(args, members)
        found = _searched(args, ground_truth, frame, members, settings)
        weights, settings = found.best.weights, found.best.settings
        _write_file(args.out.with_name("ensemble.json"), models, found)
    fused = fused_predictions(frame, members, weights, settings)
    _write(args.out, frame, fused, members, args.paths)
    if ground_truth is not None and not args.search:
        print(_scores(ground_truth, members, fused))
    objects, images = count(len(fused), "object"), count(len(frame["images"]), "image")
    print(f"predictions: {args.out}, {objects} in {images}")
    if args.gt:
        words = ["fashion", "evaluate", "--gt", str(args.gt), "--predictions", str(args.out)]
        print(f"next: {shlex.join(words)}")
    return args.out


def _searched(args, ground_truth, frame, members, settings) -> Found:
    candidates = candidates_of(len(members), settings, args.trials, args.seed)
    with tqdm(total=len(frame["images"]), unit="image", desc="search") as bar:
        found = search(
            ground_truth,
            frame,
            members,
            candidates,
            folds=args.folds,
            seed=args.seed,
            on_image=bar.update,
        )
    rows: list[list[Any]] = [["mask AP", "", "weights"]]
    for path, score in zip(args.paths, found.alone, strict=True):
        rows.append([f"{path} alone", f"{score:.4f}", ""])
    rows.append(["equal weights", f"{found.equal:.4f}", _text([1] * len(members))])
    best = found.best
    iou = f"{_text(best.weights)}, IoU {best.settings.iou_threshold:g}"
    rows.append([f"best of {len(candidates)}, in fold", f"{found.in_fold:.4f}", iou])
    rows.append([f"out of fold, {args.folds} folds", f"{found.out_of_fold:.4f}", "of each fold"])
    print(text_table(rows))
    return found


def _text(weights):
    return " ".join(f"{weight:g}" for weight in weights)


def _models(args, members: Sequence[StoredMember]) -> list[Path]:
    """Where the models of the predictions are."""
    if args.models:
        return list(args.models)
    models = []
    for path, member in zip(args.paths, members, strict=True):
        if member.weights is None or not Path(member.weights).exists():
            named = f"{member.weights}, which is not there" if member.weights else "none"
            raise ValueError(
                f"ensemble.json names the model of each file, and {path} names {named}. Give the "
                "models in the same order as the files: --models RUN RUN …"
            )
        models.append(Path(member.weights))
    return models


def _write_file(path: Path, models: Sequence[Path], found: Found) -> None:
    """Writes the ensemble of the members that have a weight."""
    members = [
        MemberFile(member_in(model), weight)
        for model, weight in zip(models, found.best.weights, strict=True)
        if weight > 0
    ]
    about = {"mask_ap_in_fold": found.in_fold, "mask_ap_out_of_fold": found.out_of_fold}
    write_ensemble(path, EnsembleFile(tuple(members), found.best.settings), **about)
    print(f"ensemble: {path}; use it with --ensemble {path}")


def _write(path, frame, fused, members, paths):
    """Writes predictions in the layout of `predict`."""
    rescored = {member.rescored for member in members}
    content: dict[str, Any] = {} if rescored == {None} else {"rescored": True in rescored}
    content |= {"ensemble": [str(each) for each in paths]}
    content |= {key: frame[key] for key in ("images", "categories", "attributes")}
    rows = [{"id": i, **row} for i, row in enumerate(fused, start=1)]
    write_text(path, json.dumps(content | {"annotations": rows}))


def _scores(ground_truth, members: Sequence[StoredMember], fused) -> str:
    rows: list[list[Any]] = [["", "mask AP", "AP50", "box AP"]]
    for name, found in [*_by_name(members), ("fused", fused)]:
        masks, boxes = (evaluate_coco_ap(ground_truth, found, kind) for kind in ("segm", "bbox"))
        rows.append([name, *(f"{n:.4f}" for n in (masks["AP"], masks["AP50"], boxes["AP"]))])
    return text_table(rows)


def _by_name(members):
    for number, member in enumerate(members, start=1):
        yield f"{number} {member.name}", [row for rows in member.rows.values() for row in rows]
