"""A rollout's LoRA adapters: the model computes as the trainer's, and only adapters change."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict

from rm_train.cpu.weights import AdapterLoader, WeightLoader


@pytest.fixture
def trainer(llama):
    """A trainer's model whose adapters have learned something."""
    torch.manual_seed(0)
    model = get_peft_model(copy.deepcopy(llama), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


def sent(trainer):
    """Return the adapters and their config as verl sends them."""
    adapters = {name: tensor.detach() for name, tensor in get_peft_model_state_dict(trainer).items()}
    return adapters, trainer.peft_config["default"].to_dict()


def test_the_rollout_computes_as_the_trainer_does(llama, trainer):
    model, tokens = copy.deepcopy(llama), torch.arange(2, 12)[None]
    adapters, config = sent(trainer)
    loader = AdapterLoader(model, config)
    with torch.no_grad():
        before = model(tokens).logits
        loader.stage(adapters.items(), first=True)
        loader.commit()
        after, wanted = model(tokens).logits, trainer(tokens).logits
    assert torch.equal(before, llama(tokens).logits)  # new adapters change nothing
    assert torch.allclose(after, wanted, atol=1e-6)
    assert not torch.allclose(after, before, atol=1e-3)


def test_the_base_model_stays_as_it_is(llama, trainer):
    model = copy.deepcopy(llama)
    adapters, config = sent(trainer)
    loader = AdapterLoader(model, config)
    loader.stage(adapters.items(), first=True)
    loader.commit()
    kept = {name.replace(".base_layer", ""): tensor for name, tensor in model.state_dict().items()}
    assert all(torch.equal(kept[name], tensor) for name, tensor in llama.state_dict().items())


def test_adapters_that_do_not_fit_leave_the_others_alone(llama, trainer):
    model = copy.deepcopy(llama)
    adapters, config = sent(trainer)
    loader = AdapterLoader(model, config)
    before = copy.deepcopy(model.state_dict())
    loader.stage(list(adapters.items())[1:], first=True)
    with pytest.raises(ValueError, match=r"missing .'base_model\.model\.model\.layers"):
        loader.commit()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_whole_model_is_no_adapter(llama, trainer):
    loader = AdapterLoader(copy.deepcopy(llama), sent(trainer)[1])
    assert isinstance(loader, WeightLoader)
    loader.stage(llama.state_dict().items(), first=True)
    with pytest.raises(ValueError, match="unknown"):
        loader.commit()
