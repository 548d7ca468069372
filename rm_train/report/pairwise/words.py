"""What the figures of judges that compare are called."""

from __future__ import annotations

from collections.abc import Mapping

from rm_train.report.view import Words

FIGURES: Mapping[str, Words] = {
    "both_right": Words("Both-orders accuracy", "pairs judged rightly in both orders"),
    "accuracy": Words("Accuracy", "verdicts that are the true one: A, B or tie"),
    "accuracy_order_0": Words("Accuracy, as in the data", "of the rows that show a pair as it stands in the data"),
    "accuracy_order_1": Words("Accuracy, swapped", "of the rows that show a pair the other way round"),
    "consistent": Words("Consistency", "pairs whose two verdicts prefer the same answer"),
    "a_rate": Words("A-rate", "A among verdicts for A or B", better="neither"),
    "a_excess": Words(
        "A-rate less the truth's", "0 for a judge without a preference for a place", better="neither", signed=True
    ),
    "longer_rate": Words("Longer-rate", "the longer answer among such verdicts, lengths unequal", better="neither"),
    "longer_excess": Words(
        "Longer-rate less the truth's", "0 for a judge that is always right", better="neither", signed=True
    ),
    "accuracy_longer_better": Words("Accuracy, longer is better", "rows whose better answer is the longer one"),
    "accuracy_shorter_better": Words("Accuracy, shorter is better", "rows whose better answer is the shorter one"),
    "tie_rate": Words("Tie-rate", "ties among valid verdicts", better="neither"),
    "accuracy_ties": Words("Accuracy on ties", "rows of which neither answer is better"),
    "valid": Words("Valid verdicts", "answers in the form that was asked for"),
    "reasons_right": Words("Right reasons", "every fact of both answers stated, and rightly"),
    "facts_right": Words("Right facts", "single facts stated rightly"),
}
"""Figure of `PairFigures` -> its words, in the order shown."""
