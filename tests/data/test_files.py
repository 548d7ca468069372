import json
import os
import subprocess
import sys
import time

import pytest

from rm_train import files


def test_text_and_json_are_replaced_whole_and_leave_nothing_else(tmp_path):
    path = tmp_path / "new" / "folder" / "note.txt"
    files.atomic_write_text(path, "one\r\ntwo é")
    assert path.read_bytes() == "one\r\ntwo é".encode()
    files.atomic_write_json(path, {"b": 1, "a": "é"})
    assert list(json.loads(path.read_text(encoding="utf-8"))) == ["b", "a"]
    assert [entry.name for entry in path.parent.iterdir()] == ["note.txt"]


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "note.json"
    files.atomic_write_json(path, 1)
    with pytest.raises(ValueError):
        files.atomic_write_json(path, float("nan"))
    with pytest.raises(UnicodeEncodeError):
        files.atomic_write_text(path, "\ud800")
    assert path.read_text() == "1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_sha256_of_known_bytes(tmp_path):
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert files.sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("can_exchange", [True, False])
def test_folder_replaces_the_old_one(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    target = tmp_path / "data"
    for content in ("old", "new"):
        with files.atomic_folder(target) as folder:
            (folder / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_folder_behind_a_link_keeps_the_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    with files.atomic_folder(link) as folder:
        (folder / "a").touch()
    assert link.is_symlink()
    assert (tmp_path / "real" / "a").exists()


def test_error_in_the_block_keeps_the_old_folder(tmp_path):
    target = tmp_path / "data"
    with files.atomic_folder(target) as folder:
        (folder / "old").touch()
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(target) as folder:
        (folder / "half").touch()
        raise KeyboardInterrupt
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_file_in_the_way_is_refused(tmp_path):
    target = tmp_path / "data"
    target.touch()
    with pytest.raises(NotADirectoryError), files.atomic_folder(target):
        pass


def test_kill_before_the_rename_keeps_the_old_folder_and_the_rest_is_removed_a_day_later(tmp_path):
    target = tmp_path / "data"
    with files.atomic_folder(target) as folder:
        (folder / "old").touch()
    code = (
        "import os, sys\nfrom rm_train.files import atomic_folder\n"
        "with atomic_folder(sys.argv[1]) as folder:\n    (folder / 'half').touch()\n    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == 9
    assert [path.name for path in target.iterdir()] == ["old"]
    (left,) = [path for path in tmp_path.iterdir() if path != target]
    with files.atomic_folder(target):
        assert left.exists()
    os.utime(left, (time.time() - 2 * 86400,) * 2)
    with files.atomic_folder(target):
        assert not left.exists()


_REPLACE_MANY_TIMES = """
import sys
from rm_train import files
target, name = sys.argv[1:]
for _ in range(50):
    with files.atomic_folder(target) as folder:
        (folder / "a").write_text(name)
        (folder / "b").write_text(name)
"""


def test_two_processes_never_mix_their_files(tmp_path):
    target = tmp_path / "data"
    workers = [subprocess.Popen([sys.executable, "-c", _REPLACE_MANY_TIMES, str(target), name]) for name in ("x", "y")]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert (target / "a").read_text() == (target / "b").read_text()
    assert list(tmp_path.iterdir()) == [target]
