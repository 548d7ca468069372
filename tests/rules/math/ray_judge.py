"""A reward in a Ray actor: Ray imports the class by its name."""

from reward_fn.registry import RewardRegistry


class Judge:
    """Scores by the async door, and by the sync one inside a running loop."""

    async def scores(self, samples):
        reward = RewardRegistry.get("math_verify_reward")()
        asked = await reward.aevaluate_batch(samples), [reward.evaluate(sample) for sample in samples]
        return [[sample.output[0].answer.reward.score for sample in done] for done in asked]
