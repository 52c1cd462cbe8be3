"""Old import paths of modules that moved: they keep working and warn.

A finder at the end of `sys.meta_path` sees only names that nothing else finds.
"""

import importlib
import sys
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

# Old module -> new module, or -> (new module, {old name: new name}) where names changed as well.
# A new name with dots lies in another module: "mrcnn.training.stages.Stage".
Moved = Mapping[str, str | tuple[str, Mapping[str, str]]]

MOVED_MODULES: Moved = {
    "mrcnn.data.albumentations_adapter": "mrcnn.data.augmentation.albumentations_adapter",
    "mrcnn.data.albumentations_rules": "mrcnn.data.augmentation.albumentations_rules",
    "mrcnn.data.coco_runs": (
        "mrcnn.data.masks.coco_rle",
        {
            "counts_of": "segmentation_counts",
            "counts_of_runs": "counts_from_runs",
            "runs_of_counts": "runs_from_counts",
        },
    ),
    "mrcnn.data.copy_paste": (
        "mrcnn.data.augmentation.copy_paste",
        {"paste": "paste_objects"},
    ),
    "mrcnn.data.entries": (
        "mrcnn.data.record_checks",
        {"Entry": "Record", "as_whole": "as_integer", "shown": "preview"},
    ),
    "mrcnn.data.examples": (
        "mrcnn.data.loading.batch_loader",
        {
            "ExampleProcesses": "ProcessBatchLoader",
            "Examples": "BatchLoader",
            "Job": "ExampleSpec",
        },
    ),
    "mrcnn.data.ground_truth": (
        "mrcnn.data.loading.load_example",
        {
            "Variation": "Augmentation",
            "load_ground_truth": "load_example",
            "load_scene": "load_sample",
            "place_masks": "masks_on_canvas",
        },
    ),
    "mrcnn.data.images": (
        "mrcnn.data.image_io",
        {
            "annotated_upright": "mrcnn.data.annotated_images.annotated_upright",
            "path_inside": "mrcnn.data.annotated_images.path_inside",
            "read_annotated": "mrcnn.data.annotated_images.read_annotated",
            "turns_without_trace": "mrcnn.data.annotated_images.turns_without_trace",
        },
    ),
    "mrcnn.data.imgaug_adapter": "mrcnn.data.augmentation.imgaug_adapter",
    "mrcnn.data.imgaug_rules": "mrcnn.data.augmentation.imgaug_rules",
    "mrcnn.data.instance_masks": "mrcnn.data.masks.instance",
    "mrcnn.data.per_thread": "mrcnn.data.augmentation.per_thread",
    "mrcnn.data.polygons": (
        "mrcnn.data.masks.polygons",
        {"farthest": "max_coordinate", "fill": "polygons_to_rle"},
    ),
    "mrcnn.data.probe": (
        "mrcnn.data.augmentation.augmenter_check",
        {"torn_apart": "alignment_problem"},
    ),
    "mrcnn.data.processes": (
        "mrcnn.data.loading.worker_processes",
        {"Processes": "WorkerProcesses"},
    ),
    "mrcnn.data.read_ahead": (
        "mrcnn.data.loading.prefetch",
        {"ReadAhead": "PrefetchDataset", "closed_at_the_end": "closing_batches"},
    ),
    "mrcnn.data.runs": ("mrcnn.data.masks.rle", {"Runs": "RLEMasks"}),
    "mrcnn.data.samplers": (
        "mrcnn.data.loading.samplers",
        {"drawn_at": "sampled_index"},
    ),
    "mrcnn.data.scene": ("mrcnn.data.sample", {"Scene": "Sample"}),
    "mrcnn.data.sound_masks": (
        "mrcnn.data.masks.valid_rle",
        {"areas_of_sound": "valid_areas"},
    ),
    "mrcnn.data.window_masks": ("mrcnn.data.masks.cropped", {"WindowMasks": "CroppedMasks"}),
    "mrcnn.drawing.captions": "mrcnn.drawing.labels",
    "mrcnn.drawing.curves": "mrcnn.drawing.plots",
    "mrcnn.drawing.overlay": "mrcnn.drawing.overlays",
    "mrcnn.drawing.paint": "mrcnn.drawing.overlays",
    "mrcnn.drawing.photo": "mrcnn.drawing.overlays",
    "mrcnn.drawing.placement": ("mrcnn.drawing.label_placement", {"place": "place_labels"}),
    "mrcnn.drawing.screen": "mrcnn.drawing.figures",
    "mrcnn.drawing.text": "mrcnn.drawing.labels",
    "mrcnn.drawing.top_masks": "mrcnn.drawing.figures",
    "mrcnn.drawing.weight_table": "mrcnn.drawing.tables",
    "mrcnn.evaluation.label_maps": "mrcnn.evaluation.semantic_iou",
    "mrcnn.inference.molding": (
        "mrcnn.inference.preprocessing",
        {"mold": "preprocess", "unmold": "postprocess"},
    ),
    "mrcnn.legacy.batch_norm": "mrcnn.legacy.backbone",
    "mrcnn.legacy.image_meta": "mrcnn.legacy.examples",
    "mrcnn.legacy.losses": "mrcnn.legacy.layers",
    "mrcnn.legacy.molding": "mrcnn.legacy.images",
    "mrcnn.legacy.photos": "mrcnn.legacy.images",
    "mrcnn.legacy.printing": "mrcnn.legacy.images",
    "mrcnn.legacy.rois": "mrcnn.legacy.targets",
    "mrcnn.modeling.batch_norm": "mrcnn.modeling.normalization",
    "mrcnn.modeling.conv_norm": "mrcnn.modeling.normalization",
    "mrcnn.modeling.forks": "mrcnn.modeling.devices",
    "mrcnn.modeling.fpn": "mrcnn.modeling.necks",
    "mrcnn.modeling.gates": ("mrcnn.modeling.necks", {"GATES": "ATTENTION"}),
    "mrcnn.modeling.grouped_conv": "mrcnn.modeling.convolutions",
    "mrcnn.modeling.h5_files": "mrcnn.weights.h5_files",
    "mrcnn.modeling.matrix_convs": "mrcnn.modeling.convolutions",
    "mrcnn.modeling.samples": (
        "mrcnn.modeling.roi_sampling",
        {"Samples": "RoISamples", "draw_samples": "sample_rois"},
    ),
    "mrcnn.modeling.single_level": ("mrcnn.modeling.necks", {"SingleLevel": "C4Neck"}),
    "mrcnn.modeling.weight_files": (
        "mrcnn.weights.layer_files",
        {"read_metadata": "mrcnn.weights.h5_files.read_metadata"},
    ),
    "mrcnn.training.array_file": (
        "mrcnn.weights.detectron_files",
        {"read_array_file": "read_detectron_file"},
    ),
    "mrcnn.training.download": (
        "mrcnn.weights.download",
        {
            "COCO_MODEL_URL": "mrcnn.weights.published.COCO_MODEL_URL",
            "download_trained_weights": "mrcnn.weights.published.download_trained_weights",
            "imagenet_resnet50_weights": "mrcnn.weights.published.imagenet_resnet50_weights",
            "models_folder": "mrcnn.weights.published.models_folder",
        },
    ),
    "mrcnn.training.fit_network": (
        "mrcnn.training.fit",
        {"fit_network": "fit", "set_forward": "mrcnn.training.progress.set_forward"},
    ),
    "mrcnn.training.imagenet": "mrcnn.modeling.backbones.pretrained",
    "mrcnn.training.layer_groups": "mrcnn.training.trainable_layers",
    "mrcnn.training.plain_pickle": "mrcnn.weights.plain_pickle",
    "mrcnn.training.schedules": (
        "mrcnn.training.optimizers",
        {"Stage": "mrcnn.training.stages.Stage"},
    ),
    "mrcnn.training.torch_file": "mrcnn.weights.torch_files",
}


