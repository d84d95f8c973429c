#include "server/sync_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <set>
#include <thread>

#include "crypto/hashing.hpp"
#include "http/dial.hpp"
#include "model/text.hpp"
#include "replica/tip_note.hpp"
#include "server/clocks_ahead.hpp"
#include "server/own_ops.hpp"
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
constexpr std::chrono::seconds kStartRetry{5};

/// The thread that reads, and its connection.
class Reader {
 public:
  Reader() : thread_(1, kWaitingJobs) {}

  /// From the next job on this file is the log.
  void use(std::filesystem::path path) {
    const std::lock_guard lock(mutex_);
    path_ = std::move(path);
    reopen_ = true;
  }

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
    const auto path = [&] {
      const std::lock_guard lock(mutex_);
      return path_;
    }();
    MUSHER_TRY(log_, SqliteOpLog::open(path, OpenMode::read));
    return log_.get();
  }

  std::mutex mutex_;
  std::filesystem::path path_;  ///< under mutex_
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
        own_ops(live_log, options.identity.author(), options.state_dir, own_ops_hooks()),
        waiting([this](const AuthorId& author) { return live.live().trust().standing(author); }, options.on_waiting),
        clocks(options.on_clock_ahead),
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
    engine_options.self = {&options.identity, info.document, info.log, info.path};
    engine_options.rendezvous = options.rendezvous;
    engine_options.limits.peers = options.most_connections;
    engine_options.standing = [this](const AuthorId& author) { return live.live().trust().standing(author); };
    engine_options.may_dial = [this](const std::string& url) { return live.claim(url); };
    engine_options.dial_failed = [this](const std::string& url) { live.give_back(url); };
    engine_options.on_event = options.on_event;
    engine_options.own_op_elsewhere = [this](const Tip& tip, const AuthorId& peer) { own_ops.shown(tip, peer); };
    reader.use(info.path);
    verifier = std::make_shared<const Verifier>(info.document);
    engine.emplace(*this, std::move(engine_options));
    fresh.clear();
    auto chain = live.log().chain_at(live.applied());
    const bool known = chain && *chain;
    engine->begin({live.applied(), known ? **chain : Digest{}});
    own_ops.opened();
    stopped = false;
    const bool tried_before = std::exchange(begins_again_at, std::nullopt).has_value();
    if (known) return look_at_quarantine();
    stop({});
    begins_again_at = now() + kStartRetry;
    if (tried_before || !options.on_event) return;
    options.on_event({true, "sync waits", "", "",
                      fmt::format("the chain digest of row {} cannot be read: with a good log the next write puts it "
                                  "right. musher verify-order --log {}",
                                  raw(live.applied()), live.log().info().path)});
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

  OwnOps::Hooks own_ops_hooks() {
    return {[this](const Tip& tip, std::function<void(Result<void>)> done) {
              write([tip, folder = options.state_dir](
                        Replica& replica) { return write_tip_note(replica.log().info(), tip, folder); },
                    std::move(done));
            },
            [this](bool warning, std::string_view event, std::string detail) {
              if (options.on_event) options.on_event({warning, event, "", "", std::move(detail)});
            },
            options.own_ops_changed};
  }

  void stop(const sync::Ending& ending) {
    engine->stop(ending);
    stopped = true;
    for (const std::string& url : options.rendezvous) live.give_back(url);
  }

  /// A row was applied. They are handed over together, once the catch-up that brought them is done.
  void take(const OpRow& row) {
    const LogMark& before = fresh.empty() ? engine->end_of_log() : fresh.back()->mark;
    if (row.row <= before.row) return;  // read again, since trust has changed
    auto out = sync::out_op(row, before);
    if (!out) return;  // its id was checked: it is
    fresh.push_back(std::make_shared<const sync::OutOp>(*std::move(out)));
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

  bool verify(const std::shared_ptr<std::vector<SignedOp>>& ops, std::function<void(Verified)> done) override {
    const auto job = [this, weak = std::weak_ptr(ops), verify = verifier, done = std::move(done)] {
      const auto wanted = weak.lock();
      if (wanted == nullptr) return;
      auto result = std::make_shared<Verified>(sync::verify_all(*verify, std::move(*wanted)));
      post([this, result, done] {
        const auto now_is = std::chrono::steady_clock::now();
        for (const auto& op : *result) {
          if (!op) continue;
          live.known_signatures()->add(op->id(), op->signature());
          waiting.came(op->id(), op->op().author, now_is);
          if (live.live().trust().would_hear(op->op().author)) clocks.came(op->id(), op->op(), clock_ms());
        }
        done(std::move(*result));
      });
    };
    return verifiers.submit([job](const std::atomic<bool>&) { job(); }) != nullptr;
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
    dial_options.limits.message_bytes = sync::kMaxGreetingBytes;
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
  // changes with each event
  OwnOps own_ops;
  WaitingAuthors waiting;
  ClocksAhead clocks;
  std::optional<sync::Engine> engine;
  std::shared_ptr<const Verifier> verifier;  ///< of the document that the log has now
  sync::OutOps fresh;
  bool stopped = false;
  std::optional<std::chrono::milliseconds> begins_again_at;  ///< of a log whose end could not be told
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
  route.limits.message_bytes = sync::kMaxGreetingBytes;
  return route;
}

void SyncService::accept(std::shared_ptr<http::WebSocket> socket) {
  impl_->engine->accept(link_over(std::move(socket)));
}

void SyncService::set_rendezvous(std::vector<std::string> urls, std::optional<std::string> token) {
  impl_->options.token = std::move(token);
  for (const std::string& url : impl_->options.rendezvous) {
    if (std::ranges::find(urls, url) == urls.end()) impl_->live.give_back(url);
  }
  impl_->options.rendezvous = std::move(urls);
  if (!impl_->stopped) impl_->engine->set_rendezvous(impl_->options.rendezvous);
}

void SyncService::tick() {
  if (impl_->begins_again_at && impl_->now() >= *impl_->begins_again_at) impl_->start();
  impl_->engine->tick();
  impl_->own_ops.tick(impl_->now());
}

void SyncService::followed(const LogChanges& changes) {
  Impl& impl = *impl_;
  if (changes.reconnected) impl.reader.let_go();
  if (impl.stopped) return;
  impl.engine->appended(std::exchange(impl.fresh, {}));
  if (changes.trust_changed) impl.engine->trust_changed();
  if (changes.any()) impl.own_ops.followed();
}

void SyncService::log_is_bad() {
  impl_->begins_again_at.reset();
  impl_->stop({sync::CloseCode::unavailable, "the log is bad"});
  impl_->reader.let_go();
}

void SyncService::reopened() { impl_->start(); }

void SyncService::stop() {
  impl_->begins_again_at.reset();
  impl_->stop({});
}

void SyncService::write_down(std::function<void()> done) { impl_->engine->write_records(std::move(done)); }

std::vector<sync::PeerStatus> SyncService::peers() const {
  auto written = impl_->live.log().peers();
  // Of a log that cannot be read now, what is in memory; /readyz says why.
  return impl_->engine->status_with(written ? *std::move(written) : std::vector<PeerRecord>());
}

std::vector<AddressState> SyncService::addresses() const {
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
  std::vector<AddressState> all;
  for (const std::string& address : impl_->options.rendezvous) {
    if (std::ranges::find(all, address, &AddressState::address) == all.end())
      all.push_back({address, is_connected(address)});
  }
  return all;
}

sync::Engine::Totals SyncService::totals() const { return impl_->engine->totals(); }

std::optional<std::string> SyncService::own_op_elsewhere() const { return impl_->own_ops.problem(); }

std::optional<std::string> SyncService::why_no_write() const {
  if (auto proven = own_op_elsewhere()) return proven;
  const auto claim = impl_->engine->own_op_claimed();
  if (!claim) return std::nullopt;
  return fmt::format(
      "the node with key {} says that it has op {} (index {}) of this node's own key, which this log has not got: "
      "local writes wait until it has shown it, half a minute at most",
      to_hex(claim->peer.key), to_hex(claim->tip.id.hash), raw(claim->tip.index));
}

}  // namespace musher
