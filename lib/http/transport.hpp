#pragma once
// The bytes of one connection, over TCP or TLS. The rest of a connection knows no sockets.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace musher::http {

/// What both ends of one TLS connection know, and nobody else (RFC 9266, tls-exporter).
using ChannelBinding = std::array<std::uint8_t, 32>;

/// Why there is no TLS with a server.
struct TlsFailure {
  enum class Cause : std::uint8_t {
    other,
    not_tls,      ///< it answers something else
    ended,        ///< it hung up
    certificate,  ///< nobody vouches for it
    other_name,   ///< the certificate's is not the URL's
  };
  Cause cause = Cause::other;
  std::string why{};
};

enum class Io : std::uint8_t {
  ok,
  ended,   ///< the other side has sent its last byte; it may still read
  failed,  ///< nothing more will come or go
};

/// Who is told how an operation ended. Kept alive by the operation; never called from within the call that began it.
class TransportUser {
 public:
  TransportUser() = default;
  TransportUser(const TransportUser&) = delete;
  TransportUser& operator=(const TransportUser&) = delete;
  virtual ~TransportUser() = default;

  /// @param failure when the outcome is not ok.
  virtual void on_handshake(Io outcome, const TlsFailure& failure) = 0;
  virtual void on_read(Io outcome, std::size_t bytes) = 0;
  /// Some of what is being written was taken.
  virtual void on_write_progress() = 0;
  virtual void on_written(Io outcome) = 0;
};

/// At most one read and one write at a time. What is read into and written from must stay until the user was told.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  /// False: none is needed, and the user will not be told.
  [[nodiscard]] virtual bool handshake(std::shared_ptr<TransportUser> user) = 0;
  virtual void read(std::span<char> into, std::shared_ptr<TransportUser> user) = 0;
  /// Hands over what goes at once, both parts in one call: the bytes taken, which may be none.
  [[nodiscard]] virtual std::size_t write_now(std::string_view first, std::string_view second) = 0;
  /// Writes all of both parts, which are written together where they can be.
  virtual void write(std::string_view first, std::string_view second, std::shared_ptr<TransportUser> user) = 0;
  /// Says that nothing more will be written.
  virtual void end_writing(std::shared_ptr<TransportUser> user) = 0;
  /// Ends it all; operations under way end with Io::failed.
  virtual void close() = 0;
  /// Of TLS, when its handshake is over.
  [[nodiscard]] virtual std::optional<ChannelBinding> channel_binding() = 0;
};

}  // namespace musher::http
