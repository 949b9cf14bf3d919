#include "control/api/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "control/reader/write.h"

namespace byway::control::api {
namespace {

using reader::Node;

std::shared_ptr<spdlog::logger> make_logger(const std::string& path) {
  spdlog::sink_ptr sink;
  if (path.empty())
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  else
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
  auto logger = std::make_shared<spdlog::logger>("audit", std::move(sink));
  logger->set_pattern("%v");
  logger->flush_on(spdlog::level::info);
  return logger;
}

}  // namespace

class AuditLog::Sink {
 public:
  explicit Sink(std::string path) : path_(std::move(path)), logger_(make_logger(path_)) {}

  void write(const std::string& line) {
    const std::lock_guard lock(mutex_);
    logger_->info("{}", line);
  }

  void reopen() {
    const std::lock_guard lock(mutex_);
    if (!path_.empty()) logger_ = make_logger(path_);
  }

 private:
  std::mutex mutex_;
  std::string path_;
  std::shared_ptr<spdlog::logger> logger_;
};

AuditLog::AuditLog(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
AuditLog::~AuditLog() = default;

std::expected<std::unique_ptr<AuditLog>, std::string> AuditLog::open(std::string path) {
  if (!path.empty()) {
    // The logger would create it with the umask's mode; it names objects and people.
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
    close(fd);
  }
  try {
    return std::unique_ptr<AuditLog>(new AuditLog(std::make_unique<Sink>(std::move(path))));
  } catch (const spdlog::spdlog_ex& exception) {
    return std::unexpected(exception.what());
  }
}

void AuditLog::write(const AuditRecord& record) {
  sink_->write(audit_line(record, utc_now()));
}
void AuditLog::reopen() {
  sink_->reopen();
}

std::string audit_line(const AuditRecord& record, const std::string& time) {
  Node node = Node::object();
  node.add("time", Node::string(time));
  node.add("audit", Node::string("write"));
  node.add("caller", Node::string(record.caller));
  node.add("method", Node::string(record.method));
  node.add("path", Node::string(record.path));
  node.add("status", Node::number(record.status));
  const WriteNote& note = record.note;
  if (note.is_dry_run) node.add("dryRun", Node::boolean(true));
  if (note.revision != 0) node.add("revision", Node::number(static_cast<std::int64_t>(note.revision)));
  if (!note.objects.empty()) {
    Node& list = node.add("objects", Node::list());
    for (const std::string& text : note.objects) list.items.push_back(Node::string(text));
  }
  if (!note.reason.empty()) node.add("reason", Node::string(note.reason));
  if (!note.message.empty()) node.add("message", Node::string(note.message));
  return reader::to_json(node);
}

}  // namespace byway::control::api
