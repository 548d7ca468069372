"""Limits of control groups, read from folders in the shape of Linux's."""

import pytest

from rm_train.cpu.cgroups import cpu_limit, own_groups


@pytest.fixture
def group(tmp_path):
    def group(own, **files):
        (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path, tmp_path / "own"

    return group


def test_the_smallest_limit_of_all_parents_counts(group):
    paths = group("0::/job/step\n", cpu_dot_max="max 100000\n", job__cpu_dot_max="150000 100000\n",
                  job__step__cpu_dot_max="400000 100000\n")  # fmt: skip
    assert cpu_limit(*paths) == 1.5


def test_version_1_is_read_too(group):
    paths = group("4:cpu,cpuacct:/job\n0::/\n", cpu__job__cpu_dot_cfs_quota_us="50000\n",
                  cpu__job__cpu_dot_cfs_period_us="100000\n", cpu__cpu_dot_cfs_quota_us="-1\n",
                  cpu__cpu_dot_cfs_period_us="100000\n")  # fmt: skip
    assert cpu_limit(*paths) == 0.5
    assert [version for version, _ in own_groups("cpu", *paths)] == [1, 1, 2]


def test_without_control_groups_there_is_no_limit(tmp_path, group):
    assert cpu_limit(tmp_path, tmp_path / "none") is None
    assert cpu_limit(*group("0::/\n", cpu_dot_max="max 100000\n")) is None
