"""Model files that are broken, cut short, hostile or of another kind: refused by name, and nothing of them stays."""
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import time

import house
from house import INVALID, MODEL, NOT_FOUND

IMPORT_FAILURES = (house.FAILURE, INVALID, NOT_FOUND, house.NO_ROOM)


class Imports(house.House):
    def setUp(self):
        super().setUp()
        self.before = self.models()

    def refuse(self, source, *says, status=INVALID):
        error = self.refused(status, "model", "import", source, "--id", "bad.model-v1:0", says=says)
        self.assertEqual(self.models(), self.before)
        return error

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path


class GgufFiles(Imports):
    def setUp(self):
        super().setUp()
        out = self.folder / "gguf"
        self.succeed("-q", "model", "export", MODEL, "--format", "gguf", "--type", "f32", "--out", out)
        self.good = next(out.iterdir()).read_bytes()

    def patch_tensor_type(self, name, number):
        """The file with another number where the tensor's type stands: name, u32 dimensions, u64 each, u32 type."""
        at = self.good.index(struct.pack("<Q", len(name)) + name) + 8 + len(name)
        dimensions, = struct.unpack_from("<I", self.good, at)
        at += 4 + 8 * dimensions
        return self.good[:at] + struct.pack("<I", number) + self.good[at + 4:]

    def test_the_file_itself_is_good(self):
        self.succeed("model", "import", self.file("good.gguf", self.good), "--id", "good.model-v1:0")

    def test_every_truncation_is_refused(self):
        rng = random.Random(1)
        lengths = [0, 1, 4, 8, 24, len(self.good) - 1] + [rng.randrange(len(self.good)) for _ in range(30)]
        for length in lengths:
            with self.subTest(length=length):
                self.refuse(self.file("short.gguf", self.good[:length]), "short.gguf")

    def test_counts_beyond_the_file_are_refused(self):
        for at in (8, 16):
            huge = self.good[:at] + struct.pack("<Q", 1 << 60) + self.good[at + 8:]
            self.refuse(self.file("huge.gguf", huge), "huge.gguf")

    def test_an_unknown_architecture_is_named_with_the_known_ones(self):
        value = struct.pack("<IQ", 8, 5)
        key = b"general.architecture" + value
        other = self.good.replace(key + b"llama", key + b"mamba", 1)
        self.assertNotEqual(other, self.good)
        self.refuse(self.file("other.gguf", other), "other.gguf", "'mamba'", "llama", "gemma3")

    def test_an_unknown_tensor_type_is_named_with_the_known_ones(self):
        for number, name in ((16, "IQ2_XXS"), (999, "999")):
            self.refuse(self.file("typed.gguf", self.patch_tensor_type(b"blk.0.attn_q.weight", number)),
                        "blk.0.attn_q.weight", name, "Q4_0", "BF16")

    def test_random_damage_never_crashes_and_never_stays(self):
        seed = random.SystemRandom().randrange(1 << 30)
        rng = random.Random(seed)
        header = self.good.index(b"token_embd.weight") + 2000
        for number in range(40):
            with self.subTest(seed=seed, number=number):
                damaged = bytearray(self.good)
                for _ in range(rng.randrange(1, 6)):
                    damaged[rng.randrange(4, min(header, len(damaged)))] = rng.randrange(256)
                path = self.file("damaged.gguf", bytes(damaged))
                done = self.run_outcrop("model", "import", path, "--id", "bad.model-v1:0", "--replace")
                if done.returncode != 0:  # a changed letter of a token is no fault that could be seen
                    self.assertIn(done.returncode, IMPORT_FAILURES, done.stderr)
                    self.assertNotIn("this should not happen", done.stderr)
                self.assertEqual([name for name in self.models() if name.startswith(".")], [])


    def test_words_of_a_file_cannot_drive_the_terminal(self):
        """An architecture's name with an escape sequence, a C1 control and a byte that is no UTF-8."""
        key = b"general.architecture" + struct.pack("<IQ", 8, 5)
        other = self.good.replace(key + b"llama", key + b"\x1b[\xc2\x9b\xff", 1)
        error = self.refuse(self.file("other.gguf", other), "'\\x1b[\\x9b\ufffd'")
        self.assertNotIn("\x1b", error)


