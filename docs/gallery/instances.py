import pixelwise
from pixelwise.drawing import overlay_instances

image = pixelwise.read_image("photo.jpg")
picture = overlay_instances(image, pixelwise.predict(image).instances)
pixelwise.write_image("picture.jpg", picture)
