from pathlib import Path

import pytest

from reward_fn import docs
from reward_fn.judges.forms import FORMS
from reward_fn.schema import Failure
from rm_train import recipes_page


def test_the_page_of_rewards_is_what_the_rewards_say():
    written = Path("docs/rewards.md").read_text(encoding="utf-8")
    assert written == docs.page(), "run: python -m reward_fn.docs > docs/rewards.md"


def test_the_page_of_recipes_is_what_their_configs_and_rewards_say():
    written = Path("docs/recipes.md").read_text(encoding="utf-8")
    assert written == recipes_page.page(), "run: python -m rm_train.recipes_page > docs/recipes.md"


@pytest.mark.parametrize("recipe", recipes_page.recipe_parts(), ids=lambda recipe: recipe.name)
def test_a_recipe_says_what_one_chooses_it_by_and_shows_a_valid_verdict(recipe):
    needed = {"Formula", "Source", "Data", "Good for"}
    assert needed <= recipe.said.keys() <= needed | {"Form", "Sizes", "Note"}
    assert all(recipe.said.values())
    assert not isinstance(FORMS[recipe.form].parse(recipe.verdict), Failure)
