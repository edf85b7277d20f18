//! Looks into a library's bytes without running or mapping any of them. Reads what it looks at and nothing else, so that a
//! file need not be read whole.
//!
//! The dynamic linker trusts what it maps: a file that ends too early kills the process with a bus error, and one for
//! another machine is reported as missing.

use std::{env::consts, ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

use object::{
    Architecture, BinaryFormat, Object, ObjectKind, ObjectSection, ObjectSegment, ObjectSymbol, ReadRef,
    StringTable, elf,
    read::elf::{Dyn, ElfFile, FileHeader, ProgramHeader},
};
use prony_plugin_api::descriptor::SECTION;

use super::fault::Fault;

/// A file that the dynamic linker could map here.
#[derive(Debug)]
pub(super) struct ObjectFile<'a, R: ReadRef<'a> = &'a [u8]>(object::File<'a, R>);

impl<'a, R: ReadRef<'a>> ObjectFile<'a, R> {
    /// Parses a file, and checks its platform, its kind and that all of it is there.
    pub(super) fn parse(bytes: R) -> Result<Self, Fault> {
        let has = bytes.len().unwrap_or(0);
        let file = object::File::parse(bytes)
            .map_err(|error| Fault::NotAnObject { size: has, reason: error.to_string() })?;
        let (found, host) = (Platform::of(&file), Platform::of_this_host());
        if found != host {
            return Err(Fault::Platform { found: found.to_string(), host: host.to_string() });
        }
        if file.kind() != ObjectKind::Dynamic {
            return Err(Fault::NotShared {
                found: format!("an object of kind {:?}", file.kind()).to_lowercase(),
            });
        }
        let needs = end(&file);
        if needs > has {
            return Err(Fault::Truncated { has, needs });
        }
        Ok(Self(file))
    }

    /// What the dynamic linker will look for. Nothing in formats other than ELF.
    pub(super) fn needs(&self) -> Result<Needs, Fault> {
        let needs = match &self.0 {
            object::File::Elf32(file) => needs_of(file),
            object::File::Elf64(file) => needs_of(file),
            _ => Ok(Needs::default()),
        };
        needs.map_err(|error| Fault::NotAnObject {
            size: end(&self.0),
            reason: format!("its dynamic section cannot be read: {error}"),
        })
    }

    /// The names that others must bring, or the library cannot be used. Nothing in formats other than ELF.
    pub(super) fn missing(&self) -> impl Iterator<Item = &'a str> {
        self.0.dynamic_symbols().filter_map(|symbol| {
            let is_missing = symbol.is_undefined() && !symbol.is_weak();
            symbol.name().ok().filter(|_| is_missing)
        })
    }

    /// The descriptor's text, without the zero bytes that end one in C.
    pub(super) fn descriptor(&self) -> Result<&'a [u8], Fault> {
        let section = self.0.section_by_name(SECTION);
        let data = section.and_then(|section| section.data().ok());
        let data = data.ok_or(Fault::NoDescriptor { section: SECTION })?;
        let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Ok(&data[..end])
    }
}

/// The names in the dynamic section of a library.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Paths of libraries, or bare names that are looked for.
    pub(super) libraries: Vec<PathBuf>,
    /// Folders to look in, which may begin with `$ORIGIN`.
    pub(super) folders: Vec<PathBuf>,
}

/// Entries that name a library: needed ones, and those that stand in for or look over others.
const LIBRARIES: [elf::DynamicTag; 5] =
    [elf::DT_NEEDED, elf::DT_FILTER, elf::DT_AUXILIARY, elf::DT_AUDIT, elf::DT_DEPAUDIT];

/// Reads the dynamic section where the linker finds it, by the program headers (System V ABI, chapter 5).
fn needs_of<'a, Header: FileHeader, R: ReadRef<'a>>(file: &ElfFile<'a, Header, R>) -> object::Result<Needs> {
    let (endian, data) = (file.endian(), file.data());
    let mut needs = Needs::default();
    for segment in file.elf_program_headers() {
        let Some(entries) = segment.dynamic(endian, data)? else { continue };
        let value = |wanted| {
            let entry = entries.iter().find(|entry| entry.d_tag(endian) == wanted);
            entry.map(|entry| entry.d_val(endian).into())
        };
        let (Some(address), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else { continue };
        let start: u64 = place_of(file, address).unwrap_or(address);
        // All of them at once: a search for the end of each gives up after some kilobytes.
        let Ok(strings) = data.read_bytes_at(start, size) else { continue };
        let strings = StringTable::new(strings, 0, strings.len() as u64);
        for entry in entries.iter().take_while(|entry| entry.d_tag(endian) != elf::DT_NULL) {
            let tag = entry.d_tag(endian);
            let is_folders = [elf::DT_RPATH, elf::DT_RUNPATH].contains(&tag);
            if !is_folders && !LIBRARIES.contains(&tag) {
                continue;
            }
            let text = entry.string(endian, strings)?;
            if is_folders {
                needs.folders.extend(split(text));
            } else {
                needs.libraries.push(PathBuf::from(OsStr::from_bytes(text)));
            }
        }
    }
    Ok(needs)
}

/// The folders of one entry of the section. An empty one is the working directory.
fn split(folders: &[u8]) -> impl Iterator<Item = PathBuf> {
    folders.split(|byte| *byte == b':').map(|folder| PathBuf::from(OsStr::from_bytes(folder)))
}

/// Where an address of the mapped library stands in its file.
fn place_of<'a, Header: FileHeader>(
    file: &ElfFile<'a, Header, impl ReadRef<'a>>,
    address: u64,
) -> Option<u64> {
    let endian = file.endian();
    file.elf_program_headers().iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(
        |segment| {
            let (from, length) = (segment.p_vaddr(endian).into(), segment.p_filesz(endian).into());
            let inside: u64 = address.checked_sub(from)?;
            (inside < length).then(|| segment.p_offset(endian).into().saturating_add(inside))
        },
    )
}

