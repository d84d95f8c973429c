#pragma once
// A temporary folder with a log, in which a test runs the real binaries as a person at a shell would.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace musher::testing {

struct Outcome {
  int code = 0;  ///< exit code; 128 + n when signal n ended it, as a shell says it
  std::string out{};
  std::string err{};
};

class Workshop {
 public:
  Workshop();
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop();

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] std::filesystem::path log() const { return file("pipeline.db"); }

  /// Runs <build>/bin/<words[0]> in the folder; XDG_STATE_HOME is inside it. Ends it after a minute (code 137).
  Outcome run(const std::vector<std::string>& words, const std::string& input = "");
  /// The same, and fails the test unless it ends with 0.
  std::string must(const std::vector<std::string>& words);
  /// Any shell command line, with the binaries first on PATH.
  Outcome shell(const std::string& line);

  /// One SQL statement on the log through the sqlite3 shell; columns are separated by |.
  std::string sql(const std::string& statement);
  /// A value of a JSON document by a path as python writes it: "['story']['fields']['stage']".
  std::string json(const std::string& document, const std::string& path);

  void set(const std::string& variable, const std::string& value) { variables_[variable] = value; }

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::string> variables_;
};

/// Six stories made one after the other, then the stage of the sixth set to 2_current: the incident's log.
void write_incident(Workshop& workshop);

}  // namespace musher::testing
