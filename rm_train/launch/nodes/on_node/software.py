"""What is installed on a node, as the trainer's workers would find it; nothing of it is imported."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def versions(names: Sequence[str]) -> dict[str, str | None]:
    """Return the versions of distributions; None for one that is not installed."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def torch_cuda() -> str | None:
    """Return the version of CUDA that PyTorch is built for, read from its source; None without PyTorch or CUDA."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text()
    found = re.search(r"^cuda\b[^=\n]*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    return found and found.group(1)


def code_digests(packages: Sequence[str]) -> dict[str, str | None]:
    """Return a digest of all the Python files of packages; None for one that cannot be imported."""
    return {package: _code_digest(package) for package in packages}


def _code_digest(package: str) -> str | None:
    spec = importlib.util.find_spec(package)
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = [(folder, path) for folder in folders for path in sorted(folder.rglob("*.py"))]
    if not folders and spec.origin:
        files = [(Path(spec.origin).parent, Path(spec.origin))]
    digest = hashlib.sha256()
    for folder, path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:12]
