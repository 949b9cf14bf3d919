#include "l7/http1/date.h"

#include <chrono>
#include <cstring>

namespace byway::l7::http1 {
namespace {

constexpr char day_names[] = "SunMonTueWedThuFriSat";
constexpr char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::size_t name_bytes = 3;

void write_two(char* at, unsigned value) {
  at[0] = static_cast<char>('0' + value / 10 % 10);
  at[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

void DateText::format(std::int64_t unix_seconds) {
  using namespace std::chrono;
  seconds_ = unix_seconds;
  const sys_seconds time{seconds(unix_seconds)};
  const sys_days day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::memcpy(text_.data(), "Sun, 00 Jan 0000 00:00:00 GMT", date_bytes);
  char* text = text_.data();
  std::memcpy(text, day_names + name_bytes * weekday(day).c_encoding(), name_bytes);
  write_two(text + 5, unsigned{date.day()});
  std::memcpy(text + 8, month_names + name_bytes * (unsigned{date.month()} - 1), name_bytes);
  const auto year = static_cast<unsigned>(int{date.year()});
  write_two(text + 12, year / 100);
  write_two(text + 14, year % 100);
  write_two(text + 17, static_cast<unsigned>(clock.hours().count()));
  write_two(text + 20, static_cast<unsigned>(clock.minutes().count()));
  write_two(text + 23, static_cast<unsigned>(clock.seconds().count()));
}

}  // namespace byway::l7::http1
