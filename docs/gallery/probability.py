import pixelwise

probability = pixelwise.predict("photo.jpg").probability("cat")
grey = (255 * probability).round().astype("uint8")  # (H, W), from 0..1
pixelwise.write_image("picture.jpg", grey[:, :, None].repeat(3, axis=2))
