#pragma once
// The SQL of every migration, one file each. Private to sqlite/schema.cpp.
//
// Times are milliseconds since 1970 in UTC, JSON is TEXT, keys of objects are BLOBs so that they order as
// bytes.

namespace outcrop::store::sqlite {

extern const char kMigration0001[];  ///< accounts, jobs, resources, tags, settings
extern const char kMigration0002[];  ///< buckets, objects, multipart uploads

}  // namespace outcrop::store::sqlite
