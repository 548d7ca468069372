"""What the doctor says of folders and disks."""

from pathlib import Path

import pytest

from rm_train.launch.doctor.places import folder, ray_folder, shared_memory


def test_a_folder_that_is_still_to_come_is_fine(tmp_path):
    finding = folder("runs_dir", tmp_path / "not" / "yet", enough=1)
    assert finding.state == "ok" and not (tmp_path / "not").exists()


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="only Linux has a folder that nobody can write")
def test_a_folder_that_cannot_be_written_is_an_error():
    finding = folder("runs_dir", Path("/proc/none"))
    assert finding.state == "error" and finding.what.startswith("/proc/none cannot be written (/proc: ")
    assert finding.fix == "write runs_dir=… with a folder of yours"
    ray = ray_folder(Path("/proc"))
    assert ray.state == "error" and ray.fix == "set RAY_TMPDIR to a folder of yours"


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    assert folder("cache_dir", tmp_path / "file" / "cache").state == "error"


def test_little_room_is_a_warning(tmp_path):
    finding = folder("cache_dir", tmp_path, enough=2**60)
    assert finding.state == "warning" and finding.fix == "make room, or write cache_dir=… on a larger disk"


def test_a_disk_so_full_that_ray_refuses_it_is_a_warning(monkeypatch, tmp_path):
    assert ray_folder(Path("/tmp"), most=1.1).state == "ok"
    finding = ray_folder(Path("/tmp"), most=0.0)
    assert finding.state == "warning" and "Ray writes no objects to a disk as full" in finding.what
    assert finding.fix == "make room, or set RAY_TMPDIR"


def test_a_temporary_folder_with_a_long_name_is_an_error_as_ray_says_too(monkeypatch, tmp_path):
    pytest.importorskip("ray")
    from ray._common.utils import get_default_system_temp_dir

    long = tmp_path / ("x" * 80)
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    assert get_default_system_temp_dir() == str(long)
    finding = ray_folder()
    assert finding.state == "error" and "characters too long for the sockets in it" in finding.what
    assert finding.fix == "set RAY_TMPDIR to a shorter folder, such as /tmp"


def test_little_shared_memory_is_a_warning(tmp_path):
    assert shared_memory(tmp_path, enough=1).state == "ok"
    finding = shared_memory(tmp_path, enough=2**60)
    assert finding.state == "warning" and finding.fix == "start the container with --shm-size=2g"
    assert shared_memory(tmp_path / "none").state == "ok"
