import pixelwise

prediction = pixelwise.predict("photo.jpg")
picture = pixelwise.overlay(
    pixelwise.read_image("photo.jpg"), prediction.label_map, prediction.classes
)
pixelwise.write_image("picture.jpg", picture)
