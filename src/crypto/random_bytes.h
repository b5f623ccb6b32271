#pragma once
// Unpredictable bytes and identifiers, from OpenSSL's generator. For reproducible numbers see base/random.h.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace outcrop::crypto {

/// Fills `bytes` with random ones. Thread-safe. A machine without entropy ends the program: nothing that needs
/// randomness may go on without.
void fill_random(std::span<std::byte> bytes);

inline constexpr std::string_view kLowerAlphanumeric = "0123456789abcdefghijklmnopqrstuvwxyz";
inline constexpr std::string_view kUpperAlphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// `length` characters of `alphabet` (1 to 256 characters), each as likely as any other: job and model
/// identifiers take 12 of kLowerAlphanumeric (62 bits).
std::string random_id(std::size_t length, std::string_view alphabet = kLowerAlphanumeric);

/// A version 4 UUID (RFC 9562, section 5.4): "f81d4fae-7dec-41d0-a765-00a0c91e6bf6".
std::string random_uuid();

}  // namespace outcrop::crypto
