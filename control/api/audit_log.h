// The audit log: one line of JSON for each write, refused ones included.
#pragma once
#include <expected>
#include <memory>
#include <string>

#include "control/api/api.h"

namespace byway::control::api {

/// Thread: any.
class AuditLog {
 public:
  /// Appends to the file (mode 0600); empty: standard error.
  static std::expected<std::unique_ptr<AuditLog>, std::string> open(std::string path);
  ~AuditLog();

  void write(const AuditRecord& record);
  /// Opens the file anew, after it was moved away by log rotation.
  void reopen();

 private:
  class Sink;
  explicit AuditLog(std::unique_ptr<Sink> sink);
  std::unique_ptr<Sink> sink_;
};

/// The line, without its end.
std::string audit_line(const AuditRecord& record, const std::string& time);

}  // namespace byway::control::api
