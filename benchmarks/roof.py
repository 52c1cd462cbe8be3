"""The roof: the fastest large float32 matrix product that anything installed reaches on this CPU.

One framework's own product says little: TensorFlow with oneDNN, TensorFlow without, PyTorch and
NumPy differ by a half, and a shared machine differs from minute to minute. So each is measured in a
process of its own, several times, and the best of all is the roof, of which shares are given.
"""

import json
import os
import subprocess
import sys

FLOP = 2  # of one multiply-add, as devices count
SIDE = 2048
REPEATS = 5
RESULT = "flops: "

_TIMED = """
import json, time
best = 0.0
for _ in range({repeats}):
    start = time.perf_counter()
    product()
    best = max(best, 2 * {side} ** 3 / (time.perf_counter() - start))
print("{result}" + json.dumps(best))
"""
_NUMPY = """
import numpy as np
a = np.random.default_rng(0).random(({side}, {side}), np.float32)
product = lambda: a @ a
product()
"""
_TORCH = """
import torch
a = torch.rand({side}, {side})
product = lambda: a @ a
product()
"""
_TENSORFLOW = """
import tensorflow as tf
a = tf.random.uniform(({side}, {side}))
graph = tf.function(lambda x: tf.reduce_sum(x @ x))
product = lambda: graph(a).numpy()
product()
"""
PROGRAMS = {
    "numpy": (_NUMPY, {}),
    "torch": (_TORCH, {}),
    "tensorflow": (_TENSORFLOW, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    "tensorflow with oneDNN": (_TENSORFLOW, {"TF_ENABLE_ONEDNN_OPTS": "1"}),
}


def matrix_product_flops() -> dict[str, float]:
    """FLOP/s of a 2048 x 2048 product by library, of those that are installed."""
    found = {}
    for name, (program, environment) in PROGRAMS.items():
        code = (program + _TIMED).format(side=SIDE, repeats=REPEATS, result=RESULT)
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
        if lines:
            found[name] = json.loads(lines[-1].removeprefix(RESULT))
    return found


def cpu(onednn: bool = True) -> str:
    """Describes the CPU: its name, its cores, and the instruction sets that matter.

    Args:
        onednn: Whether to add if oneDNN is switched on in this process's environment.
    """
    name, flags = "unknown CPU", set()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        lines = []
    for key, _, value in lines:
        if key.strip() == "model name":
            name = value.strip()
        elif key.strip() == "flags":
            flags = set(value.split())
    told = [
        flag
        for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")
        if flag in flags
    ]
    found = f"{name}, {os.cpu_count()} cores, {' '.join(told) or 'no AVX2'}"
    switch = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    told = {"0": "off", "1": "on"}.get(switch, "by default")
    return f"{found}; oneDNN {told}" if onednn else found
