#pragma once
// A deterministic world for the real sync, replica and document code: several nodes with real files in one process,
// a clock, a network and a disk that a seed decides about. The same seed gives the same trace.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "oplog/sqlite_op_log.hpp"
#include "replica/live_document.hpp"
#include "support/faulty_vfs.hpp"
#include "sync/engine.hpp"

namespace musher::testing {

/// What the world does to messages and nodes.
struct Weather {
  double cut = 0;  ///< of messages: the connection breaks instead of carrying it
  std::chrono::microseconds least_latency{100};
  std::chrono::microseconds most_latency{
      20'000};  ///< a message takes anything between: connections overtake each other
};

class SyncWorld;

/// One end of a connection in the world.
class SimLink final : public sync::Link {
 public:
  SimLink(SyncWorld& world, std::string address) : world_(world), address_(std::move(address)) {}

  void send(std::string message) override;
  [[nodiscard]] std::size_t queued_bytes() const override { return queued_; }
  void pause(bool paused) override;
  void allow(std::size_t message_bytes) override { message_bytes_ = message_bytes; }
  void close(std::uint16_t code, std::string_view reason) override;
  void end_closing() override;
  [[nodiscard]] std::string address() const override { return address_; }
  [[nodiscard]] std::optional<sync::ChannelBinding> binding() const override { return std::nullopt; }

  void start(std::shared_ptr<sync::LinkUser> user);
  /// The connection breaks: each end hears of it at a time of its own.
  void cut();
  /// The process that held this end is gone.
  void orphan() { user_.reset(); }

 private:
  friend class SyncWorld;
  struct Arrived {
    std::string message;
    bool taken = false;  ///< the sender has it off its queue
  };
  void arrive(std::string message);
  void taken(std::size_t bytes);
  void end(std::uint16_t code, std::string reason, bool by_peer);
  void deliver();

  SyncWorld& world_;
  const std::string address_;
  std::weak_ptr<SimLink> other_;
  std::weak_ptr<SimLink> self_;
  std::shared_ptr<sync::LinkUser> user_;
  std::chrono::microseconds last_arrival_{};
  std::size_t queued_ = 0;
  bool above_low_water_ = false;
  std::queue<Arrived> arrived_;
  std::size_t arrived_bytes_ = 0;
  std::size_t message_bytes_ = sync::kMaxGreetingBytes;
  bool paused_ = false;
  bool closing_ = false;
  std::uint16_t closing_code_ = 0;
  std::string closing_reason_;
  bool closed_ = false;
};

/// A node with a file of its own. Crashing drops everything but the file, as kill -9 leaves it.
class SimNode final : public sync::Services {
 public:
  SimNode(SyncWorld& world, std::filesystem::path folder, std::string name, const DocumentId& document);

  void start();
  /// It ends as a server does on SIGTERM.
  void stop();
  void crash();
  /// While it runs, on a bad disk: of what was not synced, any sectors are there.
  void lose_power();
  /// Behind so many more writes and syncs; it crashes in the middle of what it does then.
  void lose_power_after(std::size_t more);
  /// Before it starts. At first 2,000 ops: a test can fill it.
  void limit_quarantine(const QuarantineLimits& to);
  [[nodiscard]] std::uint64_t most_waiting() const { return quarantine_limits_.ops; }
  [[nodiscard]] bool running() const { return engine_ != nullptr; }
  /// A copy of the file, and the file as it was then; key and state folder stay. While it is crashed only.
  void back_up();
  [[nodiscard]] bool has_backup() const;
  void restore();

  /// An own write, as a put or purge of a shell; false when it was refused: also while an own op is elsewhere.
  bool write(const std::function<Result<void>(Replica&)>& job);
  void trust(const AuthorId& author, const std::string& name, bool eraser = false);
  /// False: its disk failed.
  bool revoke(const AuthorId& author);
  [[nodiscard]] AuthorId author() const { return author_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] sync::Engine& engine() { return *engine_; }
  [[nodiscard]] Replica& replica() { return *replica_; }
  [[nodiscard]] LogReader& log();
  std::vector<std::string> rendezvous;  ///< names of nodes, dialed from the next start on
  sync::Limits limits;
  std::int64_t clock_offset_ms = 0;
  std::vector<sync::Event> events;  ///< warnings of its engine
  [[nodiscard]] bool saw(std::string_view what, std::string_view detail) const;
  std::function<void()> on_power_cut;                  ///< it has crashed in a write; may be empty
  std::chrono::microseconds slow_writes{};             ///< what each write takes longer
  std::function<void(std::size_t under_way)> on_read;  ///< its engine reads the log; may be empty
  bool hold_verdicts = false;                          ///< no op is verified until this is over
  std::optional<Tip> own_elsewhere;                    ///< the newest that its engine was shown
  /// An own op is elsewhere, or is said to be, and not here yet.
  [[nodiscard]] bool lost_its_tail();
  [[nodiscard]] bool is_held_by_a_claim() const { return running() && engine_->own_op_claimed(); }

  /// Of a fresh replay of the file.
  [[nodiscard]] Digest state_digest();

