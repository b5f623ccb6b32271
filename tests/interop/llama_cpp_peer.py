"""llama.cpp, through llama-cpp-python, as functions on token rows."""
import llama_cpp
import numpy as np
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from common import GREEDY_TOKENS, threads

F32 = 0  # GGML_TYPE_F32: keys and values are kept as they are computed


class LlamaCpp:
    def __init__(self, path, context=256):
        self.model = llama_cpp.Llama(str(path), n_ctx=context, n_batch=context, n_threads=threads(),
                                     n_threads_batch=threads(), n_gpu_layers=0, logits_all=True, type_k=F32,
                                     type_v=F32, flash_attn=False, verbose=False)

    def logits(self, rows):
        """[tokens of all rows, V]."""
        parts = []
        for row in rows:
            self.model.reset()
            self.model.eval(row)
            parts.append(np.array(self.model.scores[:len(row)], dtype=np.float32))
        return np.concatenate(parts)

    def greedy(self, prompt, tokens=GREEDY_TOKENS):
        """The new ids, without the one that ends the turn, as the file's metadata names it."""
        self.model.reset()
        self.model.eval(prompt)
        chosen = []
        while len(chosen) < tokens:
            token = int(np.argmax(self.model.scores[len(prompt) + len(chosen) - 1]))
            if token == self.model.token_eos():
                break
            chosen.append(token)
            self.model.eval([token])
        return chosen

    def tokens(self, text):
        """Ids of a rendered prompt: control tokens are recognised, no BOS is added."""
        return self.model.tokenize(text.encode(), add_bos=False, special=True)

    def plain_tokens(self, text):
        """Ids of a text without control tokens, with BOS where the file asks for it."""
        return self.model.tokenize(text.encode(), add_bos=True, special=False)

    def text(self, ids):
        return self.model.detokenize(ids).decode("utf-8", errors="replace")

    def rendered(self, conversation):
        """A conversation by the template and the tokens that the file's metadata gives, with the generation prompt."""
        text = self.model._model.token_get_text
        formatter = Jinja2ChatFormatter(self.model.metadata["tokenizer.chat_template"], text(self.model.token_eos()),
                                        text(self.model.token_bos()))
        return formatter(messages=conversation).prompt
