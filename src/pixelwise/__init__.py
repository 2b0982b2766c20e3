"""pixelwise turns images into pixel-accurate masks and does something useful with them.

Importing it loads nothing: each name in ``__init__.pyi`` is loaded when it is first used, so
``import pixelwise`` costs neither numpy nor OpenCV nor torch.
"""

import lazy_loader

__version__ = "0.1.0"

ELSEWHERE = {
    "AutoModelForSemanticSegmentation": "the command: pixelwise export hf:OWNER/MODEL --out FILE",
    "BoxAnnotator": "prediction.drawn(), or prediction.to_supervision()",
    "Detections": "prediction.to_supervision()",
    "MaskAnnotator": "prediction.drawn(), or prediction.to_supervision()",
    "VOCSegDataset": "pixelwise.open_dataset(folder).torch(crop=(320, 480))",
    "VOC_CLASSES": "pixelwise.VOC.names",
    "VOC_COLORMAP": "pixelwise.voc_colormap()",
    "YOLO": "pixelwise.predict(photo), or pixelwise.Predictor.load(weights)",
    "from_pretrained": "pixelwise.Predictor.load(weights)",
    "imread": "pixelwise.read_image(path)",
    "load": "pixelwise.Predictor.load(weights)",
    "load_data_voc": "pixelwise.open_dataset(folder).torch(crop=(320, 480)), in a DataLoader",
    "load_model": "pixelwise.Predictor.load(weights)",
    "new_session": "pixelwise.cut_out(photo, weights=...), which keeps the weights loaded",
    "pipeline": "pixelwise.predict(photo).to_pipeline()",
    "remove": "pixelwise.cut_out(photo)",
    "remove_background": "pixelwise.cut_out(photo)",
    "segment": "pixelwise.predict(photo)",
    "show_images": "pixelwise.show(dataset[:5])",
    "track": "pixelwise.predict_video(predictor, clip, folder)",
    "train": "the command: pixelwise train FOLDER --out runs/mine",
    "voc_colormap2label": "pixelwise.label_map_of_colours(image)",
    "voc_label_indices": "pixelwise.label_map_of_colours(image)",
    "voc_rand_crop": "pixelwise.open_dataset(folder).torch(crop=(320, 480))",
}
"""What other libraries call something, and what it is here."""

_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    try:
        return _lazy(name)
    except AttributeError as error:
        here = f"; here it is {ELSEWHERE[name]}" if name in ELSEWHERE else ""
        raise AttributeError(f"{error}{here}", name=name) from None
