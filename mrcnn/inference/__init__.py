"""Using a trained network: from a photo to the network's input, and from its output back to the photo."""
