import pixelwise

probability = pixelwise.predict("photo.jpg").probability("cat")  # (H, W) float32, 0..1
grey = (255 * probability).round().astype("uint8")
pixelwise.write_image("picture.jpg", grey[:, :, None].repeat(3, axis=2))
