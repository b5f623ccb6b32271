#pragma once
// The weights of a loaded model as an export writes them: the base's, with the adapter merged in.

#include "model/foreign_model.h"
#include "model/library.h"

namespace outcrop::model {

/// Rows as floats; W + s B A computed in float from the base's own values. The loaded model must outlive it.
decltype(ForeignModel::read_rows) merged_rows(const LoadedModel& loaded);

}  // namespace outcrop::model
