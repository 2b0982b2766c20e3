import pixelwise

image = pixelwise.read_image("photo.jpg")
found = pixelwise.predict(image)
picture = pixelwise.overlay(image, found.label_map, found.classes)
pixelwise.write_image("picture.jpg", picture)
