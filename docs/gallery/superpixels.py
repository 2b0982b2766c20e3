import pixelwise
from pixelwise.drawing import outline_regions

image = pixelwise.read_image("photo.jpg")
pixelwise.write_image("picture.jpg", outline_regions(image, pixelwise.superpixels(image, 200)))
