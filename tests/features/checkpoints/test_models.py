"""The head that is found in a saved model gives the model's logits: tiny random models of many families."""

import numpy as np
import pytest
import torch
import transformers

from penultimate.features.head import Head

CLASSES, WORDS = 7, 50
BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": WORDS,
    "max_position_embeddings": 40,
}
LLAMA = BERT | {"num_key_value_heads": 2, "pad_token_id": 0}
GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": WORDS, "n_positions": 40, "pad_token_id": 0}
BART = {
    "vocab_size": WORDS,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 40,
    "eos_token_id": 2,
}
DISTILBERT = {
    "vocab_size": WORDS,
    "dim": 16,
    "n_layers": 1,
    "n_heads": 2,
    "hidden_dim": 32,
    "max_position_embeddings": 40,
}
VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 16,
}
TEXT = torch.tensor([[3, 4, 5, 6, 2], [8, 9, 10, 11, 2]])
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

# Model, configuration, its settings, and the weight that is the head.
CLASSIFIERS = {
    "RobertaForSequenceClassification": ("RobertaConfig", BERT, "classifier.out_proj.weight"),
    "ElectraForSequenceClassification": ("ElectraConfig", BERT | {"embedding_size": 16}, "classifier.out_proj.weight"),
    "BartForSequenceClassification": ("BartConfig", BART, "classification_head.out_proj.weight"),
    "LlamaForSequenceClassification": ("LlamaConfig", LLAMA, "score.weight"),
    "GPT2ForSequenceClassification": ("GPT2Config", GPT2, "score.weight"),
    "BertForSequenceClassification": ("BertConfig", BERT, "classifier.weight"),
    "ViTForImageClassification": ("ViTConfig", VIT, "classifier.weight"),
    "DeiTForImageClassification": ("DeiTConfig", VIT, "classifier.weight"),
}
LANGUAGE = {
    "LlamaForCausalLM": ("LlamaConfig", LLAMA, "lm_head.weight", None),
    "Qwen2ForCausalLM": ("Qwen2Config", LLAMA | {"tie_word_embeddings": True}, "model.embed_tokens.weight", None),
    "GPT2LMHeadModel": ("GPT2Config", GPT2, "transformer.wte.weight", None),
    "OPTForCausalLM": (
        "OPTConfig",
        {
            "vocab_size": WORDS,
            "hidden_size": 16,
            "word_embed_proj_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "ffn_dim": 32,
            "max_position_embeddings": 40,
        },
        "model.decoder.embed_tokens.weight",
        None,
    ),
    "BertForMaskedLM": ("BertConfig", BERT, "bert.embeddings.word_embeddings.weight", "cls.predictions.bias"),
    "RobertaForMaskedLM": ("RobertaConfig", BERT, "roberta.embeddings.word_embeddings.weight", "lm_head.bias"),
    "ElectraForMaskedLM": (
        "ElectraConfig",
        BERT | {"embedding_size": 16},
        "electra.embeddings.word_embeddings.weight",
        "generator_lm_head.bias",
    ),
    "DistilBertForMaskedLM": (
        "DistilBertConfig",
        DISTILBERT,
        "distilbert.embeddings.word_embeddings.weight",
        "vocab_projector.bias",
    ),
    "BartForConditionalGeneration": ("BartConfig", BART, "model.shared.weight", "final_logits_bias"),
}


def saved(name, config, settings, folder):
    torch.manual_seed(0)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = getattr(transformers, name)(getattr(transformers, config)(**settings)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return model


def last_layer(model, outputs):
    """What enters and leaves the linear layer with so many outputs."""
    seen = []

    def note(_, given, given_by_name, out):
        if isinstance(out, torch.Tensor) and out.shape[-1] == outputs:
            seen.append((given[0].detach().numpy(), out.detach().numpy()))

    hooks = [
        layer.register_forward_hook(note, with_kwargs=True)
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear)
    ]
    with torch.no_grad():
        model(pixel_values=IMAGES) if hasattr(model.config, "image_size") else model(input_ids=TEXT)
    for hook in hooks:
        hook.remove()
    return seen[-1]


def assert_logits(head, model, outputs):
    features, logits = last_layer(model, outputs)
    found = head.logits(features.reshape(-1, features.shape[-1]))
    np.testing.assert_allclose(found, logits.reshape(-1, outputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name, tmp_path):
    config, settings, weight = CLASSIFIERS[name]
    model = saved(name, config, settings | {"num_labels": CLASSES}, tmp_path)
    for known in ({}, {"classes": CLASSES}, {"dimension": 16}, {"key": weight}):
        head = Head.read(tmp_path, **known)
        assert head.origin.startswith(f"{weight} ({CLASSES} × 16)")
        assert_logits(head, model, CLASSES)


@pytest.mark.parametrize("name", LANGUAGE)
def test_language_models(name, tmp_path):
    config, settings, weight, bias = LANGUAGE[name]
    model = saved(name, config, settings, tmp_path)
    head = Head.read(tmp_path / "model.safetensors", classes=WORDS)
    assert head.origin.startswith(f"{weight} ({WORDS} × 16), {f'bias {bias}' if bias else 'no bias'}")
    assert ("tied" in head.origin) == (weight != "lm_head.weight")
    if bias == "final_logits_bias":  # is added outside the layer
        np.testing.assert_array_equal(head.bias, model.final_logits_bias[0])
        head = Head(head.weights)
    assert_logits(head, model, WORDS)


def test_of_a_model_with_two_classifiers_the_first_is_taken_and_the_other_said(tmp_path):
    model = saved("DeiTForImageClassificationWithTeacher", "DeiTConfig", VIT | {"num_labels": CLASSES}, tmp_path)
    head = Head.read(tmp_path, classes=CLASSES)
    assert "not distillation_classifier.weight, which would fit too" in head.origin
    np.testing.assert_array_equal(head.weights[0], model.cls_classifier.weight.detach())


def test_shards_with_an_index(tmp_path):
    settings = LLAMA | {"num_hidden_layers": 3}
    model = saved("LlamaForCausalLM", "LlamaConfig", settings, tmp_path / "whole")
    model.save_pretrained(tmp_path / "shards", max_shard_size="12KB")
    index = tmp_path / "shards" / "model.safetensors.index.json"
    assert index.exists() and len(list(index.parent.glob("*.safetensors"))) > 2
    for place in (index, index.parent):
        assert_logits(Head.read(place, classes=WORDS), model, WORDS)
