#include "server/sync_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "crypto/hashing.hpp"
#include "http/dial.hpp"
#include "model/text.hpp"
#include "replica/tip_note.hpp"
#include "server/socket_link.hpp"
#include "server/waiting_authors.hpp"
#include "server/workers.hpp"
#include "sync/verify_all.hpp"

namespace musher {
namespace {

// Jobs of sync are bounded by what each connection may have under way.
constexpr std::size_t kWaitingJobs = 65'536;
// On a busy machine the writer and whoever asks something go before what peers send; it is still a tenth.
constexpr int kNiceOfVerifiers = 10;
constexpr std::chrono::seconds kNoteRetry{5};

/// The thread that reads, and its connection.
class Reader {
 public:
  explicit Reader(std::filesystem::path path) : path_(std::move(path)), thread_(1, kWaitingJobs) {}

  void run(std::function<Result<void>(LogReader&)> job, std::function<void(Result<void>)> done) {
    const bool taken = thread_.submit([this, job = std::move(job), done](const std::atomic<bool>&) {
      auto log = open();
      done(log ? job(**log) : std::unexpected(std::move(log).error()));
    }) != nullptr;
    if (!taken) done(fail(Errc::busy, "too many reads wait already"));
  }

  /// Closes its connection soon, and opens another for the next job: one to a file that was written to in place, or
  /// that another takes the place of, holds SQLite's locks on it for as long as it is open.
  void let_go() {
    reopen_ = true;
    static_cast<void>(thread_.submit([this](const std::atomic<bool>&) {
      reopen_ = false;
      log_.reset();  // whatever a job that waited before this one has opened
    }));
  }

 private:
  Result<LogReader*> open() {
    if (!reopen_.exchange(false) && log_ && log_->check_in_place()) return log_.get();
    log_.reset();
    MUSHER_TRY(log_, SqliteOpLog::open(path_, OpenMode::read));
    return log_.get();
  }

  const std::filesystem::path path_;
  std::atomic<bool> reopen_ = false;
  std::unique_ptr<SqliteOpLog> log_;  ///< the thread's own
  Workers thread_;                    // last: joined before what it uses goes away
};

}  // namespace

struct SyncService::Impl final : public sync::Services {
  Impl(boost::asio::io_context& io_context, LiveLog& live_log, Writer& writer_thread, SyncOptions given)
      : io(io_context),
        live(live_log),
        writer(writer_thread),
        options(std::move(given)),
        verifier(live_log.log().info().document),
        waiting([this](const AuthorId& author) { return live.live().trust().standing(author); }, options.on_waiting),
        reader(live_log.log().info().path),
        verifiers(std::max(1U, std::thread::hardware_concurrency()), kWaitingJobs, kNiceOfVerifiers) {
    live.on_row([this](const OpRow& row) { take(row); });
    start();
  }
  ~Impl() override {
    *alive = false;
    live.on_row({});
  }

  void start() {
    sync::EngineOptions engine_options;
    const LogInfo& info = live.log().info();
    engine_options.self = {&options.identity, info.document, info.log};
    engine_options.rendezvous = options.rendezvous;
    engine_options.limits.peers = options.most_connections;
    engine_options.standing = [this](const AuthorId& author) { return live.live().trust().standing(author); };
    engine_options.on_event = options.on_event;
    engine_options.own_op_elsewhere = [this](const Tip& tip, const AuthorId& peer) { note_own_op(tip, peer); };
    engine.emplace(*this, std::move(engine_options));
    fresh.clear();
    auto chain = live.log().chain_at(live.applied());
    const bool known = chain && *chain;
    engine->begin({live.applied(), known ? **chain : Digest{}});
    if (!known) stop({sync::CloseCode::unavailable, "the chain digest of the last row cannot be read"});
    if (own_elsewhere) look_for_own_op();  // the log was opened anew
    look_at_note();
    look_at_quarantine();
  }

  /// Of what waits there from before; by the thread that reads, since there may be much.
  void look_at_quarantine() {
    auto authors = std::make_shared<std::set<AuthorId>>();
    read(
        [authors](LogReader& log) -> Result<void> {
          MUSHER_TRY(*authors, authors_in_quarantine(log));
          return {};
        },
        [this, authors](const Result<void>&) {
          for (const AuthorId& author : *authors) waiting.waits(author);
          reader.let_go();
        });
  }

  void stop(const sync::Ending& ending) {
    engine->stop(ending);
    stopped = true;
  }

  /// A row was applied. They are handed over together, once the catch-up that brought them is done.
  void take(const OpRow& row) {
    const LogMark& before = fresh.empty() ? engine->end_of_log() : fresh.back()->mark;
    if (row.row <= before.row) return;  // read again, since trust has changed
    auto out = sync::out_op(row, before);
    if (!out) return;  // its id was checked: it is
    fresh.push_back(std::make_shared<const sync::OutOp>(*std::move(out)));
  }

