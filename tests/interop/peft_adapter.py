"""PEFT loads our adapter folder onto our exported base in Transformers, and computes what we compute."""
import peft
import torch

import transformers_peer as peer
from common import BASE, BASE32, TUNED, TUNED32, expect_as_close, expect_close, opened


def load_adapted(base_folder, adapter, dtype):
    return peft.PeftModel.from_pretrained(peer.load(base_folder, dtype), str(adapter)).eval()


def main():
    with opened() as (outcrop, folder):
        rows = [prompt["ids"] for prompt in outcrop.prompts(BASE)]
        for base, tuned in ((BASE, TUNED), (BASE32, TUNED32)):
            outcrop.export(base, "hf", folder / base)
            outcrop.export(tuned, "peft", folder / tuned)
        # Float32 on both sides: the same numbers but for the order of sums.
        model = load_adapted(folder / BASE32, folder / TUNED32, torch.float32)
        theirs = peer.logits(model, rows)
        expect_close("PEFT, float32, rsLoRA", outcrop.logits(TUNED32, rows), theirs, 1e-3)
        again = outcrop.logits(BASE32, rows, adapter=folder / TUNED32)
        expect_close("PEFT, float32, adapter read back by us", again, theirs, 1e-3)
        # BF16 weights on both sides.
        truth = peer.logits(load_adapted(folder / BASE, folder / TUNED, torch.float32), rows)
        theirs = peer.logits(load_adapted(folder / BASE, folder / TUNED, torch.bfloat16), rows)
        expect_as_close("PEFT, bfloat16", outcrop.logits(TUNED, rows), theirs, truth)


if __name__ == "__main__":
    main()
