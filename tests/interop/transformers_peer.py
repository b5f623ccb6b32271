"""Transformers and PEFT as functions on token rows."""
import numpy as np
import torch
import transformers

from common import GREEDY_TOKENS, threads

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(threads())


def load(folder, dtype, **more):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **more)
    return model.eval()


@torch.inference_mode()
def logits(model, rows):
    """[tokens of all rows, V] in float32."""
    return np.concatenate([model(input_ids=torch.tensor([row])).logits[0].float().numpy() for row in rows])


@torch.inference_mode()
def greedy(model, prompt, tokens=GREEDY_TOKENS):
    """The new ids, without the one that ends the turn; the ends are the model's generation_config's."""
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens,
                         temperature=None, top_p=None, top_k=None)
    new = out[0, len(prompt):].tolist()
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return new[:-1] if new and new[-1] in ends else new
