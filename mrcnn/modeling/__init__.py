"""The network: Keras layers with weights, and the model that strings them together."""
