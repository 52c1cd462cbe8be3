"""Clothes, their masks and their attributes: iMaterialist and Fashionpedia on top of `mrcnn`."""
