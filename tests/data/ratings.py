"""Rows in HelpSteer2's shape, written as people ship them."""

import gzip
import json

import pyarrow.parquet as pq

RATINGS = {"helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 1, "verbosity": 2}


def make_row(prompt="Name a use of vinegar.", response="Cleaning glass.", **changes):
    return {"prompt": prompt, "response": response, **RATINGS, **changes}


def make_rows(prompts, prefix="question"):
    return [
        make_row(f"{prefix} {number}?", f"answer {number}.{answer}", helpfulness=(number * 2 + answer) % 5)
        for number in range(prompts)
        for answer in range(2)
    ]


def write_jsonl(path, rows, compress=None):
    """Write rows; bytes are written as they are, so that a line can be broken."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    data = b"".join(line + b"\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if compress or path.suffix == ".gz" else data)
    return path


def read_rows(path):
    return pq.read_table(path).to_pylist()


def listing(folder):
    return sorted(path.name for path in folder.iterdir())
