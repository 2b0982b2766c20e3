"""The data formats, one file each, and what they share to read masks and class names."""
