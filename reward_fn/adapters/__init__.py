"""One room for each training framework that takes a reward."""
