import pixelwise
from pixelwise.drawing import overlay_instances

prediction = pixelwise.predict("photo.jpg")
picture = overlay_instances(pixelwise.read_image("photo.jpg"), prediction.instances)
pixelwise.write_image("picture.jpg", picture)
