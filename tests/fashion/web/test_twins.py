"""The browser page computes what the library computes: each function of both on the same input."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.resize import make_placement
from mrcnn.inference.pasting import paste
from mrcnn.ops.pixel_convention import convention_named

WEB = Path(__file__).parents[3] / "fashion" / "web"
CANVAS = (96, 64)
SIZES = ((150, 100), (83, 129), (40, 30), (300, 211), (96, 64))
CASES = [
    (mode, convention, size)
    for mode in ("portrait", "square")
    for convention in ("aligned", "corners")
    for size in SIZES
]
SCRIPT = """
import fs from "node:fs";
const { boxToImage, placementFor, windowOf } = await import(`${process.argv[2]}/placement.js`);
const { networkInput } = await import(`${process.argv[2]}/resize.js`);
const { compressed, kagglePairs, pasted, runLengths } = await import(`${process.argv[2]}/masks.js`);
const results = JSON.parse(fs.readFileSync(0, "utf8")).map((c) => {
  const config = { IMAGE_RESIZE_MODE: c.mode, IMAGE_MIN_DIM: c.min_dim };
  const placement = placementFor(c.size, { image_hw: c.canvas, config });
  const photo = { data: new Uint8ClampedArray(c.rgba), height: c.size[0], width: c.size[1] };
  const garment = { box: c.box, grid: Float32Array.from(c.grid), gridSize: c.cells };
  const counts = runLengths(pasted(garment, c.size, 0.5, c.convention), c.size);
  return {
    input: Array.from(networkInput(photo, placement, c.convention)),
    window: windowOf(placement),
    box: boxToImage(c.box, placement, c.convention),
    counts: compressed(counts),
    pairs: kagglePairs(counts),
  };
});
process.stdout.write(JSON.stringify(results));
"""


def _case(mode, convention, size, rng):
    height, width = size
    noise = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 1.5)
    rgba = np.dstack([image, np.full(size, 255, np.uint8)])
    (y1, y2), (x1, x2) = np.sort(rng.uniform(0, height, 2)), np.sort(rng.uniform(0, width, 2))
    grid = cv2.GaussianBlur(rng.random((14, 14)).astype(np.float32), (0, 0), 1.0)
    return image, {
        "mode": mode,
        "convention": convention,
        "size": size,
        "canvas": CANVAS,
        "min_dim": min(CANVAS),
        "rgba": rgba.ravel().tolist(),
        "box": [y1, x1, y2, x2],
        "grid": grid.ravel().tolist(),
        "cells": 14,
    }


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """(image, case, what the page computes) of each of CASES, by one process of Node.js."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    rng = np.random.default_rng(0)
    cases = [_case(*case, rng) for case in CASES]
    script = tmp_path_factory.mktemp("twins") / "twins.mjs"
    script.write_text(SCRIPT)
    done = subprocess.run(
        ["node", script, WEB.as_uri()],
        input=json.dumps([case for _, case in cases]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(*case, twin) for case, twin in zip(cases, json.loads(done.stdout), strict=True)]


@pytest.mark.parametrize("index", range(len(CASES)), ids=[str(case) for case in CASES])
def test_the_network_input_is_the_same(computed, index):
    image, case, twin = computed[index]
    convention = convention_named(case["convention"])
    placement = make_placement(case["size"], CANVAS, case["mode"], min_dim=case["min_dim"])
    assert twin["window"] == placement.window.tolist()
    ours = placement.image(image, convention.resample).astype(int)
    differences = np.abs(ours.ravel() - twin["input"])
    # OpenCV enlarges with 11 bits of precision; where it shrinks, both are exact.
    assert differences.max() <= 1
    if case["convention"] == "aligned" and placement.size_hw[0] < case["size"][0]:
        assert differences.max() == 0


@pytest.mark.parametrize("index", range(len(CASES)), ids=[str(case) for case in CASES])
def test_boxes_and_masks_are_the_same(computed, index):
    _, case, twin = computed[index]
    convention = convention_named(case["convention"])
    placement = make_placement(case["size"], CANVAS, case["mode"], min_dim=case["min_dim"])
    boxes = np.array([case["box"]], np.float32)
    np.testing.assert_allclose(
        twin["box"], placement.boxes_to_original(boxes, convention)[0], atol=1e-3
    )
    box = np.round(case["box"]) if case["convention"] == "corners" else case["box"]
    grid = np.array(case["grid"], np.float32).reshape(14, 14)
    mask = paste(grid, box, case["size"], 0.5, convention)
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert twin["counts"] == encoded["counts"].decode()
    pixels = np.zeros(mask.size, bool)
    numbers = [int(number) for number in twin["pairs"].split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        pixels[start - 1 : start - 1 + length] = True
    np.testing.assert_array_equal(pixels.reshape(mask.shape, order="F"), mask)
