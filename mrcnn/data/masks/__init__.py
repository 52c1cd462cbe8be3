"""Instance masks without a canvas: run lengths, polygons, crops and mini-masks."""
