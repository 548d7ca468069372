"""New weights: all of them or none."""

import copy

import pytest
import torch

from rm_train.cpu.weights import WeightLoader


@pytest.fixture
def model(llama):
    return copy.deepcopy(llama)


def changed(model):
    return {name: tensor + 1 for name, tensor in model.state_dict().items()}


def test_nothing_changes_before_the_last_part(model):
    before, new = copy.deepcopy(model.state_dict()), changed(model)
    loader = WeightLoader(model)
    parts = list(new.items())
    loader.stage(parts[:3], first=True)
    loader.stage(parts[3:], first=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    loader.commit()
    assert all(torch.equal(tensor, new[name]) for name, tensor in model.state_dict().items())


def test_an_update_that_broke_off_is_forgotten(model):
    new = changed(model)
    loader = WeightLoader(model)
    loader.stage([("no.such.weight", torch.zeros(1))], first=True)
    loader.stage(new.items(), first=True)
    loader.commit()
    assert all(torch.equal(tensor, new[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda new: new.update({"no.such.weight": torch.zeros(1)}), "unknown .'no.such.weight'"),
        (lambda new: new.pop("model.norm.weight"), "missing .'model.norm.weight'"),
        (lambda new: new.update({"model.norm.weight": torch.zeros(3)}), "shape .'model.norm.weight'"),
    ],
)
def test_weights_that_do_not_fit_leave_the_model_alone(model, spoil, complaint):
    before, new = copy.deepcopy(model.state_dict()), changed(model)
    spoil(new)
    loader = WeightLoader(model)
    loader.stage(new.items(), first=True)
    with pytest.raises(ValueError, match=complaint):
        loader.commit()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("sent", [("lm_head.weight",), ("model.embed_tokens.weight",)])
def test_tied_weights_may_come_under_any_of_their_names(llama, sent):
    config = copy.deepcopy(llama.config)
    config.tie_word_embeddings = True
    model = type(llama)(config)
    new = changed(model)
    for name in {"lm_head.weight", "model.embed_tokens.weight"} - set(sent):
        del new[name]
    loader = WeightLoader(model)
    loader.stage(new.items(), first=True)
    loader.commit()
    assert torch.equal(model.lm_head.weight, new[sent[0]])
    assert torch.equal(model.model.embed_tokens.weight, new[sent[0]])
