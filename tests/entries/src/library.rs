//! A library's file, before any of its code runs.

use prony::internals::read_descriptor;
use prony_plugin_api::{
    descriptor::Language,
    version::{EPOCH, MINOR},
};

/// Reads what `bytes` say about the library that they are, and the same as the descriptor of a sound library.
///
/// What passes is for this contract, can contain its panics, and can be said again in the same words.
///
/// # Panics
/// When one of that does not hold.
pub fn library(bytes: &[u8]) {
    judge(bytes);
    // Few strangers' bytes are an object file; all may stand in one.
    judge(&around(bytes));
}

fn judge(library: &[u8]) {
    match read_descriptor(library) {
        Ok(descriptor) => {
            assert_eq!(descriptor.epoch, EPOCH);
            assert!((0..=MINOR).contains(&descriptor.min_host_minor));
            // A library in C has no panics, and writes its descriptor in other words.
            if descriptor.language == Language::C {
                assert_eq!(descriptor.panic, "");
                return;
            }
            assert_eq!(descriptor.panic, "unwind");
            let again = serde_json::to_vec(&descriptor).expect("a descriptor is JSON");
            assert_eq!(read_descriptor(&around(&again)).as_ref(), Ok(&descriptor));
        }
        Err(fault) => assert!(!fault.is_empty()),
    }
}

/// The smallest library that holds this descriptor, for 64-bit x86 and Linux (System V ABI, chapters 4 and 5).
fn around(descriptor: &[u8]) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.shstrtab\0.prony.plugin\0";
    const HEADERS: usize = 64 + 56;
    let names_at = HEADERS + descriptor.len();
    let table_at = names_at + NAMES.len();
    let end = table_at + 3 * 64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
    longs(&mut file, &[0, 64, table_at]);
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 3, 0, 1, 0]);
    // One readable segment with everything in it.
    file.extend([1, 0, 0, 0, 4, 0, 0, 0]);
    longs(&mut file, &[0, 0, 0, end, end, 0x1000]);
    file.extend(descriptor);
    file.extend(NAMES);
    file.extend([0; 64]);
    for (name, kind, at, size) in [(1, 3, names_at, NAMES.len()), (11, 1, HEADERS, descriptor.len())] {
        file.extend([name, 0, 0, 0, kind, 0, 0, 0]);
        longs(&mut file, &[0, 0, at, size, 0, 1, 0]);
    }
    file
}

fn longs(file: &mut Vec<u8>, values: &[usize]) {
    file.extend(values.iter().flat_map(|value| (*value as u64).to_le_bytes()));
}
