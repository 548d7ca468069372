"""The tiny judge: a model of about a million parameters, built and taught here so that a run needs no download."""
