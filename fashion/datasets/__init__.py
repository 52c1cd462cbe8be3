"""Annotated photos of clothes, from the files of a competition to `mrcnn.data.dataset.Dataset`."""
