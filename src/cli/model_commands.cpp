// outcrop model import | list | show | export | remove.

#include "base/text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "service/models.h"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace outcrop::cli {
namespace {

using model::ExportFormat;
using model::ModelInfo;
using model::ModelKind;

constexpr const char* kImportFooter =
    R"(The file is converted once into the home; the original is not needed afterwards.

Examples:
  outcrop model import SmolLM2.gguf --id huggingface.smollm2-135m-instruct-v1:0
  outcrop model import ./Llama-3.2-1B-Instruct --id meta.llama3-2-1b-instruct-v1:0
  outcrop model import model.gguf --id my.model-v1:0 --dtype f32 --replace)";

constexpr const char* kListFooter = R"(Examples:
  outcrop model list
  outcrop model list --json
  outcrop model list --ids        # one id a line, for scripts)";

constexpr const char* kShowFooter = R"(Examples:
  outcrop model show my-model
  outcrop model show my-model --json)";

constexpr const char* kExportFooter =
    R"(Formats: hf is a Hugging Face folder (Transformers, vLLM); gguf one file (llama.cpp, Ollama); peft the adapter
alone, for models made with --method lora. hf and gguf have the adapter merged into the weights.

Examples:
  outcrop model export my-model --format hf --out my-model-hf
  outcrop model export my-model --format gguf --type q8_0 --out my-model-gguf
  outcrop model export my-model --format peft --out my-adapter)";

constexpr const char* kRemoveFooter = R"(A model that others are built on stays until those are removed.

Examples:
  outcrop model remove my-model)";

std::string_view to_string(ModelKind kind) {
  return kind == ModelKind::foundation ? "foundation" : "custom";
}

