"""What the rewards of a run need breaks in the middle of it, and the run trains on the same rewards as without that."""

import pytest
from faults import FAULTS
from run_faults import done_to_a_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_costs_no_reward(name, made, tmp_path):
    done = done_to_a_run(FAULTS[name], tmp_path, made)
    assert done["fine"], done
