import pixelwise

image = pixelwise.read_image("photo.jpg")
pixelwise.draw_kinds(image, ["semantic", "instance", "regions"]).save("picture.jpg", quality=90)
