"""Speed of torchvision's Mask R-CNN at the same work.

That is, the same size, batch, numbers of proposals and RoIs, frozen BatchNorm and random weights.
benchmarks/run.py runs it in its own process, `python benchmarks/torchvision_peer.py JSON`, which
imports neither Keras nor TensorFlow: two frameworks in one process bring two thread pools, and some
builds of them do not start together at all.
"""

import json
import sys
import time
from types import SimpleNamespace

import numpy as np

if not __package__:  # run as a script: the repository, not this folder, belongs on the import path
    sys.path[0] = __file__.rpartition("benchmarks")[0] or "."

from fashion.studies.torchvision_network import build, heads_only

RESULT = (
    "measured: "  # starts the line on which the numbers are handed over, as in benchmarks/run.py
)


def main(argument):
    """Measures what a JSON object asks for: "config", "image_hw", "objects" and "steps"."""
    asked = json.loads(argument)
    config = SimpleNamespace(
        **asked["config"], image_hw=tuple(asked["image_hw"]), OBJECTS=asked["objects"]
    )
    print(RESULT + json.dumps(measure(config, steps=asked["steps"])))


def measure(config, *, steps):
    """The rates of `benchmarks.network.measure`, for torchvision's maskrcnn on a ResNet-50 pyramid.

    Runs on the GPU if there is one. "mixed_bfloat16" is autocast, and channels-last memory is used
    where it is faster.
    """
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision(
        "high"
    )  # as XLA does: float32 products may run on TF32 units
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    layouts = [
        time_layout(torch, config, device, steps, layout)
        for layout in (torch.contiguous_format, torch.channels_last)
    ]
    found = {name: max(layout[name] for layout in layouts) for name in layouts[0]}
    if device.type == "cuda":
        return found | {"peak_bytes": torch.cuda.max_memory_allocated()}
    import resource

    return found | {"peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def time_layout(torch, config, device, steps, layout):
    """{"train", "predict_all"}: images a second with one memory layout."""
    model = build(config).to(device, memory_format=layout)
    images, targets = made_up_batch(torch, config, device, layout)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=1e-6,
        momentum=config.LEARNING_MOMENTUM,
        weight_decay=config.WEIGHT_DECAY,
    )
    dtype = {"device_type": device.type, "dtype": torch.bfloat16, "enabled": config.MIXED_PRECISION}

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(**dtype):
            loss = sum(model(images, targets).values())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.GRADIENT_CLIP_NORM)
        optimizer.step()
        return loss

    def predict():
        with torch.inference_mode(), torch.autocast(**dtype):
            return [
                {k: v.cpu() for k, v in result.items() if k != "masks"}
                | {"masks": result["masks"].float().cpu()}
                for result in heads_only(model, images)
            ]

    model.train()
    train = seconds(torch, step, steps, device)
    model.eval()
    return {
        "train": config.BATCH_SIZE / train,
        "predict_all": config.BATCH_SIZE / seconds(torch, predict, steps, device),
    }


def made_up_batch(torch, config, device, layout):
    """(images, targets) for torchvision: noise with config.OBJECTS objects in each image."""
    rng = np.random.default_rng(0)
    height, width = config.image_hw
    pixels = torch.rand((config.BATCH_SIZE, 3, height, width), device=device).to(
        memory_format=layout
    )
    targets = []
    for _ in range(config.BATCH_SIZE):
        corner, extent = (
            rng.uniform(0, 0.5, (config.OBJECTS, 2)),
            rng.uniform(0.1, 0.5, (config.OBJECTS, 2)),
        )
        boxes = np.concatenate([corner, corner + extent], -1) * [width, height, width, height]
        targets.append(
            {
                "boxes": torch.tensor(boxes, dtype=torch.float32, device=device),
                "labels": torch.tensor(
                    rng.integers(1, config.NUM_CLASSES, config.OBJECTS), device=device
                ),
                "masks": torch.ones(
                    (config.OBJECTS, height, width), dtype=torch.uint8, device=device
                ),
            }
        )
    return list(pixels), targets


def seconds(torch, call, steps, device):
    """Seconds of one `call`, the mean of `steps`, the device waited for; as many go before."""
    for _ in range(min(steps, 3)):
        call()
    _wait(torch, device)
    start = time.perf_counter()
    for _ in range(steps):
        call()
    _wait(torch, device)
    return (time.perf_counter() - start) / steps


def _wait(torch, device):
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main(sys.argv[1])