/// Where the last section or segment ends.
fn end<'a>(file: &object::File<'a, impl ReadRef<'a>>) -> u64 {
    let sections = file.sections().filter_map(|section| section.file_range());
    let segments = file.segments().map(|segment| segment.file_range());
    sections.chain(segments).map(|(start, size)| start.saturating_add(size)).max().unwrap_or(0)
}

/// What a library must be built for.
#[derive(Debug, PartialEq, Eq)]
struct Platform {
    format: BinaryFormat,
    architecture: Architecture,
    bits: u32,
    little_endian: bool,
}

impl Platform {
    fn of<'a>(file: &object::File<'a, impl ReadRef<'a>>) -> Self {
        Self {
            format: file.format(),
            architecture: file.architecture(),
            bits: if file.is_64() { 64 } else { 32 },
            little_endian: file.is_little_endian(),
        }
    }

    fn of_this_host() -> Self {
        let architecture = match consts::ARCH {
            "x86_64" => Architecture::X86_64,
            "x86" => Architecture::I386,
            "aarch64" => Architecture::Aarch64,
            "arm" => Architecture::Arm,
            "riscv64" => Architecture::Riscv64,
            "powerpc64" => Architecture::PowerPc64,
            "s390x" => Architecture::S390x,
            _ => Architecture::Unknown,
        };
        let format = match consts::DLL_EXTENSION {
            "dll" => BinaryFormat::Pe,
            "dylib" => BinaryFormat::MachO,
            _ => BinaryFormat::Elf,
        };
        Self { format, architecture, bits: usize::BITS, little_endian: cfg!(target_endian = "little") }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let architecture = format!("{:?}", self.architecture).to_lowercase();
        let endian = if self.little_endian { "little" } else { "big" };
        write!(f, "{architecture} ({} bits, {endian}-endian, {:?})", self.bits, self.format)
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use rstest::rstest;

    use super::{super::testing::library, *};

    fn error_text(bytes: &[u8]) -> String {
        ObjectFile::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_library_shows_its_descriptor() {
        let bytes = library(b"{\"schema\":1}");
        assert_eq!(ObjectFile::parse(&*bytes).unwrap().descriptor().unwrap(), b"{\"schema\":1}");
    }

    #[test]
    fn a_descriptor_may_end_as_texts_in_c_do() {
        let bytes = library(b"{\"schema\":1}\0\0");
        assert_eq!(ObjectFile::parse(&*bytes).unwrap().descriptor().unwrap(), b"{\"schema\":1}");
    }

    #[rstest]
    #[case::empty(b"", "its 0 bytes are not a shared library: ")]
    #[case::text(
        b"#!/bin/sh\necho a library, honestly, and long enough to be a header of one\n",
        "its 74 bytes are not a"
    )]
    #[case::only_the_magic(b"\x7fELF", "its 4 bytes are not a shared library: ")]
    fn what_is_no_object_is_refused(#[case] bytes: &[u8], #[case] expected: &str) {
        let error_text = error_text(bytes);
        assert!(error_text.starts_with(expected), "{error_text}");
    }

    /// Offsets are those of the ELF header (System V ABI, chapter 4).
    #[rstest]
    #[case::aarch64(
        18,
        0xb7,
        "it is built for aarch64 (64 bits, little-endian, Elf), and this host for x86_64 ("
    )]
    #[case::executable(16, 2, "it is an object of kind executable, not a shared library")]
    fn a_patched_header_is_noticed(#[case] offset: usize, #[case] value: u8, #[case] expected: &str) {
        let mut bytes = library(b"{}");
        bytes[offset] = value;
        let error_text = error_text(&bytes);
        assert!(error_text.starts_with(expected), "{error_text}");
    }

    /// Wherever it is cut: never a mapping that ends beyond the file.
    #[test]
    fn a_library_that_is_cut_anywhere_is_refused() {
        let bytes = library(b"{\"schema\":1}");
        for length in 0..bytes.len() {
            assert!(ObjectFile::parse(&bytes[..length]).is_err(), "cut to {length} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_segment_beyond_the_end_says_how_much_is_missing() {
        let mut bytes = library(b"{}");
        let size = bytes.len() as u64;
        // p_filesz of the first program header.
        bytes[64 + 32..64 + 40].copy_from_slice(&(size + 1000).to_le_bytes());
        assert_eq!(
            error_text(&bytes),
            format!("it is cut off: it has {size} bytes and needs {}", size + 1000)
        );
    }

    #[test]
    fn a_library_without_a_descriptor_is_no_plugin() {
        let mut bytes = library(b"{}");
        let name = bytes.windows(SECTION.len()).position(|window| window == SECTION.as_bytes()).unwrap();
        bytes[name] = b'_';
        let fault = ObjectFile::parse(&*bytes).unwrap().descriptor().unwrap_err();
        assert_eq!(fault.to_string(), "it has no `.prony.plugin` section, so it is not a plugin");
    }

    #[test]
    fn folders_are_separated_by_colons() {
        assert_eq!(split(b"/a::b").collect::<Vec<_>>(), ["/a", "", "b"].map(PathBuf::from));
    }
}