std::string count_text(std::int64_t count) {
  if (count >= 1'000'000'000) return fmt::format("{:.1f}B", static_cast<double>(count) * 1e-9);
  if (count >= 1'000'000) return fmt::format("{:.0f}M", static_cast<double>(count) * 1e-6);
  return fmt::format("{}", count);
}

Json to_json(const ModelInfo& info) {
  Json json = Json::object({{"id", info.id},
                            {"kind", to_string(info.kind)},
                            {"architecture", info.architecture},
                            {"parameters", info.parameters},
                            {"context_length", info.context_length},
                            {"dtype", info.dtype},
                            {"created", info.created}});
  if (info.kind == ModelKind::custom) {
    json.set("base", info.base);
    json.set("method", info.method);
    json.set("job", info.job);
    json.set("data_sha256", info.source_sha256);
  } else {
    json.set("source", info.source);
    json.set("source_format", info.source_format);
    json.set("source_sha256", info.source_sha256);
  }
  json.set("template_fingerprint", fmt::format("{:016x}", info.template_fingerprint));
  json.set("tokenizer_fingerprint", fmt::format("{:016x}", info.tokenizer_fingerprint));
  return json;
}

std::string render(const ModelInfo& info, std::int64_t bytes) {
  std::vector<std::pair<std::string, std::string>> fields{
      {"id", info.id},
      {"kind", std::string(to_string(info.kind))},
      {"architecture", info.architecture},
      {"parameters", count_text(info.parameters)},
      {"context", fmt::format("{} tokens", info.context_length)},
      {"weights", info.dtype},
      {"on disk", format_bytes(static_cast<std::uint64_t>(bytes))},
      {"created", info.created}};
  if (info.kind == ModelKind::custom) {
    fields.insert(fields.end(), {{"base", info.base},
                                 {"method", info.method},
                                 {"run", info.job},
                                 {"data SHA-256", info.source_sha256}});
  } else {
    fields.insert(fields.end(), {{"source", fmt::format("{} ({})", printable(info.source), info.source_format)},
                                 {"source SHA-256", info.source_sha256}});
  }
  return render_fields(fields);
}

/// Shows the bytes and hears Ctrl-C.
model::Progress byte_progress(ProgressLine& line, std::string label, std::stop_token stop) {
  return [&line, label = std::move(label), stop = std::move(stop)](std::int64_t done, std::int64_t total) {
    const double fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0.0;
    line.update(label, fraction,
                fmt::format("{} of {}", format_bytes(static_cast<std::uint64_t>(done)),
                            format_bytes(static_cast<std::uint64_t>(total))));
    return !stop.stop_requested();
  };
}

ProgressLine::Mode progress_mode(const Invocation& invocation) {
  return ProgressLine::mode_for(invocation.globals.quiet || invocation.globals.json);
}

Status import_model(const Invocation& invocation, const Path& source, model::ImportOptions options) {
  ProgressLine line(progress_mode(invocation));
  options.progress = byte_progress(line, "importing", invocation.interrupts->begin());
  const auto info = service::import_model(invocation.home(), source, options);
  line.clear();
  if (!info) return tl::unexpected<Error>(info.error());
  if (invocation.globals.json) {
    print_json_document(to_json(*info));
  } else if (!invocation.globals.quiet) {
    print(fmt::format("imported {}: {}, {} parameters, context {} tokens\n", info->id, info->architecture,
                      count_text(info->parameters), info->context_length));
    print(fmt::format(
        "next:  outcrop chat {}\n       outcrop customize --base {} --train train.jsonl --name my-model\n",
        info->id, info->id));
  }
  return {};
}

Status list_models(const Invocation& invocation, bool ids_only) {
  OUTCROP_TRY(const std::vector<ModelInfo> models, service::list_models(invocation.home()));
  if (ids_only && !invocation.globals.json) {
    for (const ModelInfo& info : models) print(info.id + "\n");
    return {};
  }
  if (invocation.globals.json) {
    Json list = Json::array();
    for (const ModelInfo& info : models) list.push_back(ids_only ? Json(info.id) : to_json(info));
    print_json_document(Json::object({{ids_only ? "ids" : "models", std::move(list)}}));
    return {};
  }
  if (models.empty()) {
    print("no models yet\nnext:  outcrop model import FILE.gguf --id PROVIDER.NAME-v1:0\n");
    return {};
  }
  Table table({"ID", "KIND", "ARCHITECTURE", "PARAMETERS", "CONTEXT", "CREATED"}, {3, 4});
  for (const ModelInfo& info : models) {
    const std::string kind =
        info.kind == ModelKind::foundation ? "foundation" : fmt::format("{} of {}", info.method, info.base);
    table.add({info.id, kind, info.architecture, count_text(info.parameters),
               fmt::format("{}", info.context_length), info.created});
  }
  print(table.render());
  return {};
}

Status show_model(const Invocation& invocation, const std::string& id) {
  OUTCROP_TRY(const ModelInfo info, service::show_model(invocation.home(), id));
  const std::int64_t bytes = service::model_bytes(invocation.home(), id);
  if (invocation.globals.json) {
    Json json = to_json(info);
    json.set("bytes", bytes);
    print_json_document(json);
  } else {
    print(render(info, bytes));
  }
  return {};
}

Status export_model(const Invocation& invocation, const std::string& id, const Path& out,
                    model::ExportOptions options) {
  ProgressLine line(progress_mode(invocation));
  options.progress = byte_progress(line, "exporting", invocation.interrupts->begin());
  const auto report = service::export_model(invocation.home(), id, out, options);
  line.clear();
  if (!report) return tl::unexpected<Error>(report.error());
  if (invocation.globals.json) {
    Json files = Json::array();
    for (const Path& file : report->files) files.push_back(file.string());
    print_json_document(Json::object({{"id", id},
                                      {"out", out.string()},
                                      {"files", std::move(files)},
                                      {"merged", report->merged},
                                      {"max_logit_delta", report->max_logit_delta},
                                      {"mean_kl", report->mean_kl}}));
    return {};
  }
  if (invocation.globals.quiet) return {};
  print(fmt::format("exported {} to {}\n", id, out.string()));
  for (const Path& file : report->files) print(fmt::format("  {}\n", file.filename().string()));
  if (report->merged) {
    print(
        fmt::format("merging the adapter moved the logits by {:.3g} at most, {:.2g} nats a token on average\n",
                    report->max_logit_delta, report->mean_kl));
  }
  return {};
}

Status remove_model(const Invocation& invocation, const std::string& id) {
  OUTCROP_CHECK_OK(service::remove_model(invocation.home(), id));
  if (invocation.globals.json) {
    print_json_document(Json::object({{"removed", id}}));
  } else if (!invocation.globals.quiet) {
    print(fmt::format("removed {}\n", id));
  }
  return {};
}

void add_import(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("import", "Bring in a GGUF file or a Hugging Face folder");
  command->footer(kImportFooter);
  struct Options {
    Path source;
    std::string dtype = "bf16";
    model::ImportOptions import;
  };
  auto options = std::make_shared<Options>();
  command->add_option("source", options->source, "GGUF file or folder with safetensors")
      ->required()
      ->type_name("PATH");
  command->add_option("--id", options->import.id, "Id to give it: provider.name-v1:0")
      ->required()
      ->type_name("ID");
  command->add_option("--dtype", options->dtype, "Type of the stored weights (default: bf16)")
      ->check(CLI::IsMember({"bf16", "f32"}))
      ->option_text("{bf16,f32}");
  command->add_flag("--replace", options->import.replace, "Replace a model of that id");
  command->callback([options, &invocation] {
    options->import.dtype = options->dtype == "f32" ? DType::f32 : DType::bf16;
    invocation.action = [options, &invocation] {
      return import_model(invocation, options->source, options->import);
    };
  });
}

void add_list(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("list", "List the installed models");
  command->footer(kListFooter);
  auto ids_only = std::make_shared<bool>(false);
  command->add_flag("--ids", *ids_only, "Only the ids, one a line");
  command->callback([ids_only, &invocation] {
    invocation.action = [ids_only, &invocation] { return list_models(invocation, *ids_only); };
  });
}

void add_show(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("show", "Show what a model is and where it came from");
  command->footer(kShowFooter);
  auto id = std::make_shared<std::string>();
  command->add_option("id", *id, "Model to show")->required()->type_name("MODEL");
  command->callback(
      [id, &invocation] { invocation.action = [id, &invocation] { return show_model(invocation, *id); }; });
}

void add_export(CLI::App& models, Invocation& invocation) {
  CLI::App* command =
      models.add_subcommand("export", "Take a model away: Hugging Face folder, GGUF or PEFT adapter");
  command->footer(kExportFooter);
  struct Options {
    std::string id;
    std::string format;
    Path out;
    model::ExportOptions formats;
  };
  auto options = std::make_shared<Options>();
  command->add_option("id", options->id, "Model to export")->required()->type_name("MODEL");
  command->add_option("--format", options->format, "What to write")
      ->required()
      ->check(CLI::IsMember({"hf", "gguf", "peft"}))
      ->option_text("{hf,gguf,peft} REQUIRED");
  command->add_option("--type", options->formats.gguf_type, "Tensor type of a GGUF file (default: bf16)")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "q8_0", "q4_0"}))
      ->option_text("{f32,f16,bf16,q8_0,q4_0}");
  command->add_option("--out", options->out, "New or empty folder")->required()->type_name("DIR");
  command->callback([options, &invocation] {
    options->formats.format = options->format == "gguf"   ? ExportFormat::gguf
                              : options->format == "peft" ? ExportFormat::peft
                                                          : ExportFormat::huggingface;
    invocation.action = [options, &invocation] {
      return export_model(invocation, options->id, options->out, options->formats);
    };
  });
}

void add_remove(CLI::App& models, Invocation& invocation) {
  CLI::App* command = models.add_subcommand("remove", "Delete a model from the home");
  command->footer(kRemoveFooter);
  auto id = std::make_shared<std::string>();
  command->add_option("id", *id, "Model to delete")->required()->type_name("MODEL");
  command->callback(
      [id, &invocation] { invocation.action = [id, &invocation] { return remove_model(invocation, *id); }; });
}

}  // namespace

void add_model_commands(CLI::App& app, Invocation& invocation) {
  CLI::App* models =
      app.add_subcommand("model", "Import, list, show, export and remove models")->group("Models");
  models->require_subcommand(1);
  add_import(*models, invocation);
  add_list(*models, invocation);
  add_show(*models, invocation);
  add_export(*models, invocation);
  add_remove(*models, invocation);
}

}  // namespace outcrop::cli
