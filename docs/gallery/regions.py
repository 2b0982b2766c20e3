import pixelwise
from pixelwise.drawing import outline_regions

image = pixelwise.read_image("photo.jpg")
hierarchy = pixelwise.hierarchy(image, "learned")  # every scale at once
picture = outline_regions(image, hierarchy.cut(20))
pixelwise.write_image("picture.jpg", picture)
