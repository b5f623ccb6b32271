"""A tiny llama of random weights as a Hugging Face folder, with nothing but the standard library."""
import json
import pathlib
import random
import shutil
import struct

TOKENIZER = pathlib.Path(__file__).resolve().parent.parent / "golden" / "tokenizer" / "tiny_tokenizer.json"
TEMPLATE = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
VOCABULARY, WIDTH, HEADS, KV_HEADS, FFN, LAYERS = 421, 32, 2, 1, 48, 2


def shapes():
    """(name, shape) of every tensor."""
    head = WIDTH // HEADS
    yield "model.embed_tokens.weight", (VOCABULARY, WIDTH)
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        yield at + "input_layernorm.weight", (WIDTH,)
        yield at + "self_attn.q_proj.weight", (HEADS * head, WIDTH)
        yield at + "self_attn.k_proj.weight", (KV_HEADS * head, WIDTH)
        yield at + "self_attn.v_proj.weight", (KV_HEADS * head, WIDTH)
        yield at + "self_attn.o_proj.weight", (WIDTH, HEADS * head)
        yield at + "post_attention_layernorm.weight", (WIDTH,)
        yield at + "mlp.gate_proj.weight", (FFN, WIDTH)
        yield at + "mlp.up_proj.weight", (FFN, WIDTH)
        yield at + "mlp.down_proj.weight", (WIDTH, FFN)
    yield "model.norm.weight", (WIDTH,)


def write_safetensors(path, rng):
    header, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, shape in shapes():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * count if len(shape) == 1 else [rng.gauss(0, 0.5) for _ in range(count)]
        begin = len(data)
        data += struct.pack(f"<{count}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))


def write_model(folder, seed=7, context=128):
    """Makes the folder with config, tokenizer, template and weights."""
    folder.mkdir(parents=True)
    shutil.copy(TOKENIZER, folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>", "chat_template": TEMPLATE}))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": WIDTH,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": WIDTH // HEADS,
        "intermediate_size": FFN, "num_hidden_layers": LAYERS, "max_position_embeddings": context, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": True, "hidden_act": "silu", "bos_token_id": 1,
        "eos_token_id": 2}))
    write_safetensors(folder / "model.safetensors", random.Random(seed))
