#include "support/scratch_log.hpp"

namespace musher::testing {

ScratchLog::ScratchLog() : ScratchLog(CreateOptions{.document = test_document()}) {}

ScratchLog::ScratchLog(const CreateOptions& options) { must(SqliteOpLog::create(path(), options)); }

std::unique_ptr<SqliteOpLog> ScratchLog::open(OpenMode mode) const { return must(SqliteOpLog::open(path(), mode)); }

}  // namespace musher::testing
