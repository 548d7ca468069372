"""From one command to a finished run: config, run folder, the verl process, what follows it."""
