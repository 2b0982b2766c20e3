"""The bundled weights files, what each says about itself, and the catalogue that lists them."""

from pixelwise.weights.card import ModelCard
from pixelwise.weights.catalogue import bundled_weights, read_card, read_weights

__all__ = ["ModelCard", "bundled_weights", "read_card", "read_weights"]
