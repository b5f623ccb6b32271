"""We import folders that Transformers wrote, and give them back: to Transformers and to llama.cpp."""
import torch
import transformers

import tiny_models
import transformers_peer as peer
from common import Outcrop, PLAIN_CONVERSATIONS, expect_close, expect_equal, parse_arguments, scratch_folder
from llama_cpp_peer import LlamaCpp

# llama.cpp reads GELU from a table in half precision; SiLU it computes.
LLAMA_CPP_LIMIT = {"gemma3": 1e-2}
FORMS = {"one file": (torch.float32, "5GB"), "shards": (torch.bfloat16, "60KB")}


def check_import(outcrop, folder, name, form):
    """Logits of what we imported, and the prompts. Returns the rows."""
    outcrop.model_import(folder, name, "f32")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompts = outcrop.prompts(name)
    for conversation, ours in zip(PLAIN_CONVERSATIONS, prompts):
        ids = tokenizer.apply_chat_template(conversation, tokenize=True, add_generation_prompt=True)
        expect_equal(f"{name}, {form}: prompt", ours["ids"], list(ids))
    rows = [prompt["ids"] for prompt in prompts]
    theirs = peer.logits(peer.load(folder, torch.float32), rows)
    expect_close(f"{name}, {form}: import", outcrop.logits(name, rows), theirs, 1e-4)
    return rows, theirs


def check_exports(outcrop, folder, name, rows, theirs):
    outcrop.export(name, "hf", folder / "hf")
    expect_close(f"{name}: export to Transformers", peer.logits(peer.load(folder / "hf", torch.float32), rows), theirs,
                 1e-5)
    (path,) = outcrop.export(name, "gguf", folder / "gguf", "--type", "f32")
    llama = LlamaCpp(path)
    expect_close(f"{name}: export to llama.cpp", llama.logits(rows), theirs, LLAMA_CPP_LIMIT.get(name, 1e-4))
    for conversation, prompt in zip(PLAIN_CONVERSATIONS, outcrop.prompts(name)):
        expect_equal(f"{name}: prompt in llama.cpp", prompt["text"], llama.rendered(conversation))
        expect_equal(f"{name}: tokens of llama.cpp", prompt["ids"], llama.tokens(prompt["text"]))


def main():
    arguments = parse_arguments()
    with scratch_folder(arguments.workplace) as scratch:
        outcrop = Outcrop(arguments.outcrop, arguments.print_logits, scratch / "home")
        for name, config in tiny_models.configurations():
            for form, (dtype, shard_size) in FORMS.items():
                folder = scratch / name / form
                tiny_models.make(folder, config, dtype, shard_size)
                rows, theirs = check_import(outcrop, folder, name, form)
            check_exports(outcrop, scratch / name, name, rows, theirs)


if __name__ == "__main__":
    main()
