"""The front door for `from mrcnn import visualize`: Matterport's names, leading to where the drawing is done."""
from mrcnn.drawing.colors import random_colors
from mrcnn.drawing.figures import display_images, display_instances

__all__ = ["display_images", "display_instances", "random_colors"]
