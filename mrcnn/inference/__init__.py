"""Using a trained network: from an original image to the network input, and back."""
