# shellcheck shell=bash
# What the scripts of this folder share: sourced by them, from the top of the repository.

# Ends the script, with what is wrong and what to do about it.
stop() { echo "$(basename "$0"): $1" >&2; exit "${2:-1}"; }

# Looks for known vulnerabilities in what prony depends on, and prints what was looked at: one line. Fails if there are any, or if cargo-deny
# cannot look, and not because the database of RustSec cannot be had: `known_vulnerabilities [SECONDS]` says how long
# fetching may take (30).
known_vulnerabilities() {
    local quietly=(cargo deny --log-level error) database day=''
    if timeout "${1:-30}" "${quietly[@]}" fetch db >&2; then
        "${quietly[@]}" --locked --offline check advisories >&2 && echo "known vulnerabilities: none, by the database of today"
        return
    fi
    for database in "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/*/; do
        day=$(git -C "$database" log -1 --format=%cs 2> /dev/null) || true
    done
    # An older one says little, and cargo-deny refuses it from 90 days on.
    if [[ $day > $(date -u -d '80 days ago' +%F) ]]; then
        "${quietly[@]}" --locked --offline check advisories >&2 && echo "known vulnerabilities: none, by the database of $day"
    else
        echo "known vulnerabilities: NOT LOOKED AT, since the database of RustSec cannot be fetched"
    fi
}

# The libraries that `plugins.yaml` names, without `lib` and `.so`: each is of the package of that name, with `-` for `_`.
shipped_libraries() { sed -n 's/^ *class: \([a-z0-9_]*\):.*/\1/p' plugins.yaml | sort -u; }

# Copies the libraries that `plugins.yaml` names, and the manifest itself: `copy_plugins BUILT INTO`. Other libraries may lie in the folder
# of a build, such as those of the tests.
copy_plugins() {
    local built=$1 into=$2 name
    install -d "$into"
    for name in $(shipped_libraries); do
        test -f "$built/lib$name.so" || stop "there is no \`$built/lib$name.so\`: build the plugins there first"
        install -m 644 "$built/lib$name.so" "$into/"
    done
    install -m 644 plugins.yaml "$into/"
}
