import subprocess
import sys

from tests.data.ratings import make_row, write_jsonl

MEASURED = """
import sys, threading
import psutil
from rm_train.data import PrepareSettings, prepare
process, peak, stop = psutil.Process(), 0, threading.Event()
def watch():
    global peak
    while not stop.wait(0.01):
        peak = max(peak, process.memory_info().rss)
prepare(PrepareSettings("synthetic", sys.argv[2] + "-warm", train_prompts=500, val_prompts=10))
before = process.memory_info().rss
threading.Thread(target=watch, daemon=True).start()
prepare(PrepareSettings("helpsteer2", sys.argv[2], sys.argv[1]))
stop.set()
print((peak - before) / 2**20)
"""


def _grown_mib(tmp_path, rows):
    texts = (
        (f"question {number // 2}? " + "so " * 2400, f"answer {number} " + "then " * 1000) for number in range(rows)
    )
    path = write_jsonl(tmp_path / f"{rows}.jsonl", (make_row(*pair) for pair in texts))
    command = [sys.executable, "-c", MEASURED, path, tmp_path / f"out-{rows}"]
    return float(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ), path.stat().st_size / 2**20


def test_memory_does_not_grow_with_the_file(tmp_path):
    small, small_file = _grown_mib(tmp_path, 1_500)
    large, large_file = _grown_mib(tmp_path, 7_500)
    print(f"peak above the start: {small:.1f} MiB for {small_file:.0f} MiB, {large:.1f} MiB for {large_file:.0f} MiB")
    assert large < small + 0.4 * (large_file - small_file)
