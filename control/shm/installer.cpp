#include "control/shm/installer.h"

#include <cstring>
#include <utility>
#include <vector>

#include "control/shm/endpoints_builder.h"

namespace byway::shm {
namespace {

std::string_view blob_name(BlobKind kind) {
  switch (kind) {
    case BlobKind::policy:
      return "policy";
    case BlobKind::endpoints:
      return "endpoints";
    case BlobKind::secrets:
      return "secrets";
  }
  return "set";
}

std::string text_of(const SnapshotError& error) {
  return std::string(blob_name(error.blob)) + ": " + std::string(name_of(error.error.reason)) + " at byte " +
         std::to_string(error.error.offset);
}

std::optional<SlotLease> take_slots(SlotRegion& slots, const Snapshot& snapshot) {
  std::vector<std::uint64_t> ids;
  ids.reserve(snapshot.endpoints().endpoints().size());
  for (const Endpoint& endpoint : snapshot.endpoints().endpoints()) ids.push_back(endpoint.id);
  return SlotLease::take(slots, ids);
}

}  // namespace

SetInstaller::SetInstaller(Publication& publication, SlotRegion& slots, Clock clock,
                           std::string last_good_path, Prepare prepare)
    : publication_(publication),
      slots_(slots),
      clock_(std::move(clock)),
      last_good_path_(std::move(last_good_path)),
      prepare_(std::move(prepare)) {}

std::expected<void, std::string> SetInstaller::publish(const Handover& handover,
                                                       const std::array<OwnedFd, blob_count>& blobs) {
  // Cheap and first: an agent that is behind learns so without a verification.
  if (handover.generation <= publication_.newest_generation()) {
    return std::unexpected("stale generation: " + std::to_string(publication_.newest_generation()) +
                           " is published");
  }
  auto snapshot =
      Snapshot::open(blobs[0].get(), blobs[1].get(), blobs[2].get(), handover.generation, handover.revision);
  if (!snapshot) return std::unexpected(text_of(snapshot.error()));
  // Slots that only superseded sets still hold come free here.
  publication_.reclaim(clock_());
  auto slots = take_slots(slots_, *snapshot);
  if (!slots) {
    return std::unexpected("endpoints: there are only " + std::to_string(slots_.slot_count()) +
                           " runtime slots for those of all live sets");
  }
  OwnedSet set{handover.generation, handover.revision, std::make_unique<const Snapshot>(std::move(*snapshot)),
               std::move(*slots), nullptr};
  if (prepare_) {
    auto attachment = prepare_(*set.snapshot);
    if (!attachment) return std::unexpected(attachment.error());
    set.attachment = std::move(*attachment);
  }
  switch (publication_.publish(set, clock_())) {
    case PublishResult::published:
      return {};
    case PublishResult::stale_generation:
      return std::unexpected(std::string("stale generation"));
    case PublishResult::stragglers:
      break;
  }
  return std::unexpected("stragglers: " + std::to_string(live_generations_max) +
                         " sets are still in use, try again in a moment");
}

HandoverOutcome SetInstaller::install(const Handover& handover, std::array<OwnedFd, blob_count> blobs) {
  if (auto published = publish(handover, blobs); !published) return {false, published.error()};
  if (!last_good_path_.empty()) {
    unwritten_ =
        LastGoodSet{handover.generation, handover.revision, std::move(blobs[0]), std::move(blobs[1])};
  }
  return {true, {}};
}

std::expected<bool, std::string> SetInstaller::install_last_good() {
  if (last_good_path_.empty()) return false;
  auto set = read_last_good(last_good_path_);
  if (!set) return std::unexpected(set.error());
  if (!*set) return false;
  const auto no_secrets = build_secrets();
  if (!no_secrets) return std::unexpected(std::string("empty secrets cannot be built"));
  auto secrets = make_sealed_memfd("byway-secrets", *no_secrets);
  if (!secrets) return std::unexpected("memfd: " + std::string(std::strerror(secrets.error())));
  const Handover handover{0, (*set)->generation, (*set)->revision};
  const std::array<OwnedFd, blob_count> blobs{std::move((*set)->policy), std::move((*set)->endpoints),
                                              std::move(*secrets)};
  if (auto published = publish(handover, blobs); !published) {
    return std::unexpected(last_good_path_ + ": " + published.error());
  }
  return true;
}

std::expected<void, std::string> SetInstaller::on_tick() {
  const std::uint64_t now_ns = clock_();
  if (publication_.live_count() > 1) publication_.reclaim(now_ns);
  if (!unwritten_ || now_ns < write_not_before_ns_) return {};
  write_not_before_ns_ = now_ns + last_good_interval_ns;
  return flush_last_good();
}

std::expected<void, std::string> SetInstaller::flush_last_good() {
  if (!unwritten_) return {};
  const auto policy = MappedBlob::map(unwritten_->policy.get());
  const auto endpoints = MappedBlob::map(unwritten_->endpoints.get());
  if (!policy || !endpoints)
    return std::unexpected(std::string("the newest set cannot be mapped to be written to disk"));
  auto written = write_last_good(last_good_path_, unwritten_->generation, unwritten_->revision,
                                 policy->bytes(), endpoints->bytes());
  if (written) unwritten_.reset();
  return written;
}

}  // namespace byway::shm