  /// Local writes are refused from now on, here and from shells of this user, until the op is in the log.
  void note_own_op(const Tip& tip, const AuthorId& peer) {
    if (own_elsewhere && own_elsewhere->peer && own_elsewhere->tip.index >= tip.index) return;
    const auto here = live.log().facts(tip.id);
    if (here && *here) return;  // it came while it was looked for
    own_elsewhere = OwnElsewhere{tip, peer};
    write_note();
  }

  /// Of what this key wrote last: then no own write is taken, whoever else has the op.
  void look_at_note() {
    const auto noted = last_noted_tip(live.log().info().document, author(), options.state_dir);
    if (!noted || (own_elsewhere && own_elsewhere->tip.index >= noted->index)) return;
    const auto here = live.log().facts(noted->id);
    if (!here || *here) return;
    own_elsewhere = OwnElsewhere{*noted, std::nullopt};
    tell(true, "own ops elsewhere", own_elsewhere_text());
  }

  /// The op is here, or nobody goes by the note any more.
  void look_for_own_op() {
    const auto here = live.log().facts(own_elsewhere->tip.id);
    const auto is_noted = [this] {
      return last_noted_tip(live.log().info().document, author(), options.state_dir) == own_elsewhere->tip;
    };
    if (!here || (!*here && (own_elsewhere->peer || is_noted()))) return;
    own_elsewhere.reset();
    write_note_at.reset();
    look_at_note();  // there may be a later one, that nobody else has
    if (!own_elsewhere) tell(false, "own ops are back", "local writes go on");
  }

  [[nodiscard]] AuthorId author() const { return options.identity.author(); }

  [[nodiscard]] std::string own_elsewhere_text() const {
    const auto& [tip, peer] = *own_elsewhere;
    const std::string op = fmt::format("op {} (index {})", to_hex(tip.id.hash), raw(tip.index));
    return peer ? fmt::format(
                      "the node with key {} has {} of this node's own key, which this log has not got: local "
                      "writes are refused until it is fetched",
                      to_hex(peer->key), op)
                : fmt::format(
                      "this node's own key has written {}, which this log has not got: local writes are refused "
                      "until a node that has it is connected. If no node has it, musher put on this log says "
                      "what to do",
                      op);
  }

  void tell(bool warning, std::string_view what, std::string detail) {
    if (options.on_event) options.on_event({warning, what, "", "", std::move(detail)});
  }

  /// Without it a shell would go on from the op before, with a second branch of this key. Tried until it is written.
  void write_note() {
    write_note_at.reset();
    write([tip = own_elsewhere->tip,
           folder = options.state_dir](Replica& replica) { return write_tip_note(replica.log().info(), tip, folder); },
          [this](const Result<void>& noted) {
            if (noted) return;
            write_note_at = now() + kNoteRetry;
            tell(true, "own ops elsewhere", noted.error().what);
          });
  }

  void post(std::function<void()> work) {
    boost::asio::post(io, [alive = alive, work = std::move(work)] {
      if (*alive) work();
    });
  }

  // --- sync::Services

  std::chrono::milliseconds now() override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
  }
  std::int64_t clock_ms() override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  void random(std::span<std::uint8_t> out) override { random_bytes(out); }

  void read(std::function<Result<void>(LogReader&)> job, std::function<void(Result<void>)> done) override {
    reader.run(std::move(job), [this, done = std::move(done)](Result<void> result) {
      post([done, result = std::move(result)] { done(result); });
    });
  }

  void write(std::function<Result<void>(Replica&)> job, std::function<void(Result<void>)> done) override {
    const auto finish = [this, done = std::move(done)](Result<void> result) {
      post([this, done, result = std::move(result)] {
        done(result);  // first: the writer goes on with what comes next while the rows are applied here
        options.follow();
        const auto now_is = std::chrono::steady_clock::now();
        waiting.look(live.log(), now_is);
        if (waiting.wants_all(now_is)) look_at_quarantine();
      });
    };
    const bool taken = writer.submit(
        "", [finish, job = std::move(job)](Replica& replica) { finish(job(replica)); },
        [finish](Error error) { finish(std::unexpected(std::move(error))); });
    if (!taken) finish(fail(Errc::busy, "too many writes wait already"));
  }

  void verify(std::vector<SignedOp> ops, std::function<void(Verified)> done) override {
    auto shared = std::make_shared<std::vector<SignedOp>>(std::move(ops));
    static_cast<void>(verifiers.submit([this, shared, done = std::move(done)](const std::atomic<bool>&) {
      auto result = std::make_shared<Verified>(sync::verify_all(verifier, std::move(*shared)));
      post([this, result, done] {
        const auto now_is = std::chrono::steady_clock::now();
        for (const auto& op : *result) {
          if (!op) continue;
          live.known_signatures().add(op->id(), op->signature());
          waiting.came(op->id(), op->op().author, now_is);
        }
        done(std::move(*result));
      });
    }));
  }

