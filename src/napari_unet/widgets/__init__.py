"""The docks and all else that uses Qt or napari."""
