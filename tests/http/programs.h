#pragma once
// Other programs as clients, and certificates from openssl(1).

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace outcrop::http::test {

/// What a shell command prints to standard output.
inline std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 4096> piece;
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe)) output.append(piece.data(), n);
  ::pclose(pipe);
  return output;
}

inline bool has_program(const std::string& name) {
  return !output_of("command -v " + name + " 2>/dev/null").empty();
}

/// A fresh folder, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = testing::TempDir() + "http_test.XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A self-signed certificate for localhost and 127.0.0.1: certificate.pem and key.pem.
inline void make_certificate(const std::filesystem::path& folder, const std::string& name) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=" + name +
      "' -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout '" + (folder / "key.pem").string() +
      "' -out '" + (folder / "certificate.pem").string() + "' 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
}

}  // namespace outcrop::http::test
