"""Contracts that do not exist: copies of `plugin-api` as a later version, another vendor or a careless hand would have them.

Each function changes the text of a copy. A text that is not there exactly once is an error: then the contract has changed,
and so must these lines.
"""

import re
from pathlib import Path

TABLES = ["EndpointVt", "ServiceVt", "RequestVt", "EventVt", "HostVt"]


class Copy:
    """A copy of the contract, in a workspace of its own."""

    def __init__(self, root: Path, folder: Path, members: list[str], beside: tuple[str, ...] = ()):
        """`beside` are folders that the members read files of."""
        self.root, self.folder, self.members, self.beside = root, folder, members, beside
        manifest = (root / "Cargo.toml").read_text()
        manifest = once(manifest, r"(?m)^members = .*$", "members = " + str(members).replace("'", '"'))
        manifest = once(manifest, r"(?m)^default-members = .*\n", "")
        # What a derive writes for an appended field is `unsafe`; the sealed module says so itself once it has one.
        manifest = once(manifest, r'(?m)^unsafe_code = "deny"', 'unsafe_code = "allow"')
        # Paths of crates that are not copied.
        manifest = re.sub(r'(?m)^(?!prony)[a-z-]+ = \{ path = .*\n', "", manifest)
        self.texts = {"Cargo.toml": manifest}

    def change(self, file: str, pattern: str, replacement: str):
        """Replaces what matches in a file, which must do so once. Nothing is written before `write`."""
        text = self.texts.get(file) or (self.root / file).read_text()
        self.texts[file] = once(text, pattern, replacement, file)

    def insert(self, file: str, text: str, *, before: str = "", after: str = ""):
        """Puts a text before or after another one."""
        anchor = before or after
        self.change(file, re.escape(anchor), (text + anchor if before else anchor + text).replace("\\", "\\\\"))

    def write(self):
        for member in [*self.members, *self.beside]:
            refresh(self.root / member, self.folder / member, {self.folder / file for file in self.texts})
        for name in ["Cargo.lock", "plugins.yaml"]:
            put(self.folder / name, (self.root / name).read_bytes())
        for file, text in self.texts.items():
            put(self.folder / file, text.encode())


def once(text: str, pattern: str, replacement: str, place="a manifest") -> str:
    changed, count = re.subn(pattern, replacement, text)
    if count != 1:
        raise SystemExit(f"compat: `{pattern}` stands {count} times in {place}; adapt tests/compat/contracts.py")
    return changed


def put(path: Path, data: bytes):
    """Writes a file unless it is the same already: cargo looks at the times of files."""
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def refresh(source: Path, copy: Path, but: set[Path] = frozenset()):
    """Makes `copy` the same as `source`, file by file, except for some."""
    wanted = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
    wanted = {path for path in wanted if path.parts[0] != "target"}
    for path in [p for p in copy.rglob("*") if p.is_file()] if copy.exists() else []:
        if path.relative_to(copy) not in wanted and path.name != "Cargo.lock":
            path.unlink()
    for path in wanted:
        if copy / path not in but:
            put(copy / path, (source / path).read_bytes())


def minor_of(root: Path) -> int:
    return int(re.search(r"pub const MINOR: u32 = (\d+);", (root / "plugin-api/src/version.rs").read_text())[1])


