"""What other tools take: one file per tool, imported when it is used.

They are called through `pixelwise.Prediction` and `pixelwise.Dataset`: ``prediction.to_coco()``,
``dataset.torch()``. Boxes here are (top, left, bottom, right), bottom and right exclusive; each
file says what its tool's are.
"""