class _MovedModuleFinder(MetaPathFinder, Loader):
    def __init__(self, moved: Moved) -> None:
        self.moved = moved

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in self.moved else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        entry = self.moved[spec.name]
        new_name, renamed = (entry, {}) if isinstance(entry, str) else entry
        # Skips this frame; `warnings` itself skips those of the import system.
        warnings.warn(
            f"{spec.name} has moved to {new_name}. The old name will be removed.",
            DeprecationWarning,
            stacklevel=2,
        )
        new = importlib.import_module(new_name)
        module = types.ModuleType(spec.name, new.__doc__)

        def attribute(name: str) -> object:
            place, _, name = renamed.get(name, name).rpartition(".")
            return getattr(importlib.import_module(place) if place else new, name)

        module.__getattr__ = attribute  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run: attributes are looked up in the new module."""


def renamed_attributes(module: str, renamed: Mapping[str, str]) -> Callable[[str], Any]:
    """Makes a module's `__getattr__` that knows old names.

    Args:
        module: Name of the module, `__name__`.
        renamed: Old names, each with its new one.

    Returns:
        A function to assign to `__getattr__` in the module.
    """

    def look_up(name: str) -> Any:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(
            f"{module}.{name} is now {renamed[name]}. The old name will be removed.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(sys.modules[module], renamed[name])

    return look_up


def register(moved: Moved) -> None:
    """Makes the old paths of moved modules importable.

    Args:
        moved: Old module names, each with its new name, or with a pair of the new name and a
            mapping from old to new names of its attributes. Old packages must be listed too.
    """
    registered = (f.moved for f in sys.meta_path if isinstance(f, _MovedModuleFinder))
    if not any(other is moved for other in registered):
        sys.meta_path.append(_MovedModuleFinder(moved))
