"""Everything that touches an image, clip or text file."""
