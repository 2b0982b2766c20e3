# The public names, written once: type checkers read this file, and so does __init__.py, which
# loads each name when it is first used. What needs an extra stays in its package, so that
# `from pixelwise import *` works on a base install.

from .backgrounds import blur_files as blur_files
from .backgrounds import blur_video as blur_video
from .backgrounds import find_subject as find_subject
from .classes import VOC as VOC
from .classes import VOID as VOID
from .classes import ClassMap as ClassMap
from .classes import voc_colormap as voc_colormap
from .datasets import Dataset as Dataset
from .datasets import ReadOptions as ReadOptions
from .datasets import check as check
from .datasets import convert as convert
from .datasets import download as download
from .datasets import label_map_of_colours as label_map_of_colours
from .datasets import list_splits as list_splits
from .datasets import open_dataset as open_dataset
from .datasets import read_voc_images as read_voc_images
from .datasets import write_samples as write_samples
from .drawing import overlay as overlay
from .drawing import show as show
from .effects import blur_background as blur_background
from .effects import replace_background as replace_background
from .effects import soft_alpha as soft_alpha
from .errors import PixelwiseError as PixelwiseError
from .evaluation import evaluate as evaluate
from .inference import Prediction as Prediction
from .inference import Predictor as Predictor
from .inference import predict_files as predict_files
from .inference import predict_video as predict_video
from .inference import time_weights as time_weights
from .io.image import read_image as read_image
from .io.image import write_image as write_image
from .io.mask import read_label_map as read_label_map
from .io.mask import write_label_map as write_label_map
from .kinds import draw_kinds as draw_kinds
from .metrics import SemanticScores as SemanticScores
from .metrics import confusion_matrix as confusion_matrix
from .one_line import blur as blur
from .one_line import cut_out as cut_out
from .one_line import predict as predict
from .regions import Hierarchy as Hierarchy
from .regions import hierarchy as hierarchy
from .regions import refine as refine
from .regions import superpixels as superpixels
from .regions import write_regions as write_regions
from .samples import Instance as Instance
from .samples import Sample as Sample
from .weights import ModelCard as ModelCard
from .weights import bundled_weights as bundled_weights

__version__: str
