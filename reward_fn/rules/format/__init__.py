"""Rules for how an answer is written: tags, length, repetition, schema."""
