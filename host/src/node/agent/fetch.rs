//! What an agent has kept, on its way here: in pieces, each of which is asked for until it has come. The agent's disk has it as long as
//! nobody says that it is in other hands.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use rustix::fs::statvfs;
use serde::{Deserialize, Serialize};

use super::{
    error::AgentError,
    files::plain,
    messages::{KeptFile, PieceOf},
};
use crate::{nats::Bus, record::serde_bytes_vec};

/// Bytes of a file that are sent at once, before they are made smaller: what cannot be made smaller must fit as well.
const PIECE: usize = 448 << 10;

/// How long one piece may take.
const PIECE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a piece is asked for.
const ATTEMPTS: u32 = 3;

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// Its bytes, by DEFLATE.
    #[serde(with = "serde_bytes_vec")]
    deflated: Vec<u8>,
    /// CRC-32 of the bytes.
    crc: u32,
}

impl Chunk {
    fn of(bytes: &[u8]) -> io::Result<Self> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes)?;
        Ok(Self { deflated: encoder.finish()?, crc: crc32fast::hash(bytes) })
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        DeflateDecoder::new(&*self.deflated).take(PIECE as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > PIECE || crc32fast::hash(&bytes) != self.crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged"));
        }
        Ok(bytes)
    }
}

/// The piece of a file that begins there.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn chunk_of(path: &Path, offset: u64) -> io::Result<Chunk> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::with_capacity(PIECE);
    file.take(PIECE as u64).read_to_end(&mut bytes)?;
    Chunk::of(&bytes)
}

/// Whose files are fetched.
pub(super) struct Origin<'a> {
    pub(super) bus: &'a Bus,
    /// Where the agent is asked.
    pub(super) subject: String,
    pub(super) name: &'a str,
    /// What it has the files of: see [`PieceOf`].
    pub(super) run: &'a str,
}

impl Origin<'_> {
    /// Something cannot be written here.
    pub(super) fn cannot_keep(&self, source: io::Error) -> AgentError {
        AgentError::Keep { name: self.name.to_owned(), source }
    }
}

/// Brings a file into `dir`, and to the disk. Says how many of its bytes are missing.
///
/// # Errors
/// It cannot be written here, or says that it is larger than the disk has room for.
pub(super) fn fetch(from: &Origin<'_>, file: &KeptFile, dir: &Path) -> Result<u64, AgentError> {
    let failed = |source| from.cannot_keep(source);
    check_room(file, free_bytes(dir)).map_err(failed)?;
    let mut here = File::create(dir.join(plain(&file.name).map_err(failed)?)).map_err(failed)?;
    let mut offset = 0;
    while offset < file.bytes {
        let piece =
            (0..ATTEMPTS).find_map(|_| ask(from, &file.name, offset)).filter(|piece| !piece.is_empty());
        let Some(piece) = piece else { break };
        here.write_all(&piece).map_err(failed)?;
        offset += piece.len() as u64;
    }
    here.sync_all().map_err(failed)?;
    Ok(file.bytes.saturating_sub(offset))
}

/// What is free on the disk of a folder, in bytes. Nothing where the system does not say.
fn free_bytes(dir: &Path) -> Option<u64> {
    let system = statvfs(dir).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

fn check_room(file: &KeptFile, free: Option<u64>) -> io::Result<()> {
    match free {
        Some(free) if file.bytes > free => Err(io::Error::new(
            io::ErrorKind::StorageFull,
            format!("`{}` has {} bytes, and the disk has room for {free}", file.name, file.bytes),
        )),
        _ => Ok(()),
    }
}

/// Asks for a piece once.
fn ask(from: &Origin<'_>, name: &str, offset: u64) -> Option<Vec<u8>> {
    let question = PieceOf { run: from.run.to_owned(), name: name.to_owned(), offset };
    let question = rmp_serde::to_vec_named(&question).ok()?;
    let answer = from.bus.request(&from.subject, question, PIECE_TIMEOUT);
    let chunk = answer.map(|answer| rmp_serde::from_slice::<Chunk>(&answer));
    match chunk {
        Ok(Ok(chunk)) => chunk.bytes().ok(),
        Ok(Err(error)) => {
            tracing::debug!(agent = from.name, %error, "a piece cannot be read");
            None
        }
        Err(error) => {
            tracing::debug!(agent = from.name, %error, "a piece has not come");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_arrives_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let content: Vec<u8> = (0..PIECE + 100).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
        std::fs::write(&path, &content).unwrap();
        let first = chunk_of(&path, 0).unwrap();
        let sent = rmp_serde::to_vec_named(&first).unwrap();
        assert!(sent.len() < 512 << 10, "{}", sent.len());
        assert_eq!(rmp_serde::from_slice::<Chunk>(&sent).unwrap().bytes().unwrap(), content[..PIECE]);
        assert_eq!(chunk_of(&path, PIECE as u64).unwrap().bytes().unwrap(), content[PIECE..]);
        assert_eq!(chunk_of(&path, content.len() as u64).unwrap().bytes().unwrap(), [0; 0]);
    }

    #[test]
    fn a_file_for_which_there_is_no_room_is_refused() {
        let file = KeptFile { name: "journal.prony".to_owned(), bytes: 11 };
        let error = check_room(&file, Some(10)).unwrap_err();
        assert_eq!(error.to_string(), "`journal.prony` has 11 bytes, and the disk has room for 10");
        assert!(check_room(&file, Some(11)).is_ok() && check_room(&file, None).is_ok());
    }

    #[test]
    fn a_damaged_piece_is_noticed() {
        let chunk = Chunk { crc: 1, ..Chunk::of(b"abc").unwrap() };
        assert!(chunk.bytes().is_err());
    }
}
