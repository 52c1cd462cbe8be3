"""A catalogue in memory: garments of dated images, with planted courses."""

import datetime

import numpy as np
import pytest

from fashion.retrieval.garment import Garment

SHARES = {"dress": 0.3, "coat": 0.2, "shoe": 0.85, "bag": 0.4, "hat": 0.08, "skirt": 0.15}
ATTRIBUTES = ("floral", "striped", "long", "lined", "denim", "short", "plain", "leather")
COLORS = ("#c8102e", "#1f4fa8", "#000000", "#ffffff", "#808080", "#2f9e4f", "#5c3a21")


def garment(number, image, category, date, attributes=(), color="#000000"):
    scores = dict.fromkeys(attributes, 0.9)
    return Garment(number, image, (0.0, 0.0, 9.0, 9.0), category, 0.9, scores, [color], date)


def catalogue(seed, images=600, months=24, course=None):
    """Garments of images whose dates are drawn over some months.

    `course` is {category: share at the end}; shares move evenly from SHARES to it.
    """
    generator = np.random.default_rng(seed)
    start = datetime.date(2022, 1, 1)
    listed = []
    for i in range(images):
        share = generator.random()
        date = start + datetime.timedelta(int(share * months * 30.4))
        for category, level in SHARES.items():
            end = (course or {}).get(category, level)
            if generator.random() < level + share * (end - level):
                chosen = [name for name in ATTRIBUTES if generator.random() < 0.2]
                color = COLORS[generator.choice(len(COLORS))]
                listed.append(
                    garment(len(listed), f"s/{i}.jpg", category, date.isoformat(), chosen, color)
                )
    return listed


@pytest.fixture
def make_catalogue():
    return catalogue


@pytest.fixture
def make_garment():
    return garment
