#pragma once
// Quick measurements of this machine for doctor.cpp: about a third of a second each.

namespace outcrop::service {

double measure_float_gflops();
double measure_bfloat16_gflops();
/// Reading memory that no cache holds, all compute threads.
double measure_memory_gb_per_second();

}  // namespace outcrop::service
