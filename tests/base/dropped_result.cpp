// Must not compile: a Result that nobody looks at is an error. The ctest base.DroppedResultDoesNotCompile
// hands this file to the compiler and waits for its complaint.

#include "base/result.h"

namespace outcrop {

Result<int> number();
Status action();

void forgets_the_errors() {
  number();
  action();
}

}  // namespace outcrop
