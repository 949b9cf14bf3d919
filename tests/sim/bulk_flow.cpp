#include "tests/sim/bulk_flow.h"

#include <utility>
#include <vector>

namespace byway::sim {

namespace {

constexpr std::size_t portion = 16'384;

}  // namespace

BulkSource::~BulkSource() {
  if (stream_ != nullptr) stream_->abort();
}

void BulkSource::connect(const net::SocketAddress& remote) {
  stream_ = host_.stack.connect(remote, *this);
  if (stream_ != nullptr) local_ = stream_->local_address();
}

void BulkSource::write_all() {
  const std::vector<std::uint8_t> bytes(portion);
  while (stream_ != nullptr) {
    Rope data(host_.slices);
    if (!data.append(host_.heap.copy(bytes)) || stream_->write(data) < portion) return;
  }
}

BulkSink::BulkSink(Host& host) : host_(host) {
  static_cast<void>(host_.stack.listen({net::IpAddress{}, port}, *this));
}

BulkSink::~BulkSink() {
  host_.stack.unlisten({net::IpAddress{}, port});
}

void BulkSink::on_accept(Stream& stream) {
  stream.set_handler(&readers_[stream.remote_address()]);
}

void BulkSink::Reader::on_readable(Stream& stream) {
  bytes += stream.readable().size();
  stream.discard(stream.readable().size());
}

std::uint64_t BulkSink::bytes_of(const net::SocketAddress& remote) const {
  const auto found = readers_.find(remote);
  return found == readers_.end() ? 0 : found->second.bytes;
}

}  // namespace byway::sim
