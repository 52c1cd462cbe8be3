"""log: a line about an array."""

import numpy as np

from mrcnn.legacy.printing import log


def test_a_line_shows_shape_range_and_type(capsys):
    log("image", np.array([[1, 5]], np.uint8))
    log("nothing", np.zeros((0, 4)))
    log("only words")
    image, nothing, words = capsys.readouterr().out.splitlines()
    assert "(1, 2)" in image and "1.0" in image and "5.0" in image and "uint8" in image
    assert "(0, 4)" in nothing and "empty" in nothing and words == "only words"
