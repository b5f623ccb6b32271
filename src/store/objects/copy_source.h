#pragma once
// Reading the source of a copy, for whole objects and for parts. Private to the object service.

#include "store/objects/state.h"

namespace outcrop::store::objects {

struct CopySource {
  ObjectVersion version;
  Content content;
};

S3Result<CopySource> read_copy_source(ObjectService::State& state, std::string_view account,
                                      std::string_view bucket, std::string_view key,
                                      std::string_view version_id, const Conditions& conditions);

/// Inside the transaction that names the source's blobs again: the source must still hold them, else they may
/// be about to be removed. operation_aborted when it does not.
S3Status check_still_there(ObjectTransaction& transaction, const CopySource& source);

}  // namespace outcrop::store::objects
