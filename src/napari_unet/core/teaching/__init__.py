"""Teaching: the live loop without a window: strokes in, networks and previews out."""

from napari_unet.core.teaching.teacher import Teacher as Teacher

__all__ = ["Teacher"]
