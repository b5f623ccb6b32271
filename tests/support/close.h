#pragma once
// Error bounds for kernels: how far a result may lie from the exact one follows from the unit roundoffs
// of the types and the number of roundings, not from a number that happened to pass.

#include "kernels/bfloat16.h"

#include <cstdint>
#include <string>
#include <vector>

namespace outcrop::test {

using Values = std::vector<double>;

/// Half the distance from 1 to the next number: the relative error of one rounding to T.
template <class T>
inline constexpr double kUnitRoundoff = 0.0;
template <>
inline constexpr double kUnitRoundoff<float> = 0x1p-24;
template <>
inline constexpr double kUnitRoundoff<bfloat16> = 0x1p-8;
template <>
inline constexpr double kUnitRoundoff<double> = 0x1p-53;

/// Roundings that summing n terms is worth. The worst case is n, but rounding errors behave like
/// independent ones and grow with the square root (Higham & Mary 2019); 4 standard deviations.
double sum_roundings(std::int64_t terms);

/// What a result may differ from the exact one by:
///   stores * unit_roundoff(stored type) * |exact|
///   + (roundings * 2^-24 + narrow * unit_roundoff(stored type)) * magnitude.
struct ErrorBound {
  double roundings = 1.0;  ///< float operations on the way to one element
  double magnitude = 0.0;  ///< of the intermediate values; 0: the largest |exact| of the result
  double stores = 1.0;     ///< roundings to the stored type, the last one included
  double narrow = 0.0;     ///< roundings of intermediate values to the stored type
};

/// Fails the running test, naming the worst element, unless every element of `got` is within the bound.
/// NaN matches NaN only, an infinity itself only.
void expect_close(const Values& got, const Values& exact, const ErrorBound& bound, double stored_roundoff,
                  const std::string& what);

/// For gradients in double against central differences with step h = cbrt(2^-53): truncation h² and
/// cancellation 2^-53 / h are of the same order, 2^-35, relative to the function's and gradient's size.
void expect_gradient(const Values& analytic, const Values& differences, double magnitude,
                     const std::string& what);

}  // namespace outcrop::test
