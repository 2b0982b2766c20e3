import pixelwise

pixelwise.blur("photo.jpg", "picture.jpg", strength=3)
