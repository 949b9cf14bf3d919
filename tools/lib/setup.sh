# Sets up a machine for Byway: which Debian packages a command needs, which are missing, and how they
# get in. Sourced by tools/quickstart and tools/test; defines functions and changes nothing by itself.
#
# Only Debian 12 is installed on unasked, by package name, through the machine's own apt. Anywhere else
# the list is printed and the command stops: package names differ, and guessing them breaks machines.

# What compiling takes: the data plane, the agent and the command line.
byway_packages_build=(
  g++ meson ninja-build pkg-config python3 patch
  libdpdk-dev libfmt-dev libxxhash-dev libyaml-cpp-dev libcap-dev libseccomp-dev libpcap-dev
  protobuf-compiler libprotobuf-dev libsqlite3-dev libcli11-dev libspdlog-dev libcpp-httplib-dev
  libcurl4-openssl-dev libssl-dev libipsec-mb-dev nlohmann-json3-dev
)
# What the demo runs beside Byway: two real HTTP servers, network namespaces, a client to try.
byway_packages_demo=(nginx iproute2 ethtool curl python3)
# What the tests run beside it: sanitizers and fuzzing (clang 19), foreign peers, checkers.
byway_packages_test=(
  git ccache ca-certificates xz-utils
  clang-19 libclang-rt-19-dev clang-tidy-19 clang-format-19 llvm-19 gcovr valgrind
  nginx wrk curl ethtool iproute2 iputils-ping nftables nodejs python3 tcpdump
)

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Runs a command as root: directly, or through sudo, which asks for a password where it must.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo -- "$@"
  else
    fail "this step needs root and there is no sudo: run the command as root ($*)"
  fi
}

is_debian_12() {
  [ -r /etc/os-release ] || return 1
  (. /etc/os-release; [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

# Prints the packages out of "$@" that are not installed, one a line, each once.
missing_packages() {
  local package
  for package in $(printf '%s\n' "$@" | sort -u); do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || say "$package"
  done
}

# Installing a server package starts the server and enables it for the next boot. For the length of the
# installation a policy-rc.d says no; a policy that the machine has already is left as it is.
byway_policy=/usr/sbin/policy-rc.d
forbid_autostart() {
  [ -e "$byway_policy" ] && return 0
  as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$byway_policy && chmod 755 $byway_policy"
  byway_policy_is_ours=yes
}
allow_autostart() {
  [ "${byway_policy_is_ours:-no}" = yes ] || return 0
  as_root rm -f "$byway_policy"
  byway_policy_is_ours=no
}

# Turns apt-get's output into counted progress: one line that moves on a terminal, else a line for
# every tenth package. The whole output goes to the log file $2; $1 is the number of packages.
count_packages() {
  local total=$1 log=$2 done=0 line
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    case $line in
      "Need to get"*) say "      ${line%% [Bb]efore*}" ;;
      "Setting up "*)
        done=$((done + 1))
        line=${line#Setting up }; line=${line%% *}
        if [ -t 1 ]; then
          printf '\r\033[K      [%d/%d] %s' "$done" "$total" "$line"
        elif [ $((done % 10)) = 0 ] || [ "$done" = "$total" ]; then
          say "      [$done/$total] $line"
        fi ;;
    esac
  done
  if [ -t 1 ]; then printf '\n'; fi
}

# Installs what is missing of the packages "$@".
require_packages() {
  local missing total log had_nginx=yes
  if ! is_debian_12; then
    local commands_missing=() command_name
    for command_name in g++ meson ninja pkg-config python3; do
      command -v "$command_name" >/dev/null 2>&1 || commands_missing+=("$command_name")
    done
    [ "${BYWAY_PACKAGES_ARE_THERE:-}" = 1 ] && return 0
    say "This is not Debian 12, so nothing is installed here. What is needed, by Debian 12's names:"
    printf '  %s\n' $(printf '%s\n' "$@" | sort -u)
    [ ${#commands_missing[@]} = 0 ] || say "Of the commands these are missing: ${commands_missing[*]}"
    fail "install them and run again with BYWAY_PACKAGES_ARE_THERE=1"
  fi
  missing=$(missing_packages "$@")
  if [ -z "$missing" ]; then
    say "      all $(printf '%s\n' "$@" | sort -u | wc -l) packages are installed"
    return 0
  fi
  say "      missing:" $missing
  case " "$missing" " in *nginx*) had_nginx=no ;; esac
  log=$(mktemp "${TMPDIR:-/tmp}/byway-apt.XXXXXX")
  say "      reading the package lists (log: $log)"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >>"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; fail "apt-get update failed; the log is $log"; }
  total=$(apt-get -s -q --no-install-recommends install $missing 2>>"$log" | grep -c '^Inst ') ||
    { tail -n 20 "$log" >&2; fail "apt-get cannot install these packages; the log is $log"; }
  trap 'allow_autostart; exit 130' INT TERM
  forbid_autostart
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing 2>&1 |
    count_packages "$total" "$log"
  local status=${PIPESTATUS[0]}
  allow_autostart
  trap - INT TERM
  [ "$status" = 0 ] || { tail -n 20 "$log" >&2; fail "apt-get install failed; the log is $log"; }
  if [ "$had_nginx" = no ] && command -v systemctl >/dev/null 2>&1; then
    # Byway starts its own nginx with its own configuration; the system's stays off until wanted.
    as_root systemctl disable nginx.service >>"$log" 2>&1 || say "      note: could not disable the system's nginx"
  fi
  missing=$(missing_packages "$@")
  [ -z "$missing" ] || fail "still missing after the installation: $missing (log: $log)"
  rm -f "$log"
}
