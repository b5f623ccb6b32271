#include "cli/cli.h"

int main(int argc, char** argv) {
  return outcrop::cli::run(argc, argv);
}