def append_to_every_table(copy: Copy, argument: str = "u32"):
    """One more field at the end of every table, and a line on stderr from whoever looks whether the other side has it."""
    abi = "plugin-api/src/abi/"
    field = f'    /// Appended.\n    pub appended: extern "C" fn({argument}) -> {argument},\n'
    for table in TABLES:
        copy.change(abi + "mod.rs", rf"(pub struct {table} \{{\n(?:.*\n)*?)(\}}\n)", rf"\1{field}\2")
    copy.insert(
        abi + "mod.rs",
        f'/// What every table ends with.\npub extern "C" fn appended(value: {argument}) -> {argument} {{\n    value + 1\n}}\n\n',
        before="/// An API format.\n",
    )
    author, host = abi + "author.rs", abi + "host.rs"
    copy.insert(author, "        appended: super::appended,\n", after="        parser_end: parser_end::<E::Parser>,\n")
    copy.insert(author, "        appended: super::appended,\n", after="        destroy: destroy::<S>,\n")
    for end, table in [("REQUEST_VT", "RequestVt"), ("EVENT_VT", "EventVt")]:
        copy.insert(
            host,
            "                appended: super::super::appended,\n",
            before=f"            }})\n        }}\n        pub(super) const {end}: {table}_Ref",
        )
    copy.insert(host, "            appended: super::appended,\n", after="            request_stop: host_request_stop::<T>,\n")

    if "host" in copy.members:
        # The tables that the loader makes for libraries in C.
        in_c = "host/src/plugin/loader/c/"
        copy.insert(in_c + "endpoint.rs", "        appended: prony_plugin_api::abi::appended,\n", after="        parser_end,\n")
        copy.insert(in_c + "service.rs", "        appended: prony_plugin_api::abi::appended,\n", after="        stop,\n        destroy,\n")

    def look(side: str, table: str, vt: str) -> str:
        return f'eprintln!("compat: {side} sees {table}.appended={{:?}}", {vt}.appended().map(|call| call(41)));\n'

    copy.insert(author, look("plugin", "HostVt", "host.vt"), after="    ONCE.call_once(|| {\n")
    copy.insert(author, look("plugin", "RequestVt", "out.vt"), before="    guard(|| endpoint.format(")
    copy.insert(author, look("plugin", "EventVt", "out.vt"), before="    guard(|| parser.end(")
    copy.insert(host, look("host", "EndpointVt", "vt"), before="let instance = from_abi((vt.create())(options.into()))?;")
    copy.insert(
        host, look("host", "ServiceVt", "vt"), before="let instance = from_abi((vt.create())(options.into(), host.0))?;"
    )


def next_minor(copy: Copy, minor: int):
    append_to_every_table(copy)
    _version(copy, minor + 1)


def another_vendors(copy: Copy, minor: int):
    """A fork whose own addition has the name of the next minor's, and another type."""
    append_to_every_table(copy, "u64")
    _version(copy, minor + 1)


def _version(copy: Copy, minor: int):
    copy.change("plugin-api/src/version.rs", r"pub const MINOR: u32 = \d+;", f"pub const MINOR: u32 = {minor};")
    # The types' package version is compared too.
    copy.change("plugin-api/Cargo.toml", r'(?m)^version = "1\.\d+\.\d+"', f'version = "1.{minor}.0"')


def inserted_field(copy: Copy, _minor: int):
    abi = "plugin-api/src/abi/"
    copy.insert(abi + "mod.rs", "    /// Inserted.\n    pub inserted: u32,\n", before="    /// Formats one request.\n")
    copy.insert(abi + "author.rs", "        inserted: 0,\n", before="        format: endpoint_format::<E>,\n")


def changed_struct(copy: Copy, _minor: int):
    copy.insert("plugin-api/src/abi/mod.rs", "u32", after="    pub cache_write: ")
    copy.change("plugin-api/src/abi/mod.rs", "cache_write: u32u64", "cache_write: u32")
    copy.change(
        "plugin-api/src/abi/convert.rs",
        r"(?s)cache_write: count\(usage\.cache_write\)(.*)cache_write: count\(usage\.cache_write\)",
        r"cache_write: count(usage.cache_write) as u32\1cache_write: count(usage.cache_write.into())",
    )


def removed_field(copy: Copy, _minor: int):
    abi = "plugin-api/src/abi/"
    copy.change(
        abi + "mod.rs",
        r'    /// The run as JSON, without secrets\.\n    pub run_facts: extern "C" fn\(Context\) -> RString,\n',
        "",
    )
    copy.change(abi + "host.rs", r"            run_facts: host_run_facts::<T>,\n", "")
    copy.change("plugin-api/src/service.rs", r"\(self\.0\.vt\.run_facts\(\)\)\(self\.0\.context\)\.into\(\)", "String::new()")


def another_epoch(copy: Copy, minor: int):
    copy.change("plugin-api/src/version.rs", "pub const EPOCH: u32 = 1;", "pub const EPOCH: u32 = 2;")
    another_symbol(copy, minor)


def another_symbol(copy: Copy, _minor: int):
    copy.change("plugin-api/src/version.rs", '"prony_plugin_root_v1"', '"prony_plugin_root_v2"')
    copy.change("plugin-api/src/export.rs", '"prony_plugin_root_v1"', '"prony_plugin_root_v2"')
