"""Human ratings in, verl parquet out: load, convert, split, process, export."""
