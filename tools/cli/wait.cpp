#include "tools/cli/wait.h"

#include <fmt/format.h>

#include <algorithm>

namespace byway::cli {

void report_receipt(const Json& body, Context& context) {
  const Json receipt = body.is_object() && body.contains("receipt") ? body["receipt"] : body;
  const bool applied = receipt.is_object() && receipt.value("applied", false);
  double slowest = 0;
  std::string reasons;
  std::size_t count = 0;
  if (receipt.is_object() && receipt.contains("workers") && receipt["workers"].is_array()) {
    for (const Json& worker : receipt["workers"]) {
      ++count;
      slowest = std::max(slowest, worker.value("applyNs", 0.0));
      const std::string reason = worker.value("reason", "");
      if (!reason.empty()) reasons += fmt::format("\n  worker {}: {}", worker.value("worker", 0), reason);
    }
  }
  if (applied) {
    fmt::print(stderr, "generation {} runs on {} worker{} (slowest after {})\n",
               text_at(receipt, "generation"), count, count == 1 ? "" : "s", duration_text(slowest));
    return;
  }
  const std::string reason = receipt.is_object() ? receipt.value("reason", "") : "";
  context.fail({Exit::not_applied,
                fmt::format("stored, but not running everywhere yet{}{}{}", reason.empty() ? "" : ": ",
                            reason, reasons),
                "`byway workers` shows what each worker runs; the agent goes on publishing"});
}

}  // namespace byway::cli
