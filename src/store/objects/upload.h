#pragma once
// What the operations on multipart uploads share. Private to the object service.

#include "store/objects/state.h"

namespace outcrop::store::objects {

S3Result<Upload> find_upload(ObjectTransaction& view, const ObjectName& name, std::string_view upload_id);

/// The kind of checksum that the upload's parts have.
crypto::ChecksumKind kind_of(const Upload& upload);

}  // namespace outcrop::store::objects
