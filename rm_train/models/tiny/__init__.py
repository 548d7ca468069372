"""The tiny judge: a model of about a million parameters, built and warm-started here so that a run needs no download."""
