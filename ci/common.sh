# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scripts in ci/ share; to be sourced. No process substitution in any of them: it needs /dev/fd, which a root
# without /proc lacks.
# Sets `root` (the clone) and `program` (this script's name in messages).
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=ci/$(basename "$0")
# Exit codes as the command assay has them.
# shellcheck disable=SC2034
readonly exit_findings=1 exit_usage=2 exit_infrastructure=3

say() { printf '%s: %s\n' "$program" "$*"; }

# die STATUS TEXT...: says why on stderr and ends the script.
die() {
  local status=$1
  shift
  printf '%s: %s\n' "$program" "$*" >&2
  exit "$status"
}

# show_help: the script's own header comment, from its second paragraph on.
show_help() { awk 'NR > 3 && !/^#/ { exit } NR > 3 { sub(/^# ?/, ""); print }' "$0"; }

# usage_error TEXT
usage_error() { die "$exit_usage" "$1 (see $program --help)"; }

# step LOG TITLE COMMAND...: runs the command, its output going to LOG, and prints one line with the seconds it took; on
# failure the last lines of LOG too. Returns the command's status.
step() {
  local log=$1 title=$2 start=$SECONDS status=0
  shift 2
  mkdir -p "$(dirname "$log")"
  printf '%s: %s ... ' "$program" "$title"
  printf '\n== %s\n$ %s\n' "$title" "$*" >>"$log"
  "$@" >>"$log" 2>&1 </dev/null || status=$?
  if ((status == 0)); then
    printf '%d s\n' $((SECONDS - start))
  else
    printf 'failed after %d s (exit %d). The end of %s:\n' $((SECONDS - start)) "$status" "$log"
    tail -n 50 "$log" | sed 's/^/    /'
  fi
  return "$status"
}