  std::function<void()> dial(const std::string& url, std::function<void(Result<sync::OpenLink>)> done) override {
    auto parsed = http::parse_web_socket_url(url);
    if (!parsed) {
      post([done, error = parsed.error()] { done(std::unexpected(error)); });
      return [] {};
    }
    http::DialOptions dial_options;
    dial_options.token = options.token;
    dial_options.subprotocols = {std::string(sync::kSubprotocol)};
    dial_options.deflate = !parsed->server.is_loopback;
    std::shared_ptr<http::Dial> dialing = http::dial_web_socket(
        io, *parsed, std::move(dial_options), [done](Result<std::shared_ptr<http::WebSocket>> socket) {
          if (!socket) return done(std::unexpected(std::move(socket).error()));
          done(link_over(*std::move(socket)));
        });
    return [dialing] { dialing->cancel(); };
  }

  // fixed after construction
  boost::asio::io_context& io;
  LiveLog& live;
  Writer& writer;
  SyncOptions options;
  const std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  const Verifier verifier;
  // changes with each event
  WaitingAuthors waiting;
  std::optional<sync::Engine> engine;
  sync::OutOps fresh;
  struct OwnElsewhere {
    Tip tip;
    std::optional<AuthorId> peer;  ///< who has it; nobody: so says the note of what this key wrote last
  };
  std::optional<OwnElsewhere> own_elsewhere;
  std::optional<std::chrono::milliseconds> write_note_at{};
  bool stopped = false;
  // last: their threads use all of the above
  Reader reader;
  Workers verifiers;
};

SyncService::SyncService(boost::asio::io_context& io, LiveLog& live, Writer& writer, SyncOptions options)
    : impl_(std::make_unique<Impl>(io, live, writer, std::move(options))) {}

SyncService::~SyncService() = default;

http::WebSocketRoute SyncService::route() {
  http::WebSocketRoute route;
  route.subprotocols = {std::string(sync::kSubprotocol)};
  route.writes = true;  // what a peer sends is admitted
  route.limits.message_bytes = sync::kMaxMessageBytes;
  return route;
}

void SyncService::accept(std::shared_ptr<http::WebSocket> socket) {
  impl_->engine->accept(link_over(std::move(socket)));
}

void SyncService::set_rendezvous(std::vector<std::string> urls) {
  impl_->options.rendezvous = std::move(urls);
  if (!impl_->stopped) impl_->engine->set_rendezvous(impl_->options.rendezvous);
}

void SyncService::tick() {
  impl_->engine->tick();
  if (impl_->own_elsewhere && impl_->write_note_at && *impl_->write_note_at <= impl_->now()) impl_->write_note();
  if (impl_->own_elsewhere) impl_->look_for_own_op();
}

void SyncService::followed(const LogChanges& changes) {
  Impl& impl = *impl_;
  if (changes.reconnected) impl.reader.let_go();
  if (impl.stopped) return;
  impl.engine->appended(std::exchange(impl.fresh, {}));
  if (changes.trust_changed) impl.engine->trust_changed();
  if (changes.any() && impl.own_elsewhere) impl.look_for_own_op();
}

void SyncService::log_is_bad() {
  impl_->stop({sync::CloseCode::unavailable, "the log is bad"});
  impl_->reader.let_go();
}

void SyncService::reopened() {
  impl_->stopped = false;
  impl_->start();
}

void SyncService::stop() { impl_->stop({}); }

void SyncService::write_down(std::function<void()> done) { impl_->engine->write_records(std::move(done)); }

std::vector<sync::PeerStatus> SyncService::peers() const {
  auto written = impl_->live.log().peers();
  // Of a log that cannot be read now, what is in memory; /readyz says why.
  return impl_->engine->status_with(written ? *std::move(written) : std::vector<PeerRecord>());
}

std::vector<AddressStatus> SyncService::addresses() const {
  const std::vector<sync::PeerStatus> rows = impl_->engine->status();
  const auto is_connected = [&](const std::string& address) {
    return std::ranges::any_of(rows, [&](const sync::PeerStatus& row) {
      if (!row.dialed || row.address != address) return false;
      if (row.state == "connected") return true;
      return row.peer && std::ranges::any_of(rows, [&](const sync::PeerStatus& other) {
               return other.peer == row.peer && other.state == "connected";
             });
    });
  };
  std::vector<AddressStatus> all;
  for (const std::string& address : impl_->options.rendezvous) {
    if (std::ranges::find(all, address, &AddressStatus::address) == all.end())
      all.push_back({address, is_connected(address)});
  }
  return all;
}

sync::Engine::Totals SyncService::totals() const { return impl_->engine->totals(); }

std::optional<std::string> SyncService::own_op_elsewhere() const {
  if (impl_->own_elsewhere) return impl_->own_elsewhere_text();
  return std::nullopt;
}

std::optional<std::string> SyncService::why_no_write() const {
  if (auto proven = own_op_elsewhere()) return proven;
  const auto claim = impl_->engine->own_op_claimed();
  if (!claim) return std::nullopt;
  return fmt::format(
      "the node with key {} says that it has op {} (index {}) of this node's own key, which this log has not got: "
      "local "
      "writes wait until it has shown it, half a minute at most",
      to_hex(claim->peer.key), to_hex(claim->tip.id.hash), raw(claim->tip.index));
}

}  // namespace musher
