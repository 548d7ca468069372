"""Whether this machine can run `rm-train`, and what to do where it cannot.

verl loads plug-ins without a word when one fails, Ray and the hub answer after minutes or never: here each of them is
asked, by itself. Each module examines one subject.
"""

from rm_train.launch.doctor.examine import examine
from rm_train.launch.doctor.finding import Finding, findings_table

__all__ = ["Finding", "examine", "findings_table"]
