"""What a judge is trained to do: the training reward on its parsed verdict."""
