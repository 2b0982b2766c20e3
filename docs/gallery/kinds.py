import pixelwise

kinds = ["semantic", "instance", "regions"]
picture = pixelwise.draw_kinds(pixelwise.read_image("photo.jpg"), kinds)
picture.save("picture.jpg", quality=90)
