#include "support/audited_log.hpp"

#include <fmt/format.h>

#include "support/log_builder.hpp"

namespace musher::testing {
namespace {

void trust(OpLog& log, const Identity& identity, const std::string& name) {
  const auto write = must(log.begin_write(std::chrono::seconds(10)));
  must(write->set_author(
      {kAuditNowMs - 1000, "root", "add", {identity.author(), name, Trust::allowed, false, std::nullopt}}));
  must(write->commit());
}

}  // namespace

AuditedLog::AuditedLog() {
  const auto log = scratch_.open();
  trust(*log, identity_of(1), "alice");
  trust(*log, identity_of(2), "bob");
  LogBuilder alice(*log, identity_of(1));
  LogBuilder bob(*log, identity_of(2));
  std::vector<OpId> items;
  for (int i = 0; i < 5; ++i) {
    LogBuilder& writer = i % 2 == 0 ? alice : bob;
    items.push_back(writer.insert("47" + std::to_string(i) + "_story"));
    writer.set(items.back(), "stage", R"("2_current")");
  }
  for (int i = 0; i < 30; ++i) {
    (i % 3 == 0 ? bob : alice)
        .set(items[static_cast<std::size_t>(i) % 5], i % 2 == 0 ? "stage" : "retry_count", std::to_string(i));
  }
  const OpId secret = bob.set(items[2], "name", R"("a name that should not be here")");
  bob.erase(secret);
  alice.purge(items[4], "474_story");
  alice.remove(items[3]);
  bob.insert("474_story");  // knows of the purge: comes back on purpose
  bob.set(items[0], "stage", R"("5_done")");
}

void AuditedLog::damage(const std::string& sql) const {
  RawDatabase database(path());
  database.drop_triggers();
  database.exec(sql);
}

void AuditedLog::write_on(int ops) const {
  const auto log = scratch_.open();
  LogBuilder alice(*log, identity_of(1));
  const auto first = must(log->rows(std::vector{RowId{1}}));
  const OpId item = std::get<OpRow>(first.at(0)).id;
  for (int i = 0; i < ops; ++i) alice.set(item, "retry_count", std::to_string(i));
}

AuditReport AuditedLog::audit(const std::function<void(AuditRequest&)>& change) const {
  const auto log = scratch_.open(OpenMode::read);
  AuditRequest request;
  request.now_ms = kAuditNowMs;
  if (change) change(request);
  return must(verify_order(*log, request));
}

AuditReport AuditedLog::audit_with_state() const {
  return audit([&](AuditRequest& request) { request.state = state(); });
}

std::string codes(const AuditReport& report) {
  std::string text;
  for (const Finding& finding : report.findings) {
    if (!text.empty()) text += ", ";
    text += kind_of(finding.code).name;
    if (finding.row) text += fmt::format(" {}", raw(*finding.row));
  }
  return text;
}

}  // namespace musher::testing
