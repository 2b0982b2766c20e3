"""Weights that travel with the package, one ONNX file each."""
