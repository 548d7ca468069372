"""The page, the JSON file and the console table that a person looks at after a run."""