  // sync::Services
  std::chrono::milliseconds now() override;
  std::int64_t clock_ms() override;
  void random(std::span<std::uint8_t> out) override;
  void read(std::function<Result<void>(LogReader&)> job, std::function<void(Result<void>)> done) override;
  void write(std::function<Result<void>(Replica&)> job, std::function<void(Result<void>)> done) override;
  [[nodiscard]] bool verify(const std::shared_ptr<std::vector<SignedOp>>& ops,
                            std::function<void(Verified)> done) override;
  std::function<void()> dial(const std::string& url, std::function<void(Result<sync::OpenLink>)> done) override;

  void accept(const std::shared_ptr<SimLink>& link);
  /// Reads what was appended, as a server does when the doorbell rings.
  void follow();

 private:
  friend class SyncWorld;
  void open();
  void end();
  /// The process is gone, and this is what the disk has.
  void die(const Disk& left);
  [[nodiscard]] Disk files() const;
  void put_files(const Disk& left) const;
  [[nodiscard]] Disk torn_files();
  /// It has crashed.
  bool power_is_out();
  bool change(const std::function<Result<void>(Replica&)>& job);
  void let_go();
  void hold(const std::shared_ptr<SimLink>& link);
  void verify_soon(const std::weak_ptr<std::vector<SignedOp>>& ops, std::function<void(Verified)> done);
  void soon(std::chrono::microseconds least, std::chrono::microseconds most, std::chrono::microseconds& lane,
            std::function<void()> work);
  void tick();

  SyncWorld& world_;
  const std::filesystem::path path_;
  const std::filesystem::path key_;
  const std::string name_;
  AuthorId author_;
  QuarantineLimits quarantine_limits_{.ops = 2'000};
  FaultyVfs* bad_disk_ = nullptr;
  Disk at_open_;  ///< on a bad disk
  // while it runs
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<sync::Engine> engine_;
  std::optional<Identity> identity_;
  std::optional<TrustPolicy> trust_;
  std::uint64_t life_ = 0;
  std::size_t reads_under_way_ = 0;
  std::chrono::microseconds reads_until_{};
  std::chrono::microseconds writes_until_{};
  std::chrono::microseconds verifies_until_{};
  std::vector<std::weak_ptr<SimLink>> links_;
};

class SyncWorld {
 public:
  explicit SyncWorld(std::uint64_t seed);
  ~SyncWorld();

  /// In a folder of the world's own, which goes with it.
  SimNode& add(const std::string& name);
  [[nodiscard]] SimNode& node(const std::string& name);
  [[nodiscard]] const std::vector<std::unique_ptr<SimNode>>& nodes() const { return nodes_; }
  [[nodiscard]] const DocumentId& document() const { return document_; }
  /// What is no node, and can be dialed.
  using Listener = std::function<void(const std::shared_ptr<SimLink>&)>;
  void listen(const std::string& name, Listener listener) { listeners_[name] = std::move(listener); }
  void hang_up(const std::string& name) { listeners_.erase(name); }

  Weather weather;
  /// From now on the file of this node, and of no other, is on a disk that faults can be injected in. Before it starts.
  FaultyVfs& put_on_bad_disk(SimNode& node);
  /// Nodes of different sides of a partition cannot reach each other.
  void partition(std::map<std::string, int> sides);
  void heal() { partition({}); }
  [[nodiscard]] bool connected(const std::string& left, const std::string& right) const;

  void at(std::chrono::microseconds when, std::function<void()> work);
  void run_for(std::chrono::milliseconds time);
  /// Until it is so, or `most` has passed.
  bool run_until(const std::function<bool()>& condition, std::chrono::milliseconds most);
  [[nodiscard]] std::chrono::microseconds now() const { return now_; }

  /// Joins two ends. `from` and `to` are names of nodes, or of what else a test connects.
  [[nodiscard]] std::pair<std::shared_ptr<SimLink>, std::shared_ptr<SimLink>> connect(const std::string& from,
                                                                                      const std::string& to);
  [[nodiscard]] std::mt19937_64& random() { return random_; }
  [[nodiscard]] bool chance(double probability);
  [[nodiscard]] std::uint64_t pick(std::uint64_t least, std::uint64_t most);
  /// Everything that happened, folded into one number.
  void trace(std::string_view what);
  [[nodiscard]] std::uint64_t trace() const { return trace_; }
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::function<void(std::string_view)> tap;  ///< sees every message that arrives; may be empty

 private:
  friend class SimNode;
  struct Event {
    std::chrono::microseconds when;
    std::uint64_t number;
    std::function<void()> work;
    bool operator>(const Event& other) const { return std::tie(when, number) > std::tie(other.when, other.number); }
  };
  struct Connection {
    std::string from, to;
    std::weak_ptr<SimLink> left, right;
  };
  /// Who may be dialed under this name now; nothing when nobody is there.
  [[nodiscard]] Listener listener(const std::string& name);
  /// One verdict on one op, however many nodes ask: what a signature check says depends on nothing else.
  [[nodiscard]] sync::Services::Verified verify(std::vector<SignedOp> ops);

  std::filesystem::path folder_;
  std::mt19937_64 random_;
  std::optional<FaultyVfs> bad_disk_;
  DocumentId document_;
  std::chrono::microseconds now_{};
  std::uint64_t number_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::map<std::string, Listener> listeners_;
  std::optional<Verifier> verifier_;
  std::unordered_map<std::string, VerifiedOp> verified_;  ///< by what was signed and the signature
  std::vector<Connection> connections_;
  std::map<std::string, int> sides_;
  std::uint64_t trace_ = 14'695'981'039'346'656'037U;
};

}  // namespace musher::testing
