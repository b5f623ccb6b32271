"""Models from import to removal: list, show, export to every format, what depends on what."""
import json
import shutil

import house
from house import FAILURE, INVALID, MODEL


class Models(house.House):
    def setUp(self):
        super().setUp()
        settings = ["epochCount=1", "rowTokens=64", "learningRate=0.01"]
        self.customize("adapter", settings=settings)
        self.customize("whole", "--method", "full", settings=settings)

    def say(self, model):
        return self.succeed("chat", model, "--message", "say 1", "--max-tokens", "8")

    def snapshot(self, folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def test_the_list_tells_kind_and_base(self):
        lines = self.succeed("model", "list").splitlines()
        self.assertEqual(lines[0].split(), ["ID", "KIND", "ARCHITECTURE", "PARAMETERS", "CONTEXT", "CREATED"])
        self.assertIn(f"lora of {MODEL}", lines[1])
        self.assertIn("foundation", lines[2])
        self.assertIn(f"full of {MODEL}", lines[3])
        self.assertEqual(self.succeed("model", "list", "--ids").split(), ["adapter", MODEL, "whole"])

    def test_show_tells_where_a_model_came_from(self):
        for model, texts in ((MODEL, ["foundation", "source (huggingface)", "SHA-256"]),
                             ("adapter", [MODEL, "lora", "data SHA-256", "run"]), ("whole", [MODEL, "full"])):
            shown = self.succeed("model", "show", model)
            for text in ["architecture", "llama", "128 tokens", "on disk", *texts]:
                self.assertIn(text, shown)
        bytes_of = {model: json.loads(self.succeed("--json", "model", "show", model))["bytes"] for model in ("adapter", "whole")}
        self.assertLess(bytes_of["adapter"], bytes_of["whole"])

    def test_exports_come_back_and_say_the_same(self):
        for model in (MODEL, "adapter", "whole"):
            for kind in ("hf", "gguf"):
                out = self.folder / f"{model}-{kind}".replace(":", "-")
                said = self.succeed("model", "export", model, "--format", kind, "--out", out)
                self.assertIn(f"exported {model} to {out}", said)
                self.assertEqual("merging the adapter" in said, model == "adapter")
                source = out if kind == "hf" else next(out.glob("*.gguf"))
                again = f"again.{model.replace(':', '-')}-{kind}"
                self.succeed("-q", "model", "import", source, "--id", again)
                if model != "adapter":  # merging rounds
                    self.assertEqual(self.say(again), self.say(model), again)
                else:
                    self.say(again)

    def test_the_adapter_alone_is_a_peft_folder(self):
        out = self.folder / "peft"
        self.succeed("model", "export", "adapter", "--format", "peft", "--out", out)
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["README.md", "adapter_config.json", "adapter_model.safetensors"])
        config = json.loads((out / "adapter_config.json").read_text())
        self.assertEqual((config["peft_type"], config["base_model_name_or_path"]), ("LORA", MODEL))

    def test_what_has_no_adapter_has_no_peft_folder(self):
        for model in (MODEL, "whole"):
            self.refused(INVALID, "model", "export", model, "--format", "peft", "--out", self.folder / "x",
                         says=["has no adapter", "--format hf or gguf"])
        self.assertFalse((self.folder / "x").exists())

    def test_a_folder_with_something_in_it_is_left_alone(self):
        out = self.folder / "out"
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        error = self.refused(FAILURE, "model", "export", MODEL, "--format", "hf", "--out", out,
                             says=["is not empty", "new folder"])
        self.assertNotIn("--replace", error)  # which export does not have
        self.assertEqual(self.snapshot(out), {next(out.glob("mine.txt")).relative_to(out): b"mine"})
        self.refused(FAILURE, "model", "export", MODEL, "--format", "hf", "--out", out / "mine.txt", says="not a folder")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["home", "out", "source", "train.jsonl"])

    def test_an_empty_folder_is_taken(self):
        out = self.folder / "out"
        out.mkdir()
        self.succeed("model", "export", MODEL, "--format", "hf", "--out", f"{out}/")
        self.assertTrue((out / "model.safetensors").exists())

    def test_a_base_stays_while_adapters_are_built_on_it(self):
        self.customize("second", settings=["epochCount=1"])
        error = self.refused(FAILURE, "model", "remove", MODEL, says=["is the base of adapter, second", "remove them first"])
        self.assertNotIn("whole", error)  # has weights of its own
        self.refused(FAILURE, "model", "import", self.source, "--id", MODEL, "--dtype", "f32", "--replace",
                     says=["is the base of", "adapter"])
        self.say("adapter")
        for model in ("adapter", "second", MODEL):
            self.succeed("model", "remove", model)
        self.assertEqual(self.succeed("model", "list", "--ids").split(), ["whole"])
        self.say("whole")
        self.assertEqual(self.models(), ["whole"])

    def test_the_same_weights_may_be_imported_again_below_an_adapter(self):
        before = self.say("adapter")
        self.succeed("model", "import", self.source, "--id", MODEL, "--replace")
        self.assertEqual(self.say("adapter"), before)

    def test_an_adapter_is_no_base_and_the_way_out_works(self):
        self.refused(INVALID, *self.customize_arguments("next")[:2], "adapter", "--train", self.folder / "train.jsonl",
                     "--name", "next", says=["is an adapter on", "--format hf"])
        self.succeed("model", "export", "adapter", "--format", "hf", "--out", self.folder / "merged")
        self.succeed("-q", "model", "import", self.folder / "merged", "--id", "merged.model-v1:0")
        self.succeed("-q", "customize", "--base", "merged.model-v1:0", "--train", self.folder / "train.jsonl",
                     "--name", "next", "--set", "epochCount=1")

    def test_names_that_are_taken_say_what_to_do(self):
        self.refused(FAILURE, "model", "import", self.source, "--id", MODEL, says=["exists already", "--replace"])
        self.refused(FAILURE, *self.customize_arguments("whole"), says=["exists", "--replace"])
        error = self.refused(FAILURE, *self.customize_arguments(MODEL), says=["foundation model", "another name"])
        self.assertNotIn("--replace", error)

    def test_a_model_that_is_not_there_is_named_with_the_nearest(self):
        for arguments in (["model", "show"], ["model", "remove"], ["chat"]):
            self.refused(house.NOT_FOUND, *arguments, "adaptor", *["--message", "x"] if arguments == ["chat"] else [],
                         says="did you mean 'adapter'?")
        self.refused(house.NOT_FOUND, "model", "show", "zzzzzz", says=["installed: adapter, ", MODEL])

    def test_a_damaged_model_is_told_and_can_be_replaced(self):
        weights = self.home / "models" / house.MODEL_FOLDER / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
        for model in (MODEL, "adapter"):
            self.refused(INVALID, "chat", model, "--message", "x", says=[f"loading model '{MODEL}'", "model.safetensors"])
        self.succeed("-q", "model", "import", self.source, "--id", MODEL, "--replace")
        self.say("adapter")

    def test_a_home_can_be_moved(self):
        before = self.say("adapter")
        shutil.move(self.home, self.folder / "moved")
        self.home = self.folder / "moved"
        self.assertEqual(self.say("adapter"), before)


if __name__ == "__main__":
    house.main()
