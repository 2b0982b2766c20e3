import pixelwise
from pixelwise.drawing import outline_regions

image = pixelwise.read_image("photo.jpg")
picture = outline_regions(image, pixelwise.superpixels(image, 200))
pixelwise.write_image("picture.jpg", picture)