class Folders(Imports):
    def edit_config(self, **changes):
        path = self.source / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def weights(self):
        path = self.source / "model.safetensors"
        content = path.read_bytes()
        length, = struct.unpack_from("<Q", content)
        return path, json.loads(content[8:8 + length]), content[8 + length:]

    def write_weights(self, header, data):
        text = json.dumps(header).encode()
        (self.source / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)

    def test_truncated_weights_are_refused(self):
        path = self.source / "model.safetensors"
        content = path.read_bytes()
        for length in (0, 4, 100, len(content) // 2, len(content) - 1):
            with self.subTest(length=length):
                path.write_bytes(content[:length])
                self.refuse(self.source, "model.safetensors")

    def test_a_header_length_beyond_the_file_is_refused(self):
        path = self.source / "model.safetensors"
        path.write_bytes(struct.pack("<Q", 1 << 62) + path.read_bytes()[8:])
        self.refuse(self.source, "model.safetensors", "header")

    def test_offsets_outside_or_over_each_other_are_refused(self):
        _, header, data = self.weights()
        name = "model.norm.weight"
        begin, end = header[name]["data_offsets"]
        for offsets in ([begin + len(data), end + len(data)], [0, end - begin], [end, begin]):
            header[name]["data_offsets"] = offsets
            self.write_weights(header, data)
            self.refuse(self.source, "model.safetensors: tensor 'model.")

    def test_an_unknown_dtype_is_named_with_the_known_ones(self):
        _, header, data = self.weights()
        header["model.norm.weight"]["dtype"] = "F4_E2M1"
        self.write_weights(header, data)
        self.refuse(self.source, "F4_E2M1", "BF16")

    def test_a_known_dtype_that_holds_no_weights_is_named(self):
        _, header, data = self.weights()
        header["model.norm.weight"]["dtype"] = "I32"
        self.write_weights(header, data)
        self.refuse(self.source, "model.norm.weight", "I32", "BF16")

    def test_missing_and_foreign_tensors_are_named(self):
        _, header, data = self.weights()
        header["model.norm.wait"] = header.pop("model.norm.weight")
        self.write_weights(header, data)
        self.refuse(self.source, "'model.norm.weight' is missing", "'model.norm.wait'")

    def test_an_unknown_architecture_is_named_with_the_known_ones(self):
        self.edit_config(model_type="mamba", architectures=["MambaForCausalLM"])
        self.refuse(self.source, "'mamba'", "llama", "gemma3")

    def test_impossible_sizes_are_refused(self):
        before = (self.source / "config.json").read_text()
        for field, value, says in (("hidden_size", -1, "width"), ("hidden_size", 1 << 62, "width"),
                                   ("num_attention_heads", 0, "heads"), ("num_hidden_layers", 1 << 40, "layers"),
                                   ("num_hidden_layers", -1, "layers"), ("vocab_size", "many", "vocab_size"),
                                   ("vocab_size", 1 << 40, "vocabulary"), ("max_position_embeddings", 0, "context"),
                                   ("num_key_value_heads", 7, "heads"), ("rms_norm_eps", -1, "eps")):
            with self.subTest(field=field, value=value):
                self.edit_config(**{field: value})
                self.refuse(self.source, "config.json", says, str(value))
                (self.source / "config.json").write_text(before)

    def test_a_broken_config_is_refused_with_its_place(self):
        (self.source / "config.json").write_text('{"model_type": "llama",')
        self.refuse(self.source, "config.json")

    def test_an_index_cannot_reach_outside_the_folder(self):
        (self.source / "model.safetensors").rename(self.folder / "outside.safetensors")
        index = {"weight_map": {name: "../outside.safetensors" for name in self.weights_of_outside()}}
        (self.source / "model.safetensors.index.json").write_text(json.dumps(index))
        self.refuse(self.source, "../outside.safetensors", "beside it")

    def weights_of_outside(self):
        content = (self.folder / "outside.safetensors").read_bytes()
        length, = struct.unpack_from("<Q", content)
        return [name for name in json.loads(content[8:8 + length]) if name != "__metadata__"]

    def test_a_missing_or_broken_tokenizer_is_named(self):
        (self.source / "tokenizer.json").write_text("{}")
        self.refuse(self.source, "tokenizer")
        (self.source / "tokenizer.json").unlink()
        self.refuse(self.source, "tokenizer.json is missing")

    def test_a_chat_template_that_does_not_parse_is_named(self):
        path = self.source / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "chat_template": "{% for m in %}"}))
        self.refuse(self.source, "template")

    def test_a_peft_adapter_is_no_whole_model(self):
        (self.source / "config.json").rename(self.source / "adapter_config.json")
        self.refuse(self.source, "PEFT adapter")

    def test_a_folder_with_a_gguf_file_says_so(self):
        other = self.folder / "other"
        other.mkdir()
        (other / "x.gguf").write_bytes(b"GGUF")
        self.refuse(other, "x.gguf", "import that file")


