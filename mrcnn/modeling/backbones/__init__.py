"""Backbones: from an image to feature maps C2..C5 at strides 4, 8, 16 and 32; a family a file."""
