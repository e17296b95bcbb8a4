"""What a forecaster may see: numbers of one bar and those before it, each with the look-back that it declares."""

from models.features.catalogue import CATALOGUE, SETS, Feature
from models.features.frames import Frame, frame
from models.features.inputs import SERIES, Inputs
from models.features.preparing import Preparation, fit_preparation, preparation_of

__all__ = [
    "CATALOGUE",
    "SERIES",
    "SETS",
    "Feature",
    "Frame",
    "Inputs",
    "Preparation",
    "fit_preparation",
    "frame",
    "preparation_of",
]
