//! Writes the built-in vocabulary as a table that the program reads where it lies: see `src/dataset/vocabulary`.

use std::{error::Error, fs, path::Path};

#[path = "../src/dataset/vocabulary/hash.rs"]
mod hash;

/// Tokens of `o200k_base` that stand for text. Their ids have no gaps.
const TOKENS: u32 = 199_998;

/// Writes its three lists into a folder: bytes, beginnings, slots.
pub(crate) fn write(out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let vocabulary = tiktoken_rs::o200k_base()?;
    let (mut bytes, mut starts) = (Vec::new(), vec![0]);
    let mut slots = vec![0; 1 << hash::SLOT_BITS];
    for id in 0..TOKENS {
        let token = vocabulary.decode_bytes(&[id])?;
        let first = hash::slot(&token);
        let free = (first..slots.len()).chain(0..first).find(|slot| slots[*slot] == 0);
        slots[free.ok_or("the table is full")?] = id + 1;
        bytes.extend(token);
        starts.push(u32::try_from(bytes.len())?);
    }
    fs::write(out_dir.join("o200k.bytes"), bytes)?;
    fs::write(out_dir.join("o200k.starts"), numbers(&starts))?;
    fs::write(out_dir.join("o200k.slots"), numbers(&slots))?;
    println!("cargo:rerun-if-changed=src/dataset/vocabulary/hash.rs");
    Ok(())
}

fn numbers(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|number| number.to_le_bytes()).collect()
}
