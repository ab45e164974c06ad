"""Teaching: the live loop without a window: strokes in, networks and previews out."""