class OtherKinds(Imports):
    def test_pickles_are_known_by_their_content(self):
        for name in ("model.gguf", "model", "pytorch_model.bin"):
            for content in (b"PK\x03\x04archive/data.pkl", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"\x80\x04\x95x"):
                error = self.refuse(self.file(name, content), name, "pickle", "safetensors", "GGUF")
                self.assertIn("save_pretrained", error)

    def test_pickles_are_known_by_their_name(self):
        for name in ("model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"):
            self.refuse(self.file(name, b"(dp0\n."), name, "pickle", "safetensors")

    def test_a_folder_that_has_only_a_pickle_says_what_to_do(self):
        (self.source / "model.safetensors").unlink()
        (self.source / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
        self.refuse(self.source, "pytorch_model.bin", "pickle", "safetensors")

    def test_a_pickle_under_the_name_of_safetensors_is_refused(self):
        for content in (b"PK\x03\x04" + bytes(100), b"\x80\x02}q\x00." + bytes(100), b"\x80\x04\x95" + bytes(100)):
            (self.source / "model.safetensors").write_bytes(content)
            self.refuse(self.source, "pickle")

    def test_what_the_web_gives_instead_of_a_model_is_told(self):
        self.refuse(self.file("a.gguf", b"<!DOCTYPE html><html>"), "web page")
        self.refuse(self.file("b.gguf", b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer")
        self.refuse(self.file("c.gguf", b"hello"), "does not start with 'GGUF'")

    def test_one_file_of_a_folder_asks_for_the_folder(self):
        for name in ("model.safetensors", "config.json"):
            self.refuse(self.source / name, "give the folder")

    def test_what_is_no_file_is_refused(self):
        os.mkfifo(self.folder / "pipe.gguf")
        self.refuse(self.folder / "pipe.gguf", "regular file")
        self.refuse(self.folder / "nothing.gguf", "does not exist", status=NOT_FOUND)
        self.refuse(pathlib.Path("/dev/zero"), "regular file")

    def test_ids_that_would_leave_the_home_are_refused(self):
        for name in ("../x", "a/b", "..", ".hidden", "", "a\nb", "x" * 101):
            self.refused(INVALID, "model", "import", self.source, "--id", name, says="model id")
        self.assertEqual(self.models(), self.before)


class Stopped(Imports):
    def test_a_killed_import_leaves_no_model(self):
        """At any moment: what is left is hidden, and the next import of that id works."""
        rng = random.Random(5)
        for number in range(6):
            process = subprocess.Popen(self.command("-q", "model", "import", self.source, "--id", "half.model-v1:0",
                                                    "--replace"), stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
            process.wait()
            listed = json.loads(self.succeed("--json", "model", "list", "--ids"))["ids"]
            if "half.model-v1:0" in listed:
                self.succeed("chat", "half.model-v1:0", "--message", "hi", "--max-tokens", "1")
        self.succeed("-q", "model", "import", self.source, "--id", "half.model-v1:0", "--replace")


del Imports  # a base only
if __name__ == "__main__":
    house.main()
