//! The system's ffmpeg: frames go in by a pipe, a file comes out.
//!
//! A file and not a pipe, since the containers are written with a look back: their beginning says how long they are. It has no
//! name, so that Ctrl-C leaves nothing behind.

use std::{ffi::OsString, io::ErrorKind, path::Path, process::Command, time::Duration};

use super::{
    canvas::RGB,
    encoder::{Encoder, Stop},
    scratch::Scratch,
};
use crate::{
    dataset::media::outline::{MOST_OF_A_REQUEST, MediaError},
    plan::media::{VideoConfig, VideoFormat},
};

/// Looked for on the PATH.
const PROGRAM: &str = "ffmpeg";

/// So much of what it says is shown, in characters.
const MOST_SAID: usize = 300;

/// It may take so long for a part of a frame, and for the end: the slowest encoders look ahead at many frames.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a video is encoded.
pub(super) struct Encoding<'a> {
    pub(super) config: &'a VideoConfig,
    /// A WAV file.
    pub(super) sound: Option<&'a [u8]>,
}

impl Encoding<'_> {
    /// Encodes so many frames, each of which is drawn, by its number, when the one before it has been taken.
    ///
    /// # Errors
    /// There is no such program, it fails, or there is no place for files.
    pub(super) fn run(
        &self,
        what: &dyn Fn() -> String,
        frames: u64,
        draw: impl Fn(u64, &mut [u8]),
    ) -> Result<Vec<u8>, MediaError> {
        let files = |source| MediaError::Files { what: what(), source };
        let refused = |reason: String| MediaError::Ffmpeg { what: what(), reason };
        let sound = self.sound.map(Scratch::with).transpose().map_err(files)?;
        let film = Scratch::new().map_err(files)?;
        let mut command = Command::new(PROGRAM);
        command.args(self.arguments(sound.as_ref().map(Scratch::path), film.path()));
        let mut encoder = Encoder::start(&mut command, PATIENCE).map_err(|error| match error.kind() {
            ErrorKind::NotFound => MediaError::NoFfmpeg { what: what() },
            _ => refused(error.to_string()),
        })?;
        let fed = match self.feed(&mut encoder, frames, draw) {
            Err(hangs @ Stop::Hangs(_)) => return Err(refused(hangs.to_string())),
            fed => fed,
        };
        let status = encoder.end().map_err(|stop| refused(stop.to_string()))?;
        if !status.success() {
            return Err(refused(format!("{status}{}", last_words(encoder.said()))));
        }
        fed.map_err(|error| refused(format!("it ended before the last frame: {error}")))?;
        film.read(MOST_OF_A_REQUEST).map_err(|error| refused(format!("its file cannot be used: {error}")))
    }

    fn feed(&self, encoder: &mut Encoder, frames: u64, draw: impl Fn(u64, &mut [u8])) -> Result<(), Stop> {
        let mut pixels = vec![0; self.config.width as usize * self.config.height as usize * RGB];
        for number in 0..frames {
            draw(number, &mut pixels);
            encoder.give(&pixels)?;
        }
        Ok(())
    }

    /// What it is asked to do. Nothing of its own version, of the time or of chance gets into the file.
    fn arguments(&self, sound: Option<&Path>, film: &Path) -> Vec<OsString> {
        let VideoConfig { width, height, fps, codec, .. } = self.config;
        let mut words = words("-hide_banner -loglevel error -nostdin -y -f rawvideo -pixel_format rgb24");
        words.extend(self::words(&format!("-video_size {width}x{height} -framerate {fps} -i pipe:0")));
        if let Some(sound) = sound {
            words.extend(["-i".into(), sound.into()]);
        }
        words.extend(self::words("-map 0:v -pix_fmt yuv420p -threads 1 -c:v"));
        words.push(codec.into());
        if codec.starts_with("libvpx") {
            // Else a second of a large video takes many seconds.
            words.extend(self::words("-deadline realtime -cpu-used 8"));
        }
        if let Some(sound) = &self.config.sound {
            words.extend(self::words("-map 1:a -c:a"));
            words.push((&sound.codec).into());
        }
        words.extend(self::words(
            "-map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -f",
        ));
        words.push(muxer(self.config.format).into());
        words.push(film.into());
        words
    }
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

/// What ffmpeg calls a container.
fn muxer(format: VideoFormat) -> &'static str {
    match format {
        VideoFormat::Webm => "webm",
        VideoFormat::Mp4 => "mp4",
    }
}

/// The end of what the program said, behind a colon; nothing if it said nothing.
fn last_words(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let start = line.char_indices().rev().nth(MOST_SAID - 1).map_or(0, |(at, _)| at);
    if line.is_empty() { String::new() } else { format!(": {}", &line[start..]) }
}
