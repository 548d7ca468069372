"""Plug-ins for verl, named in its config by `pkg://` paths."""
