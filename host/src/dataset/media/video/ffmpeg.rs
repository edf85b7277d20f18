//! The system's ffmpeg: frames go in by a pipe, a file comes out.
//!
//! A file and not a pipe, since the containers are written with a look back: their beginning says how long they are.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::canvas::RGB;
use crate::{
    bounded::{self, MEGABYTE},
    dataset::media::outline::{MOST_OF_A_REQUEST, MediaError},
    plan::media::{VideoConfig, VideoFormat},
};

/// Looked for on the PATH.
const PROGRAM: &str = "ffmpeg";

/// So much of what it says is shown, in characters.
const MOST_SAID: usize = 300;

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
        let folder = tempfile::tempdir().map_err(files)?;
        let [sound, film, said] = ["sound.wav", "film", "said"].map(|name| folder.path().join(name));
        if let Some(bytes) = self.sound {
            fs::write(&sound, bytes).map_err(files)?;
        }
        let mut child = Command::new(PROGRAM)
            .args(self.arguments(&sound, &film))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // A pipe that nobody reads while frames are written would end in a wait for each other.
            .stderr(File::create(&said).map_err(files)?)
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => MediaError::NoFfmpeg { what: what() },
                _ => refused(error.to_string()),
            })?;
        let fed = self.feed(&mut child, frames, draw);
        let status = child.wait().map_err(|error| refused(error.to_string()))?;
        if !status.success() {
            return Err(refused(format!("{status}{}", last_words(&said))));
        }
        fed.map_err(|error| refused(format!("it ended before the last frame: {error}")))?;
        bounded::read(&film, MOST_OF_A_REQUEST / MEGABYTE)
            .map_err(|error| refused(format!("its file cannot be used: {error}")))
    }

    fn feed(&self, child: &mut Child, frames: u64, draw: impl Fn(u64, &mut [u8])) -> io::Result<()> {
        let mut pipe = child.stdin.take().ok_or(ErrorKind::BrokenPipe)?;
        let mut pixels = vec![0; self.config.width as usize * self.config.height as usize * RGB];
        for number in 0..frames {
            draw(number, &mut pixels);
            pipe.write_all(&pixels)?;
        }
        Ok(())
    }

    /// What it is asked to do. Nothing of its own version, of the time or of chance gets into the file.
    fn arguments(&self, sound: &Path, film: &Path) -> Vec<OsString> {
        let VideoConfig { width, height, fps, codec, .. } = self.config;
        let mut words = words("-hide_banner -loglevel error -nostdin -y -f rawvideo -pixel_format rgb24");
        words.extend(self::words(&format!("-video_size {width}x{height} -framerate {fps} -i pipe:0")));
        if self.sound.is_some() {
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
fn last_words(said: &Path) -> String {
    let bytes = bounded::read(said, 1).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let start = line.char_indices().rev().nth(MOST_SAID - 1).map_or(0, |(at, _)| at);
    if line.is_empty() { String::new() } else { format!(": {}", &line[start..]) }
}
