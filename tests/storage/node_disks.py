"""Reads and writes the disk of each node of a cluster: `python -m node_disks ADDRESS FOLDER [NAME TEXT]`.

With a name and a text, each node but the first writes a file. The files of all nodes are printed, those of the first
node first.
"""

import json
import sys
from pathlib import Path

from rm_train.launch.nodes.connect import connected
from rm_train.storage.nodes import node_names, on_nodes


def write(folder: str, name: str, text: str) -> None:
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def texts(folder: str) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in Path(folder).rglob("*") if path.is_file()}


def main(address: str, folder: str, *file: str) -> None:
    with connected(address):
        nodes = list(node_names())
        if file:
            on_nodes(write, dict.fromkeys(nodes[1:], (folder, *file)))
        found = on_nodes(texts, dict.fromkeys(nodes, (folder,)))
        print(json.dumps([found[node] for node in nodes]))


if __name__ == "__main__":
    main(*sys.argv[1:])
