from pathlib import Path

from reward_fn import docs


def test_the_page_of_rewards_is_what_the_rewards_say():
    written = Path("docs/rewards.md").read_text(encoding="utf-8")
    assert written == docs.page(), "run: python -m reward_fn.docs > docs/rewards.md"
