#pragma once
// A node in the test's own process: a log in a folder, with an identity that it trusts.

#include <filesystem>
#include <string>

#include "replica/admission.hpp"
#include "replica/init.hpp"
#include "replica/live_document.hpp"
#include "replica/put.hpp"

namespace musher::testing {

class TestNode {
 public:
  /// Makes folder/name.db and its key, on this document.
  TestNode(const std::filesystem::path& folder, const std::string& name, const DocumentId& document,
           const QuarantineLimits& limits = {});

  [[nodiscard]] Replica& replica() { return replica_; }
  [[nodiscard]] LogReader& log() { return replica_.log(); }
  [[nodiscard]] AuthorId author() const { return replica_.identity()->author(); }

  void trust(const TestNode& other, const std::string& name);
  /// An own insert of this story with the field stage.
  OpRow insert(const std::string& story, const std::string& stage = "1_backlog");
  OpRow write(const OpDraft& draft);
  /// An op that this node's key signs behind the log's back, on top of `prev` and nothing else: it is in no log.
  [[nodiscard]] OpRow fork(const OpRow& prev, const OpDraft& draft, Seq seq = Seq{1});
  /// What its clock says from now on: received_ms and time_ms of what it admits and writes.
  void set_clock(std::int64_t ms) { *clock_ms_ = ms; }

  /// Row by row what this log holds.
  [[nodiscard]] std::vector<OpRow> rows();
  Verdict receive(const OpRow& row);
  /// Every op of another node, in its order.
  void receive_all(TestNode& other);

  [[nodiscard]] LiveDocument document();
  [[nodiscard]] bool shows(const std::string& story);
  [[nodiscard]] std::vector<std::string> quarantine_reasons();

 private:
  std::shared_ptr<std::int64_t> clock_ms_;
  Replica replica_;
};

}  // namespace musher::testing
