#include "base/text.h"
#include "formats/safetensors.h"
#include "json/json.h"

#include <algorithm>
#include <array>
#include <system_error>

#include <fmt/format.h>

namespace outcrop::formats {
namespace {

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::uint64_t kMaxIndex = 100'000'000;

bool is_pickle_name(const Path& path) {
  constexpr std::array<std::string_view, 6> kinds{".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"};
  return std::find(kinds.begin(), kinds.end(), path.extension().string()) != kinds.end();
}

tl::unexpected<Error> refuse_pickle(const Path& path) {
  return fail(
      Code::unsupported,
      fmt::format("{}: pickle files can run code when read and are refused; convert to safetensors with "
                  "AutoModelForCausalLM.from_pretrained(...).save_pretrained(..., safe_serialization=True)",
                  path.string()));
}

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// The error for a folder without tensors that we read.
tl::unexpected<Error> nothing_here(const Path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (is_pickle_name(it->path())) return refuse_pickle(it->path());
  }
  if (error)
    return fail(Code::not_found, fmt::format("{}: cannot read folder: {}", folder.string(), error.message()));
  return fail(Code::not_found, fmt::format("{}: has neither {} nor {}", folder.string(), kSingle, kIndex));
}

/// A shard must be a file of the folder itself: an index must not reach other places.
bool is_plain_shard_name(std::string_view name) {
  return name.ends_with(".safetensors") && !name.starts_with('.') &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

using WeightMap = std::map<std::string, std::string, std::less<>>;

Result<WeightMap> read_index(const Path& path) {
  const std::string where = path.string();
  OUTCROP_TRY(const std::string text, read_file(path, kMaxIndex));
  auto json = Json::parse(text, {.max_depth = 8, .max_bytes = kMaxIndex});
  if (!json) return fail(Code::corrupt_data, fmt::format("{}: {}", where, json.error().message));
  const Json& map = (*json)["weight_map"];
  if (!map.is_object() || map.size() == 0) {
    return fail(Code::corrupt_data,
                fmt::format("{}: 'weight_map' must be an object with at least one tensor", where));
  }
  WeightMap weights;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const auto [tensor, value] = map.member(i);
    const auto shard = value.as_string();
    if (!shard || !is_plain_shard_name(*shard)) {
      return fail(
          Code::corrupt_data,
          fmt::format("{}: weight_map['{}'] must be the name of a .safetensors file beside it, found {}", where,
                      shorten(tensor, 120), shorten(value.dump(), 120)));
    }
    weights.emplace(tensor, *shard);
  }
  return weights;
}

std::vector<std::string> shards_of(const WeightMap& weights) {
  std::vector<std::string> shards;
  shards.reserve(weights.size());
  for (const auto& [tensor, shard] : weights) shards.push_back(shard);
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  return shards;
}

}  // namespace

Result<Safetensors> Safetensors::open(const Path& path) {
  if (is_pickle_name(path)) return refuse_pickle(path);
  Safetensors file;
  OUTCROP_CHECK_OK(file.add_file(path));
  return file;
}

Result<Safetensors> Safetensors::open_folder(const Path& folder) {
  if (is_there(folder / kSingle)) return open(folder / kSingle);
  const Path index = folder / kIndex;
  if (!is_there(index)) return nothing_here(folder);
  OUTCROP_TRY(const WeightMap weights, read_index(index));
  Safetensors all;
  for (const std::string& shard : shards_of(weights)) {
    const std::size_t before = all.entries_.size();
    if (auto added = all.add_file(folder / shard); !added) return forward_error(added, index.string());
    for (std::size_t i = before; i < all.entries_.size(); ++i) {
      const auto it = weights.find(all.entries_[i].name);
      if (it == weights.end() || it->second != shard) {
        return fail(Code::corrupt_data, fmt::format("{}: tensor '{}' is in {}, weight_map says {}",
                                                    index.string(), shorten(all.entries_[i].name, 120), shard,
                                                    it == weights.end() ? "nothing" : it->second));
      }
    }
  }
  for (const auto& [tensor, shard] : weights) {
    if (all.find(tensor) == nullptr) {
      return fail(Code::corrupt_data, fmt::format("{}: weight_map names tensor '{}', {} lacks it",
                                                  index.string(), shorten(tensor, 120), shard));
    }
  }
  return all;
}

}  // namespace outcrop::formats
