"""Tiny models of random weights as Transformers writes them, with a tokenizer and a chat template."""
import pathlib

import torch
import transformers

TOKENIZER = pathlib.Path(__file__).resolve().parent.parent / "golden" / "tokenizer" / "tiny_tokenizer.json"
# The tokenizer itself also puts <|endoftext|> in front: it must not come twice.
TEMPLATE = ("{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
COMMON = dict(vocab_size=421, hidden_size=64, intermediate_size=96, max_position_embeddings=256, bos_token_id=0,
              eos_token_id=2, pad_token_id=0)


def configurations():
    """Name and configuration: each feature of the two architectures at least once."""
    llama = dict(COMMON, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
    yield "llama", transformers.LlamaConfig(**llama, tie_word_embeddings=True)
    yield "llama3-untied", transformers.LlamaConfig(**llama, tie_word_embeddings=False, rope_theta=5e5,
                                                    rope_scaling=LLAMA3)
    yield "llama-linear", transformers.LlamaConfig(**llama, head_dim=32,
                                                   rope_scaling={"rope_type": "linear", "factor": 4.0})
    yield "gemma3", transformers.Gemma3TextConfig(**COMMON, num_hidden_layers=7, num_attention_heads=4,
                                                  num_key_value_heads=1, head_dim=32, query_pre_attn_scalar=32,
                                                  sliding_window=8)


def make(folder, config, dtype, shard_size):
    """Writes the folder with save_pretrained; the seed is fixed."""
    torch.manual_seed(11)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # larger than the usual start, so that a mistake shows
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard_size)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(TOKENIZER), bos_token="<|bos|>",
                                                     eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
