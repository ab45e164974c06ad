"""Live teaching in a window: strokes go in, previews come out, the brush never waits."""
