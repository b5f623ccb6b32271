#pragma once
// The command line of Outcrop: called by main() with its arguments.

namespace outcrop::cli {

/// Parses, runs one command, reports its error; returns the process's exit status (cli/exit_codes.h).
/// Call it once, before the process has any other thread.
int run(int argc, const char* const* argv);

}  // namespace outcrop::cli
