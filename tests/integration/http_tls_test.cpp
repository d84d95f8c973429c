// TLS with a certificate made on the spot.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "support/http_server.hpp"
#include "support/raw_client.hpp"
#include "support/temp_folder.hpp"
#include "support/tls_files.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

template <class T, void (*free)(T*)>
struct Deleter {
  void operator()(T* object) const { free(object); }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX, SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Deleter<SSL, SSL_free>>;

/// A client that trusts this certificate and asks for localhost.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, const std::filesystem::path& trusted, int newest = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method())), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    SSL_CTX_set_max_proto_version(context_.get(), newest);
    SSL_CTX_load_verify_file(context_.get(), trusted.c_str());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    session_.reset(SSL_new(context_.get()));
    SSL_set1_host(session_.get(), "localhost");
    SSL_set_fd(session_.get(), socket_);
  }
  ~TlsClient() { ::close(socket_); }
  bool connect() { return SSL_connect(session_.get()) == 1; }
  void send(const std::string& bytes) {
    REQUIRE(SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size()));
  }
  /// Up to and with the mark, or as far as it goes.
  std::string read_until(const std::string& mark) {
    std::string text;
    std::array<char, 4096> bytes;
    while (text.find(mark) == std::string::npos) {
      const int got = SSL_read(session_.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (got <= 0) break;
      text.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
  /// Whether the server said good-bye, as TLS asks for.
  bool was_closed_properly() { return (SSL_get_shutdown(session_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  std::string version() { return SSL_get_version(session_.get()); }

 private:
  Context context_;
  int socket_;
  Session session_;
};

void check_refused(const http::TlsFiles& files, const std::string& why) {
  boost::asio::io_context io;
  http::Options options;
  options.tls = files;
  const auto server = http::Server::create(io, std::move(options));
  REQUIRE_FALSE(server);
  CHECK(server.error().code == Errc::usage);
  CHECK_THAT(server.error().what, Contains(why));
}

}  // namespace

TEST_CASE("tls: requests, long bodies and streams go over TLS 1.2 and 1.3", "[http]") {
  const TempFolder folder;
  http::Options options;
  options.tls = make_tls_files(folder, "server");
  const auto certificate = options.tls->certificate;
  std::shared_ptr<http::EventStream> stream;
  HttpServer server(std::move(options), [&](http::Server& http) {
    http.route("/events", [&](const std::shared_ptr<http::Exchange>& exchange) {
      stream = exchange->stream({});
      static_cast<void>(stream->send("data: 1\n\n"));
    });
  });
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(server.port(), certificate, version);
    REQUIRE(client.connect());
    CHECK(client.version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
    client.send(get("/hello") + get("/hello"));
    CHECK_THAT(client.read_until("world\"}"), Contains("HTTP/1.1 200 OK"));
    const std::string body = std::string(1'000'000, 'x') + "END";
    client.send(post("/echo", body));
    CHECK(client.read_until("END").size() > body.size());
    client.send(get("/events"));
    CHECK_THAT(client.read_until("data: 1\n\n"), Contains("text/event-stream"));
    server.call([&](http::Server&) { std::exchange(stream, nullptr)->finish(); });
    CHECK_THAT(client.read_until("0\r\n\r\n"), Contains("0\r\n\r\n"));
    client.send(get("/hello", "Connection: close\r\n"));
    CHECK_THAT(client.read_until("never"), Contains("Connection: close"));
    CHECK(client.was_closed_properly());
  }
}

TEST_CASE("tls: older versions, plain requests and silence get nowhere", "[http]") {
  const TempFolder folder;
  http::Options options;
  options.tls = make_tls_files(folder, "server");
  options.limits.header_timeout = 200ms;
  const auto certificate = options.tls->certificate;
  HttpServer server(std::move(options));
  TlsClient old(server.port(), certificate, TLS1_1_VERSION);
  CHECK_FALSE(old.connect());
  RawClient plain(server.port());
  plain.send(get("/hello"));
  CHECK_THAT(plain.read_to_end(), !Contains("HTTP/1.1"));
  CHECK(plain.ended());
  RawClient silent(server.port());
  CHECK(silent.read_to_end().empty());
  CHECK(silent.ended());
  CHECK(server.stats().requests == 0);
}

TEST_CASE("tls: files that cannot be used are named", "[http]") {
  const TempFolder folder;
  const http::TlsFiles good = make_tls_files(folder, "good");
  const http::TlsFiles other = make_tls_files(folder, "other");
  check_refused({folder / "none.crt", good.key}, "certificate " + (folder / "none.crt").string());
  check_refused({good.certificate, folder / "none.key"}, "key " + (folder / "none.key").string());
  check_refused({good.key, good.key}, "certificate " + good.key.string());
  check_refused({good.certificate, other.key}, "key " + other.key.string());
  write_file(folder / "locked.key",
             "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAc\n");
  check_refused({good.certificate, folder / "locked.key"}, "locked.key");
}
