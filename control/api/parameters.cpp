#include "control/api/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "control/api/status_object.h"
#include "control/reader/nearest.h"
#include "control/resources/text_rules.h"

namespace byway::control::api {
namespace {

std::unexpected<Response> bad(std::string_view name, std::string_view what) {
  return std::unexpected(respond_error(400, "BadRequest", fmt::format("query parameter {}: {}", name, what)));
}

std::expected<void, Response> only(const Request& request, std::vector<std::string_view> known) {
  for (auto it = request.query.begin(); it != request.query.end(); ++it) {
    if (std::ranges::find(known, it->first) == known.end()) {
      const std::string near = reader::nearest(it->first, known);
      return bad(it->first, near.empty() ? "unknown" : fmt::format("unknown, did you mean \"{}\"?", near));
    }
    if (request.query.count(it->first) > 1) return bad(it->first, "given twice");
  }
  return {};
}

std::expected<bool, Response> flag(const Request& request, const std::string& name) {
  auto it = request.query.find(name);
  if (it == request.query.end()) return false;
  if (it->second.empty() || it->second == "true") return true;
  if (it->second == "false") return false;
  return bad(name, "is true or false");
}

std::expected<void, Response> read_wait(const Request& request, WriteParameters& parameters) {
  if (auto it = request.query.find("wait"); it != request.query.end()) {
    if (it->second != "applied") return bad("wait", "is \"applied\"");
    parameters.waits = true;
  }
  auto it = request.query.find("timeout");
  if (it == request.query.end()) return {};
  const auto timeout = resources::parse_duration(it->second);
  if (!timeout || *timeout > wait_max) return bad("timeout", "is a duration of at most 60s, as 5s or 500ms");
  if (!parameters.waits) return bad("timeout", "goes with wait=applied");
  parameters.timeout = *timeout;
  return {};
}

}  // namespace

std::expected<WriteParameters, Response> write_parameters(const Request& request) {
  // fieldManager and what concerns deletion are sent by kubectl; they have no meaning here that could be
  // broken.
  if (auto good = only(request, {"dryRun", "strict", "wait", "timeout", "pretty", "fieldManager",
                                 "fieldValidation", "propagationPolicy", "gracePeriodSeconds"});
      !good)
    return std::unexpected(std::move(good.error()));
  WriteParameters parameters;
  if (auto it = request.query.find("dryRun"); it != request.query.end()) {
    if (it->second != "All") return bad("dryRun", "is \"All\"");
    parameters.is_dry_run = true;
  }
  if (auto it = request.query.find("fieldValidation"); it != request.query.end() && it->second != "Strict")
    return bad("fieldValidation", "is always Strict here");
  auto strict = flag(request, "strict");
  if (!strict) return std::unexpected(std::move(strict.error()));
  parameters.is_strict = *strict;
  if (auto good = read_wait(request, parameters); !good) return std::unexpected(std::move(good.error()));
  if (parameters.waits && parameters.is_dry_run) return bad("wait", "a dry run is never applied");
  return parameters;
}

std::expected<ListParameters, Response> list_parameters(const Request& request) {
  // limit is advice that a server may leave aside (Kubernetes API, ListOptions).
  if (auto good =
          only(request, {"labelSelector", "limit", "pretty", "resourceVersion", "resourceVersionMatch"});
      !good)
    return std::unexpected(std::move(good.error()));
  ListParameters parameters;
  auto it = request.query.find("labelSelector");
  if (it == request.query.end()) return parameters;
  for (auto part : std::views::split(std::string_view(it->second), ',')) {
    std::string_view text(part.begin(), part.end());
    using Test = LabelTerm::Test;
    LabelTerm term;
    if (const std::size_t at = text.find("!="); at != text.npos) {
      term = {std::string(text.substr(0, at)), std::string(text.substr(at + 2)), Test::differs};
    } else if (const std::size_t equal = text.find('='); equal != text.npos) {
      const std::size_t value = text.substr(equal).starts_with("==") ? equal + 2 : equal + 1;
      term = {std::string(text.substr(0, equal)), std::string(text.substr(value)), Test::equals};
    } else if (text.starts_with('!')) {
      term = {std::string(text.substr(1)), "", Test::absent};
    } else {
      term = {std::string(text), "", Test::exists};
    }
    if (!resources::is_qualified_name(term.name) || !resources::is_label_value(term.value))
      return bad("labelSelector",
                 fmt::format("\"{}\" is not of the form name, !name, name=value or name!=value", text));
    parameters.labels.push_back(std::move(term));
  }
  return parameters;
}

std::expected<void, Response> no_parameters(const Request& request,
                                            std::initializer_list<std::string_view> also) {
  std::vector<std::string_view> known(also);
  known.emplace_back("pretty");
  return only(request, std::move(known));
}

}  // namespace byway::control::api
