"""verl's plug-ins for machines without an accelerator: platform, engines and rollout."""
