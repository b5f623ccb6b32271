#include "service/customize.h"

#include "model/library.h"
#include "model/trainable.h"
#include "service/customize_data.h"
#include "service/customize_memory.h"
#include "service/customize_run.h"
#include "service/customize_settings.h"
#include "train/fine_tune.h"
#include "train/run_config.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <memory>
#include <new>
#include <span>

#include <fmt/format.h>

namespace outcrop::service {
namespace {

std::string now_utc() {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

Status stop_before_start(const std::stop_token& stop) {
  if (!stop.stop_requested()) return {};
  return fail(Code::cancelled, "stopped before training began; nothing was written");
}

/// All wrong settings in one error.
Result<Settings> read_settings(const CustomizeRequest& request) {
  std::vector<std::string> problems;
  if (auto name = model::check_model_id(request.name); !name) problems.push_back(name.error().message);
  Settings settings = parse_settings(request, problems);
  if (problems.empty()) return settings;
  if (problems.size() == 1) return fail(Code::invalid_argument, problems.front());
  return fail(Code::invalid_argument,
              fmt::format("{} settings are wrong:\n  {}", problems.size(), fmt::join(problems, "\n  ")));
}

/// Everything that is decided before the first byte is written.
struct Job {
  const CustomizeRequest& request;
  std::optional<RunLock> lock;  ///< none for a plan
  model::Library library;
  model::LoadedModel base;
  CustomizeData data;
  EffectiveSettings settings;
  MemoryNeeds needs;
  MemoryPlan memory;
  std::int64_t available = 0;
};

Result<model::LoadedModel> load_base(const model::Library& library, const std::string& id) {
  OUTCROP_TRY(model::LoadedModel base, library.load(id));
  if (base.adapter != nullptr) {
    return fail(Code::unsupported,
                fmt::format("{} is an adapter on {}: customize that one, or export {} merged (--format "
                            "hf) and import it",
                            id, base.info.base, id));
  }
  if (base.model->text() == nullptr) {
    return fail(Code::unsupported, fmt::format("{} has no tokenizer", id));
  }
  return base;
}

/// Whether a model of that name stands in the way.
Status check_name_free(const model::Library& library, const CustomizeRequest& request) {
  const auto existing = library.info(request.name);
  if (!existing) return {};
  if (existing->kind != model::ModelKind::custom) {
    return fail(Code::already_exists,
                fmt::format("{} is a foundation model: choose another name", request.name));
  }
  // A run that was killed after it registered its model, before it was marked finished, registers again.
  const bool own = request.resume && existing->job == request.name;
  if (own || request.replace) return {};
  return fail(Code::already_exists,
              fmt::format("a custom model '{}' exists: choose another name, or give --replace", request.name));
}

Status check_tokens(const CustomizeData& data, const CustomizeRequest& request, const model::Model& model) {
  const Tokenizer& tokenizer = model.text()->tokenizer;
  const std::int64_t rows = model.config().vocab_size;
  OUTCROP_CHECK_OK(check_vocabulary(data.training, request.train, tokenizer, rows));
  if (!data.validation) return {};
  return check_vocabulary(*data.validation, *request.validation, tokenizer, rows);
}

/// Holds the run for this process from before its data is read, so that a second start of the same name learns
/// at once that there is a first one. A plan claims nothing.
Result<std::optional<RunLock>> claim_run(const CustomizeRequest& request) {
  if (request.plan_only) return std::optional<RunLock>();
  OUTCROP_TRY(RunLock lock, RunLock::take(request.home, request.name));
  OUTCROP_CHECK_OK(RunFolder(request.home, request.name).check(request.resume, request.replace));
  return std::optional<RunLock>(std::move(lock));
}

Result<Job> prepare(const CustomizeRequest& request, std::stop_token stop) {
  OUTCROP_TRY(const Settings asked, read_settings(request));
  OUTCROP_TRY(model::Library library, model::Library::open(request.home));
  OUTCROP_CHECK_OK(check_name_free(library, request));
  OUTCROP_TRY(std::optional<RunLock> lock, claim_run(request));
  // Asked before the weights are mapped: the plan counts them, and a limit of the address space counts the map.
  const std::int64_t available = available_memory_bytes();
  OUTCROP_TRY(model::LoadedModel base, load_base(library, request.base));
  OUTCROP_TRY(const data::EncodeOptions encode, resolve_encoding(asked, base.info));
  OUTCROP_CHECK_OK(stop_before_start(stop));
  OUTCROP_TRY(CustomizeData data,
              load_customize_data(request.train, request.validation, *base.model->text(), encode));
  OUTCROP_CHECK_OK(check_tokens(data, request, *base.model));
  OUTCROP_CHECK_OK(stop_before_start(stop));
  OUTCROP_TRY(EffectiveSettings settings,
              resolve_settings(asked, encode, base.info, data.training.count(), data.longest_tokens));
  Job job{
      request, std::move(lock), std::move(library), std::move(base), std::move(data), std::move(settings), {},
      {},      available};
  const auto validation_tokens = job.data.validation ? job.data.validation->tokens.size() : 0;
  job.needs = {&job.base.model->config(),
               job.base.model->dtype(),
               job.settings.lora,
               job.settings.method == "full",
               job.settings.training.row_tokens,
               job.data.longest_tokens,
               static_cast<std::int64_t>(job.data.training.tokens.size() + validation_tokens)};
  job.memory = plan_memory(job.needs);
  return job;
}

CustomizePlan make_plan(const Job& job) {
  CustomizePlan plan;
  plan.configuration = {{"base", job.base.info.id}, {"name", job.request.name}};
  plan.configuration.insert(plan.configuration.end(), job.settings.shown.begin(), job.settings.shown.end());
  plan.memory_bytes = job.memory.bytes;
  plan.memory_total_bytes = job.memory.total;
  plan.memory_available_bytes = job.available;
  plan.records = job.data.training.count();
  plan.tokens = static_cast<std::int64_t>(job.data.training.tokens.size());
  plan.target_tokens = job.data.training.target_tokens;
  plan.steps = train::planned_steps(job.settings.training, plan.records);
  plan.notes = job.data.notes;
  plan.notes.insert(plan.notes.end(), job.settings.notes.begin(), job.settings.notes.end());
  return plan;
}

Json lora_json(const model::LoraConfig& lora) {
  Json targets = Json::array();
  for (const model::Module module : lora.targets) targets.push_back(model::module_name(module));
  return Json::object({{"rank", Json(lora.rank)},
                       {"alpha", Json(lora.alpha)},
                       {"dropout", Json(lora.dropout)},
                       {"rslora", Json(lora.use_rslora)},
                       {"targets", std::move(targets)}});
}

/// What the run is started with, and what a resumed one must be given again.
Json make_config(const Job& job) {
  const model::ModelInfo& base = job.base.info;
  Json config =
      Json::object({{"created", Json(now_utc())},
                    {"name", Json(job.request.name)},
                    {"base", Json(base.id)},
                    {"base_sha256", Json(base.source_sha256)},
                    {"tokenizer_fingerprint", Json(fmt::format("{:016x}", base.tokenizer_fingerprint))},
                    {"template_fingerprint", Json(fmt::format("{:016x}", base.template_fingerprint))},
                    {"method", Json(job.settings.method)}});
  if (job.settings.method == "lora") config.set("lora", lora_json(job.settings.lora));
  config.set("training", train::to_json(job.settings.training));
  config.set("max_sequence_tokens", job.settings.encode.max_sequence_tokens);
  config.set("train_on_turns", job.settings.encode.train_on_all_turns ? "all" : "last");
  config.set("data", Json::object({{"sha256", Json(job.data.training_sha256)},
                                   {"records", Json(job.data.training.count())},
                                   {"tokens", Json(static_cast<std::int64_t>(job.data.training.tokens.size()))},
                                   {"target_tokens", Json(job.data.training.target_tokens)}}));
  return config;
}

Result<std::unique_ptr<model::Trainable>> build_trainable(const Job& job) {
  model::TrainableOptions options;
  options.max_row_tokens = job.settings.training.row_tokens;
  options.train_full = job.settings.method == "full";
  if (!options.train_full) {
    options.lora =
        model::LoraAdapter::initial(job.settings.lora, job.base.model->config(), job.settings.training.seed);
  }
  return model::make_trainable(job.base.model, std::move(options));
}

/// Turns the loop's step reports into progress for a person: the loss is smoothed.
class ProgressReporter {
 public:
  explicit ProgressReporter(const CustomizeObserver& observer) : observer_(observer) {}

  void phase(CustomizeProgress::Phase phase) {
    last_.phase = phase;
    if (observer_.on_progress) observer_.on_progress(last_);
  }

  void step(const train::StepReport& report) {
    constexpr double kKeep = 0.9;
    sum_ = kKeep * sum_ + (1.0 - kKeep) * report.loss;
    weight_ = kKeep * weight_ + (1.0 - kKeep);
    last_.step = report.step;
    last_.steps = report.steps;
    last_.epoch = report.epoch;
    last_.loss = sum_ / weight_;
    if (report.validation_loss) last_.validation_loss = report.validation_loss;
    last_.tokens_per_second = report.tokens_per_second;
    last_.seconds_left = report.seconds_left;
    phase(CustomizeProgress::Phase::training);
  }

 private:
  const CustomizeObserver& observer_;
  CustomizeProgress last_;
  double sum_ = 0.0;
  double weight_ = 0.0;
};

/// A model that did not learn, or broke while learning, is not a result.
Status check_worth_saving(const train::FineTuneResult& trained, std::span<const float> parameters) {
  if (trained.steps == 0) return fail(Code::internal, "no step was trained, no model is made");
  const bool finite =
      std::all_of(parameters.begin(), parameters.end(), [](float x) { return std::isfinite(x); });
  if (!finite || !std::isfinite(trained.final_loss)) {
    return fail(Code::invalid_argument,
                fmt::format("after {} steps the parameters are not finite, no model is made; start anew with a "
                            "lower learningRate and --replace",
                            trained.steps));
  }
  return {};
}

Status register_model(const Job& job, model::Trainable& trainable, const Path& run_folder) {
  model::Library::CustomModel custom;
  custom.name = job.request.name;
  custom.base = job.base.info.id;
  custom.method = job.settings.method;
  custom.job = job.request.name;
  custom.data_sha256 = job.data.training_sha256;
  custom.replace = true;  // check_name_free has the user's word
  std::optional<model::LoraAdapter> adapter;
  if (job.settings.method == "lora") {
    adapter = trainable.adapter();
    OUTCROP_CHECK_OK(model::save_adapter(run_folder / "adapter", *adapter, job.base.info.id));
    custom.adapter = &*adapter;
  } else {
    custom.weights = trainable.parameters();
  }
  if (auto added = job.library.add_custom(custom); !added) return forward_error(added, "registering the model");
  return {};
}

CustomizeResult make_result(const Job& job, const train::FineTuneResult& trained, const Path& run_folder) {
  CustomizeResult result;
  result.model = job.request.name;
  result.run_folder = run_folder;
  result.steps = trained.steps;
  result.train_loss = trained.final_loss;
  result.best_validation_loss = trained.best_validation_loss;
  result.seconds = trained.seconds;
  result.tokens_per_second = static_cast<double>(trained.tokens) / std::max(trained.seconds, 1e-9);
  return result;
}

Json to_json(const CustomizeResult& result, const train::FineTuneResult& trained) {
  Json json = Json::object({{"model", Json(result.model)},
                            {"finished", Json(now_utc())},
                            {"steps", Json(trained.steps)},
                            {"first_loss", Json(trained.first_loss)},
                            {"train_loss", Json(trained.final_loss)},
                            {"stopped_early", Json(trained.stopped_early)},
                            {"tokens", Json(trained.tokens)},
                            {"seconds", Json(trained.seconds)}});
  if (trained.best_validation_loss) {
    json.set("best_validation_loss", *trained.best_validation_loss);
    json.set("best_step", trained.best_step);
  }
  return json;
}

Result<CustomizeResult> run_job(const Job& job, ProgressReporter& reporter, std::stop_token stop) {
  const CustomizeRequest& request = job.request;
  const RunFolder folder(request.home, request.name);
  const bool resume = request.resume && folder.state() == RunState::unfinished;
  const Json config = make_config(job);
  OUTCROP_CHECK_OK(resume ? folder.check_same_config(config) : folder.create(config));

  OUTCROP_TRY(const auto trainable, build_trainable(job));
  const data::EncodedExamples* validation = job.data.validation ? &*job.data.validation : nullptr;
  OUTCROP_TRY(const train::FineTuneResult trained,
              train::fine_tune(
                  *trainable, job.data.training, validation, job.settings.training, folder.path(), resume,
                  [&](const train::StepReport& report) { reporter.step(report); }, stop));
  reporter.phase(CustomizeProgress::Phase::saving);
  OUTCROP_CHECK_OK(check_worth_saving(trained, trainable->parameters()));
  OUTCROP_CHECK_OK(register_model(job, *trainable, folder.path()));
  CustomizeResult result = make_result(job, trained, folder.path());
  OUTCROP_CHECK_OK(folder.finish(to_json(result, trained)));
  return result;
}

Result<CustomizeResult> customize_once(const CustomizeRequest& request, const CustomizeObserver& observer,
                                       std::stop_token stop) {
  ProgressReporter reporter(observer);
  reporter.phase(CustomizeProgress::Phase::preparing);
  OUTCROP_TRY(const Job job, prepare(request, stop));
  if (observer.on_plan) observer.on_plan(make_plan(job));
  OUTCROP_CHECK_OK(check_memory(job.needs, job.memory, job.available));
  if (!request.plan_only) return run_job(job, reporter, std::move(stop));
  CustomizeResult planned;
  planned.run_folder = RunFolder(request.home, request.name).path();
  return planned;
}

}  // namespace

Result<CustomizeResult> customize(const CustomizeRequest& request, const CustomizeObserver& observer,
                                  std::stop_token stop) {
  try {
    return customize_once(request, observer, std::move(stop));
  } catch (const std::bad_alloc&) {
    return fail(Code::out_of_memory,
                fmt::format("customizing {}: the operating system gave no more memory", request.base));
  }
}

}  // namespace outcrop::service
