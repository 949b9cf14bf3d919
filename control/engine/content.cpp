#include "control/engine/content.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <stdexcept>

#include "control/engine/engine.h"
#include "control/reader/encode.h"
#include "control/reader/write.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"

namespace byway::control {
namespace {

using google::protobuf::Message;
using google::protobuf::RepeatedPtrField;
using resources::Condition;

void carry(const RepeatedPtrField<Condition>* previous, RepeatedPtrField<Condition>& next,
           const std::string& now) {
  for (Condition& condition : next) {
    condition.set_last_transition_time(now);
    if (previous == nullptr) continue;
    for (const Condition& old : *previous)
      if (old.type() == condition.type() && old.status() == condition.status())
        condition.set_last_transition_time(old.last_transition_time());
  }
}

void carry_gateway(const resources::GatewayStatus* previous, resources::GatewayStatus& next,
                   const std::string& now) {
  carry(previous ? &previous->conditions() : nullptr, *next.mutable_conditions(), now);
  for (resources::ListenerStatus& listener : *next.mutable_listeners()) {
    const RepeatedPtrField<Condition>* before = nullptr;
    if (previous)
      for (const auto& old : previous->listeners())
        if (old.name() == listener.name()) before = &old.conditions();
    carry(before, *listener.mutable_conditions(), now);
  }
}

void carry_route(const resources::HTTPRouteStatus* previous, resources::HTTPRouteStatus& next,
                 const std::string& now) {
  for (resources::RouteParentStatus& parent : *next.mutable_parents()) {
    const RepeatedPtrField<Condition>* before = nullptr;
    if (previous)
      for (const auto& old : previous->parents())
        if (old.parent_ref().SerializeAsString() == parent.parent_ref().SerializeAsString())
          before = &old.conditions();
    carry(before, *parent.mutable_conditions(), now);
  }
}

}  // namespace

std::string content_of(const Message& message) {
  reader::Node node = reader::encode(message);
  node.remove("apiVersion");
  node.remove("status");
  if (reader::Node* metadata = node.find("metadata"))
    for (std::string_view name :
         {"uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "managedFields"})
      metadata->remove(name);
  return reader::to_json(node);
}

std::string spec_of(const Message& message) {
  reader::Node node = reader::encode(message);
  for (std::string_view name : {"apiVersion", "kind", "metadata", "status"}) node.remove(name);
  return reader::to_json(node);
}

std::string new_uid() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("getrandom failed");
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    fmt::format_to(std::back_inserter(text), "{:02x}", bytes[i]);
  }
  return text;
}

void carry_times(const Message* previous, Message& next, const std::string& now) {
  if (next.GetDescriptor() == resources::GatewayStatus::descriptor())
    carry_gateway(static_cast<const resources::GatewayStatus*>(previous),
                  static_cast<resources::GatewayStatus&>(next), now);
  else if (next.GetDescriptor() == resources::HTTPRouteStatus::descriptor())
    carry_route(static_cast<const resources::HTTPRouteStatus*>(previous),
                static_cast<resources::HTTPRouteStatus&>(next), now);
  else if (next.GetDescriptor() == resources::GatewayClassStatus::descriptor())
    carry(previous ? &static_cast<const resources::GatewayClassStatus*>(previous)->conditions() : nullptr,
          *static_cast<resources::GatewayClassStatus&>(next).mutable_conditions(), now);
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::string describe(const ObjectKey& key) {
  const std::string group = key.kind->group.empty() ? std::string() : "." + std::string(key.kind->group);
  return fmt::format("{}{} \"{}\"", key.kind->name, group, key.full_name());
}

}  // namespace byway::control
