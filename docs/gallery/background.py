import pixelwise

image = pixelwise.read_image("photo.jpg")
alpha = pixelwise.find_subject(pixelwise.Predictor.load("foreground"), image).alpha(image)
picture = pixelwise.replace_background(image, alpha, (86, 180, 233))
pixelwise.write_image("picture.jpg", picture)
